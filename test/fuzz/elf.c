// SPDX-License-Identifier: MIT
//
// The kernel's ELF loader (kernel/elf.c, as it is) under libFuzzer, or, with REPLAY,
// over the files named on the command line.  The space is a list of ranges: whatever
// the file says, nothing is mapped outside of what a user may have, nothing cleared
// that is not mapped, and nothing kept.

#define timespec libc_timespec          // vfs.h has its own
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#undef timespec
#undef SEEK_SET
#undef SEEK_CUR
#undef SEEK_END
#include "fs/vfs.h"
#include "kernel/elf.h"
#include "kernel/errno.h"
#include "kernel/task.h"
#include "mm/slab.h"
#include "mm/space.h"

enum { HEAD_BYTES = 512, RANGES = 512 };
#define PROGRAM 0x2aaaaaa000UL
#define LIMIT   (USER_TOP - 8 * MiB)

static const uint8_t *bytes;
static size_t length;
static struct { va_t start, end; u32 prot; } range[RANGES];
static u32 nranges;
static u64 held;                     // references to the file
static struct object pages;
static struct task task;
struct task *current = &task;

static void __attribute__((noreturn))
wrong(const char *what)
{
  fprintf(stderr, "wrong: %s\n", what);
  abort();
}

void *kmalloc(u64 size) { return malloc(size); }
void kfree(void *p) { free(p); }
struct file *file_get(struct file *f) { held++; return f; }
static struct object *map(struct file *f) { return &pages; }

i64
file_read_kernel(struct file *f, void *buf, u64 n, u64 pos)
{
  n = pos < length ? min(n, length - pos) : 0;
  memcpy(buf, bytes + (n ? pos : 0), n);
  return (i64)n;
}

static bool
user_range(va_t start, u64 len)
{
  return start >= USER_MIN && start < USER_TOP && len <= USER_TOP - start;
}

// What mm/map.c does with MAP_FIXED, and what it relies on its callers for.
i64
vm_map(struct space *s, va_t addr, u64 len, u32 prot, u32 flags, struct object *o, u64 offset,
       struct file *f)
{
  held -= f != NULL;
  if(!(flags & MAP_FIXED) || len == 0 || len > USER_TOP)
    wrong("mapping");
  len = page_up(len);
  if((addr | offset) & PAGE_MASK)
    return -EINVAL;
  if(!user_range(addr, len) || offset + len < offset)
    return -ENOMEM;
  if(nranges == RANGES)
    wrong("more mappings than segments");
  range[nranges].start = addr;
  range[nranges].end = addr + len;
  range[nranges++].prot = prot;
  return (i64)addr;
}

int
vm_protect(struct space *s, va_t addr, u64 len, u32 prot)
{
  if(addr & PAGE_MASK)
    wrong("protecting part of a page");
  return user_range(addr, len) ? 0 : -ENOMEM;
}

u64
zero_user(va_t start, u64 n)
{
  if(n >= PAGE_SIZE || !user_range(start, n))
    wrong("clearing");
  for(u32 i = nranges; i-- > 0;)
    if(start >= range[i].start && start + n <= range[i].end)
      return range[i].prot & PROT_WRITE ? 0 : n;
  wrong("clearing what is not mapped");
}

// Once as a program, once as a dynamic linker, which goes to the top.
static void
load(va_t want)
{
  static char path[PATH_MAX];
  static const struct file_ops ops = { .map = map };
  static struct inode inode;
  static struct file file = { .inode = &inode };
  struct elf e;
  uint8_t head[HEAD_BYTES] = { 0 };
  nranges = 0;
  held = 0;
  file.ops = &ops;
  inode.object.size = length;
  i64 n = file_read_kernel(&file, head, sizeof head, 0);
  if(elf_open(&e, &file, head, (u64)n) != 0)
    return;
  if(e.nsegments == 0 || e.end > USER_TOP || e.end <= e.start)
    wrong("accepted");
  if(e.linker && elf_linker(&e, &file, path) == 0 && strnlen(path, PATH_MAX) == PATH_MAX)
    wrong("name of the linker");
  if(elf_place(&e, want, LIMIT) == 0){
    if(e.start < USER_MIN || e.end > LIMIT)
      wrong("place");
    if(elf_map(&e, NULL, &file) == 0)
      elf_clear_tails(&e);
  }
  elf_close(&e);
  if(held != 0)
    wrong("references");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  bytes = data;
  length = size;
  load(PROGRAM);
  load(LIMIT);
  return 0;
}

#ifdef REPLAY
int
main(int argc, char **argv)
{
  for(int i = 1; i < argc; i++){
    FILE *f = fopen(argv[i], "rb");
    if(f == NULL)
      return 1;
    static uint8_t buf[1 << 16];
    size_t n = fread(buf, 1, sizeof buf, f);
    uint8_t *data = memcpy(malloc(n), buf, n);   // so that one byte past it shows
    fclose(f);
    LLVMFuzzerTestOneInput(data, n);
    free(data);
  }
  printf("%d files\n", argc - 1);
  return 0;
}
#endif
