// SPDX-License-Identifier: MIT
//
// Lab pgtbl: asks the kernel about its own page tables.
//
//   pgtbl dump PAGES SEED      /proc/self/pagemap
//   pgtbl incore PAGES SEED    mincore
//   pgtbl clean PAGES SEED     a shared file, stores, msync
//   pgtbl lock PAGES FROM N    mlock of a part, then of all of it no more
//   pgtbl join SEED PAGE       two large pages, then a page of the first read-only
//   pgtbl common SEED          frames in a row that a child has, too, but for the ends
//   pgtbl askew SEED           frames in a row that begin at the wrong one

#include "test/labs/probe/probe.h"

enum { NR_mremap = 216, NR_msync = 227, NR_mlock = 228, NR_munlock = 229, NR_mincore = 232 };
enum { MS_SYNC = 4 };

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
dump(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1];
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
incore(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1];
  void *p = mixed(pages, seed);
  uint64 *out = map_pages(pages, MAP_PRIVATE);
  memset(out, 0x5a, pages);
  long r = syscall3(NR_mincore, (long)p, pages * PAGE, (long)out);
  stop(1, (uint64)p, (uint64)out, r, 0, 0);
  return 0;
}

// Stops: 1 some pages were stored to, 2 after msync, 3 after other stores.
static int
clean(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1];
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
lock(const uint64 *arg)
{
  uint64 pages = arg[0], from = arg[1], n = arg[2];
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

// ---- Large pages ----

enum { TABLE = 512, LARGE = TABLE * PAGE };

// Tables full of numbers.
static char *
tables(uint64 n, uint64 seed)
{
  char *p = map_pages(n * TABLE, MAP_PRIVATE);
  for(uint64 i = 0; i < n * TABLE; i++)
    *word_at(p, i) = mix(seed ^ i);
  return p;
}

static uint64
total(void *p, uint64 pages)
{
  uint64 sum = 0;
  for(uint64 i = 0; i < pages; i++)
    sum = mix(sum ^ *word_at(p, i));
  return sum;
}

// Stops: 1 all pages were stored to, 2 they are to be large ones, 3 they were read, 4 one of
// them is read-only, 5 they were read again.
static int
join(const uint64 *arg)
{
  uint64 seed = arg[0], page = arg[1];
  char *p = tables(2, seed);
  stop(1, (uint64)p, 0, 0, 0, 0);
  long r = sys_madvise(p, 2 * LARGE, MADV_COLLAPSE);
  stop(2, (uint64)p, r, 0, 0, 0);
  stop(3, (uint64)p, total(p, 2 * TABLE), 0, 0, 0);
  r = sys_mprotect(p + page * PAGE, PAGE, PROT_READ);
  stop(4, (uint64)p, r, 0, 0, 0);
  stop(5, (uint64)p, total(p, 2 * TABLE), 0, 0, 0);
  return 0;
}

// Stops: 1 the child has copies of the first page and the last, so that the parent's may be
// stored to; 2 it is to be a large page; 3 the parent stored to all of it, the child reads what
// is between these.
static int
common(const uint64 *arg)
{
  struct turn t;
  char *p = tables(1, arg[0]);
  sys_madvise(p, LARGE, MADV_COLLAPSE);
  turn_init(&t);
  if(fork() == 0){
    *word_at(p, 0) = *word_at(p, TABLE - 1) = 0;
    turn_give(t.done);
    turn_wait(t.go);
    stop(3, (uint64)p, total(p + PAGE, TABLE - 2), 0, 0, 0);
    exit(0);
  }
  turn_wait(t.done);
  *word_at(p, 0) = *word_at(p, TABLE - 1) = 0;
  stop(1, (uint64)p, 0, 0, 0, 0);
  long r = sys_madvise(p, LARGE, MADV_COLLAPSE);
  stop(2, (uint64)p, r, 0, 0, 0);
  memset(p, 0xa5, LARGE);
  turn_give(t.go);
  wait(NULL);
  return 0;
}

// Stops: 1 there are large pages: the grader answers which of them is followed by the next in
// memory; 2 all but its first page, and the first of the next, are elsewhere, to be a large
// page; 3 they were read.
static int
askew(const uint64 *arg)
{
  enum { BLOCKS = 6 };
  char *p = tables(BLOCKS, arg[0]);
  sys_madvise(p, BLOCKS * LARGE, MADV_COLLAPSE);
  p += stop(1, (uint64)p, 0, 0, 0, 0) * LARGE + PAGE;
  char *to = map_pages(TABLE, MAP_PRIVATE);
  syscall6(NR_mremap, (long)p, LARGE, LARGE, 3 /* MAYMOVE, FIXED */, (long)to, 0);
  long r = sys_madvise(to, LARGE, MADV_COLLAPSE);
  stop(2, (uint64)to, r, 0, 0, 0);
  stop(3, (uint64)to, total(to, TABLE), 0, 0, 0);
  return 0;
}

const struct probe probes[] = {
  { "dump", 2, dump },
  { "incore", 2, incore },
  { "clean", 2, clean },
  { "lock", 3, lock },
  { "join", 2, join },
  { "common", 1, common },
  { "askew", 1, askew },
  { NULL, 0, NULL },
};
