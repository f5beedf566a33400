// SPDX-License-Identifier: MIT
//
// Lab lazy: memory that nobody has touched, and what the first touch does.
//
//   lazy touch PAGES SEED      read some pages, store to others
//   lazy heap PAGES SEED       the same by brk
//   lazy large PAGES SEED N    N stores, far apart
//   lazy threads SEED OTHER    one thread stores to a page that another has only read

#include "test/labs/probe/probe.h"

// Frames that are handed out later are full of something.
static void
make_dirty(void)
{
  enum { PAGES = 1000 };
  for(int round = 0; round < 2; round++){
    char *p = map_pages(PAGES, MAP_PRIVATE);
    memset(p, 0xa5, PAGES * PAGE);
    sys_munmap(p, PAGES * PAGE);
  }
}

// What is done to a page: 0 nothing, 1 read, 2 stored to, 3 read and then stored to.
static int
what(uint64 seed, uint64 i)
{
  return mix(seed + i) & 3;
}

static uint64
read_some(void *p, uint64 pages, uint64 seed)
{
  uint64 sum = 0;
  for(uint64 i = 0; i < pages; i++)
    if(what(seed, i) & 1)
      sum += *word_at(p, i);
  return sum;
}

static void
store_some(void *p, uint64 pages, uint64 seed)
{
  for(uint64 i = 0; i < pages; i++)
    if(what(seed, i) & 2)
      *word_at(p, i) = mix(seed ^ i);
}

// Stops: 1 nothing touched, 2 some read, 3 some stored to.
static int
touch(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1];
  make_dirty();
  void *p = map_pages(pages, MAP_PRIVATE);
  stop(1, (uint64)p, 0, 0, 0, 0);
  uint64 sum = read_some(p, pages, seed);
  stop(2, (uint64)p, sum, 0, 0, 0);
  store_some(p, pages, seed);
  stop(3, (uint64)p, 0, 0, 0, 0);
  return 0;
}

static int
heap(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1];
  make_dirty();
  uint64 end = (sys_brk(0) + PAGE - 1) & -(uint64)PAGE;
  if(sys_brk(end + pages * PAGE) != (long)(end + pages * PAGE))
    exit(105);
  stop(1, end, 0, 0, 0, 0);
  store_some((void *)end, pages, seed);
  stop(2, end, 0, 0, 0, 0);
  sys_brk(end);
  sys_brk(end + pages * PAGE);
  uint64 sum = 0;
  for(uint64 i = 0; i < pages; i++)
    sum |= *word_at((void *)end, i);
  stop(3, end, sum, 0, 0, 0);
  return 0;
}

static int
large(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1], n = arg[2];
  make_dirty();
  void *p = map_pages(pages, MAP_PRIVATE | MAP_NORESERVE);
  for(uint64 i = 0; i < n; i++)
    *word_at(p, mix(seed + i) % pages) = mix(seed ^ i);
  uint64 sum = 0;
  for(uint64 i = 0; i < n; i++)
    sum = mix(sum ^ *word_at(p, mix(seed + i) % pages));
  stop(1, (uint64)p, sum, 0, 0, 0);
  return 0;
}

// ---- Threads ----

static struct {
  volatile uint64 ready, stored, done, after;
  volatile uint64 *page;
} shared __attribute__((aligned(4096)));
static char stack[4 * PAGE] __attribute__((aligned(16)));

static void
reader(void)
{
  while(!shared.stored){
    (void)*shared.page;
    shared.ready = 1;
  }
  __sync_synchronize();
  shared.after = *shared.page;
  __sync_synchronize();
  shared.done = 1;
  for(;;)
    ;
}

static int
threads(const uint64 *arg)
{
  uint64 other = arg[0];
  make_dirty();
  void *p = map_pages(2, MAP_PRIVATE);
  shared.page = word_at(p, 0);
  shared.done = 0;
  (void)*word_at(p, 1);
  start_thread(reader, stack + sizeof stack);
  while(!shared.ready)
    ;
  stop(1, (uint64)p, 0, 0, 0, 0);
  *shared.page = other;
  __sync_synchronize();
  shared.stored = 1;
  while(!shared.done)
    ;
  stop(2, (uint64)p, shared.after, 0, 0, 0);
  return 0;
}

const struct probe probes[] = {
  { "touch", 2, touch },
  { "heap", 2, heap },
  { "large", 3, large },
  { "threads", 1, threads },
  { NULL, 0, NULL },
};
