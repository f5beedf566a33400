// SPDX-License-Identifier: MIT
//
// Lab mmap: maps, changes and unmaps.
//
//   mmap unmap PAGES SEED FROM N     a part goes; then it is touched
//   mmap protect PAGES SEED FROM N   a part loses W, then everything, then has it back;
//                                    then lost again, and stored to
//   mmap hole PAGES SEED FROM        a protection that meets a hole
//   mmap place SEED                  hints, fixed places
//   mmap file PAGES SEED             one file mapped twice
//   mmap around PAGES PAGE           a file that is in memory already

#include "test/labs/probe/probe.h"

enum { NR_msync = 227, MS_SYNC = 4, MAP_FIXED_NOREPLACE = 0x100000 };

static char *
filled(uint64 pages, uint64 seed)
{
  char *p = map_pages(pages, MAP_PRIVATE);
  for(uint64 i = 0; i < pages; i++)
    *word_at(p, i) = mix(seed + i);
  return p;
}

static int
unmap(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1], from = arg[2], n = arg[3];
  char *p = filled(pages, seed);
  stop(1, (uint64)p, 0, 0, 0, 0);
  long r = sys_munmap(p + from * PAGE, n * PAGE);
  stop(2, (uint64)p, r, 0, 0, 0);
  *word_at(p, from + n - 1) = 1;
  return 0;
}

static int
protect(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1], from = arg[2], n = arg[3];
  char *p = filled(pages, seed), *at = p + from * PAGE;
  stop(1, (uint64)p, 0, 0, 0, 0);
  long r = sys_mprotect(at, n * PAGE, PROT_READ);
  stop(2, (uint64)p, r, 0, 0, 0);
  r = sys_mprotect(at, n * PAGE, PROT_NONE);
  stop(3, (uint64)p, r, 0, 0, 0);
  r = sys_mprotect(at, n * PAGE, PROT_READ | PROT_WRITE);
  uint64 sum = 0;
  for(uint64 i = 0; i < pages; i++)
    sum = mix(sum ^ *word_at(p, i));
  stop(4, (uint64)p, r, sum, 0, 0);
  r = sys_mprotect(at, n * PAGE, PROT_READ);
  stop(5, (uint64)p, r, 0, 0, 0);
  *word_at(p, from) = 1;
  return 0;
}

static int
hole(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1], from = arg[2];
  char *p = filled(pages, seed);
  sys_munmap(p + from * PAGE, PAGE);
  stop(1, (uint64)p, 0, 0, 0, 0);
  long r = sys_mprotect(p, pages * PAGE, PROT_READ);
  stop(2, (uint64)p, r, 0, 0, 0);
  return 0;
}

static long
place_at(void *at, int flags)
{
  long r = sys_mmap(at, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1,
                    0);
  if(r > 0)
    *word_at((void *)r, 1) = 1;
  return r;
}

// Stops: 1 at a hint; 2 a hint that is taken; 3 fixed, not to replace; 4 fixed; 5 askew
static int
place(const uint64 *arg)
{
  uint64 seed = arg[0];
  char *hint = (char *)(0x100000000 + (seed & 0xffff) * 64 * PAGE);
  stop(1, (uint64)hint, place_at(hint, 0), 0, 0, 0);
  *word_at(hint, 0) = seed;
  stop(2, (uint64)hint, place_at(hint, 0), 0, 0, 0);
  stop(3, (uint64)hint, place_at(hint, MAP_FIXED_NOREPLACE), 0, 0, 0);
  stop(4, (uint64)hint, place_at(hint, MAP_FIXED), 0, 0, 0);
  stop(5, (uint64)hint, place_at(hint + 8, MAP_FIXED), 0, 0, 0);
  return 0;
}

static char *
map_file(int fd, uint64 pages, int flags)
{
  long r = sys_mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
  if(r < 0)
    exit(105);
  return (char *)r;
}

static int
new_file(uint64 pages, uint64 seed)
{
  static char page[PAGE];
  int fd = open("mmap.tmp", O_RDWR | O_CREATE | O_TRUNC);
  for(uint64 i = 0; i < pages; i++){
    *(uint64 *)page = mix(seed + i);
    if(write(fd, page, PAGE) != PAGE)
      exit(106);
  }
  return fd;
}

// A file that is one hole.  Stops: 1 both were read, 2 stored to through the first,
// 3 after msync, with what pread says
static int
file(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1];
  int fd = open("mmap.tmp", O_RDWR | O_CREATE | O_TRUNC);
  if(fd < 0 || sys_ftruncate(fd, pages * PAGE) < 0)
    exit(106);
  char *a = map_file(fd, pages, MAP_SHARED), *b = map_file(fd, pages, MAP_SHARED);
  uint64 sum = 0, news;
  for(uint64 i = 0; i < pages; i++)
    sum = mix(sum ^ *word_at(a, i) ^ *word_at(b, i));
  stop(1, (uint64)a, (uint64)b, sum, 0, 0);
  for(uint64 i = 0; i < pages; i++)
    *word_at(a, i) = mix(seed ^ i);
  stop(2, (uint64)a, (uint64)b, 0, 0, 0);
  long r = syscall3(NR_msync, (long)a, pages * PAGE, MS_SYNC);
  sum = 0;
  for(uint64 i = 0; i < pages; i++){
    sys_pread(fd, &news, sizeof news, i * PAGE);
    sum = mix(sum ^ news);
  }
  stop(3, (uint64)a, (uint64)b, sum, r, 0);
  return 0;
}

static int
around(const uint64 *arg)
{
  uint64 pages = arg[0], page = arg[1];
  int fd = new_file(pages, 7);
  char *p = map_file(fd, pages, MAP_PRIVATE);
  stop(1, (uint64)p, 0, 0, 0, 0);
  uint64 found = *word_at(p, page);
  stop(2, (uint64)p, found, 0, 0, 0);
  return 0;
}

const struct probe probes[] = {
  { "unmap", 4, unmap },
  { "protect", 4, protect },
  { "hole", 3, hole },
  { "place", 1, place },
  { "file", 2, file },
  { "around", 2, around },
  { NULL, 0, NULL },
};
