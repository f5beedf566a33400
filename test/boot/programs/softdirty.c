// SPDX-License-Identifier: MIT
//
// softdirty: bit 55 of /proc/self/pagemap says which pages were stored to since 4 was
// written to /proc/self/clear_refs, as Linux's documentation of it has it.

#include "user/abi.h"
#include "user/require.h"
#include "user/ulib.h"
#include "user/user.h"

enum { PAGES = 1300, PAGE = 4096 };      // more than two page tables' worth

static char *region;
static uint64 entry[PAGES];

static void
look(void)
{
  long fd = sys_open("/proc/self/pagemap", O_RDONLY, 0);
  require(fd >= 0);
  require(sys_pread(fd, entry, sizeof entry, (uint64)region / PAGE * 8) == sizeof entry);
  sys_close(fd);
}

static void
clear(void)
{
  long fd = sys_open("/proc/self/clear_refs", O_WRONLY, 0);
  require(fd >= 0 && sys_write(fd, "4", 1) == 1);
  sys_close(fd);
}

// Just every n-th page?
static void
changed_are(int n)
{
  look();
  for(int i = 0; i < PAGES; i++)
    require((entry[i] >> 55 & 1) == (n && i % n == 0));
}

static void
store_every(int n)
{
  for(int i = 0; i < PAGES; i += n)
    region[(long)i * PAGE]++;
}

int
main(void)
{
  region = mmap(NULL, (long)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0);
  require(region != (char *)-1);
  store_every(1);
  changed_are(1);
  clear();
  changed_are(0);
  for(int i = 0; i < PAGES; i++)
    require(region[(long)i * PAGE] == 1);
  changed_are(0);
  store_every(7);
  changed_are(7);
  require(sys_madvise(region, (long)PAGES * PAGE, MADV_PAGEOUT) == 0);
  changed_are(7);
  store_every(7);
  changed_are(7);
  clear();
  changed_are(0);
  store_every(3);
  changed_are(3);
  printf("softdirty: OK\n");
  return 0;
}
