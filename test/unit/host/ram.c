// SPDX-License-Identifier: MIT
//
// The host's memory behind simulated RAM.  Apart, because <sys/mman.h> and
// mm/space.h both know what PROT_READ is.

#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>
#include "ram.h"

bool
ram_map(u64 at, u64 size)
{
  void *p = mmap((void *)at, size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  return p == (void *)at;
}

void
ram_unmap(u64 at, u64 size)
{
  munmap((void *)at, size);
}

u8 *
ram_file(u64 size, int *fd)
{
  *fd = memfd_create("disk", 0);
  if(*fd < 0 || ftruncate(*fd, (off_t)size) < 0)
    return NULL;
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
  return p == MAP_FAILED ? NULL : p;
}
