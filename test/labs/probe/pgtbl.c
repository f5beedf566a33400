// SPDX-License-Identifier: MIT
//
// Lab pgtbl: asks the kernel about its own page tables.
//
//   pgtbl dump PAGES SEED      /proc/self/pagemap
//   pgtbl incore PAGES SEED    mincore
//   pgtbl clean PAGES SEED     a shared file, stores, msync
//   pgtbl lock PAGES FROM N    mlock of a part, then of all of it no more

#include "test/labs/probe/probe.h"

enum { NR_msync = 227, NR_mlock = 228, NR_munlock = 229, NR_mincore = 232, MS_SYNC = 4 };

// 0 nothing, 1 read, 2 stored to, 3 stored to and common with a child
static void *
mixed(uint64 pages, uint64 seed)
{
  void *p = map_pages(pages, MAP_PRIVATE);
  struct turn t;
  for(uint64 i = 0; i < pages; i++)
    if((mix(seed + i) & 3) == 3)
      *word_at(p, i) = i;
  turn_init(&t);
  if(fork() == 0){
    turn_wait(t.go);
    exit(0);
  }
  for(uint64 i = 0; i < pages; i++)
    if((mix(seed + i) & 3) == 2)
      *word_at(p, i) = i;
    else if((mix(seed + i) & 3) == 1)
      (void)*word_at(p, i);
  return p;
}

static int
dump(uint64 pages, uint64 seed)
{
  void *p = mixed(pages, seed);
  uint64 *out = map_pages(pages, MAP_PRIVATE);
  for(uint64 i = 0; i < pages; i++)
    out[i] = 0x5a5a;
  int fd = open("/proc/self/pagemap", O_RDONLY);
  long r = fd < 0 ? fd : sys_pread(fd, out, pages * 8, (uint64)p / PAGE * 8);
  stop(1, (uint64)p, (uint64)out, r, 0, 0);
  return 0;
}

static int
incore(uint64 pages, uint64 seed)
{
  void *p = mixed(pages, seed);
  uint64 *out = map_pages(pages, MAP_PRIVATE);
  memset(out, 0x5a, pages);
  long r = syscall3(NR_mincore, (long)p, pages * PAGE, (long)out);
  stop(1, (uint64)p, (uint64)out, r, 0, 0);
  return 0;
}

// Stops: 1 some pages were stored to, 2 after msync, 3 after other stores.
static int
clean(uint64 pages, uint64 seed)
{
  int fd = open("clean.tmp", O_RDWR | O_CREATE | O_TRUNC);
  if(fd < 0 || sys_ftruncate(fd, pages * PAGE) < 0)
    exit(105);
  long at = sys_mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if(at < 0)
    exit(106);
  void *p = (void *)at;
  for(uint64 i = 0; i < pages; i++)
    *word_at(p, i) = 1;                 // its place in the store
  syscall3(NR_msync, at, pages * PAGE, MS_SYNC);
  for(uint64 i = 0; i < pages; i++)
    if(mix(seed + i) & 1)
      *word_at(p, i) = mix(seed ^ i);
  stop(1, (uint64)p, 0, 0, 0, 0);
  long r = syscall3(NR_msync, at, pages * PAGE, MS_SYNC);
  stop(2, (uint64)p, r, 0, 0, 0);
  for(uint64 i = 0; i < pages; i++)
    if(!(mix(seed + i) & 1))
      *word_at(p, i) = mix(seed ^ i);
  stop(3, (uint64)p, 0, 0, 0, 0);
  r = syscall3(NR_msync, at, pages * PAGE, MS_SYNC);
  stop(4, (uint64)p, r, 0, 0, 0);
  return 0;
}

// Stops: 1 every other page is there, 2 a part is locked, 3 none is.
static int
lock(uint64 pages, uint64 from, uint64 n)
{
  char *p = map_pages(pages, MAP_PRIVATE);
  for(uint64 i = 0; i < pages; i += 2)
    *word_at(p, i) = i;
  stop(1, (uint64)p, 0, 0, 0, 0);
  long r = syscall3(284, (long)p + from * PAGE, n * PAGE, 1 /* MLOCK_ONFAULT */);
  stop(2, (uint64)p, r, 0, 0, 0);
  r = syscall2(NR_munlock, (long)p, pages * PAGE);
  stop(3, (uint64)p, r, 0, 0, 0);
  return 0;
}

int
main(int argc, char **argv)
{
  uint64 n[3] = { 0 };
  for(int i = 2; i < argc && i < 5; i++)
    n[i - 2] = number(argv[i]);
  if(argc == 4 && strcmp(argv[1], "dump") == 0)
    return dump(n[0], n[1]);
  if(argc == 4 && strcmp(argv[1], "incore") == 0)
    return incore(n[0], n[1]);
  if(argc == 4 && strcmp(argv[1], "clean") == 0)
    return clean(n[0], n[1]);
  if(argc == 5 && strcmp(argv[1], "lock") == 0)
    return lock(n[0], n[1], n[2]);
  return 99;
}
