// SPDX-License-Identifier: MIT
//
// Lab cow: a parent and a child on the same pages.
//
//   cow pair PAGES SEED PAGE OTHER     the child stores OTHER to one page, then the parent
//   cow reuse PAGES SEED               the child ends before the parent stores
//   cow kernel SEED                    the kernel stores to a shared page: read()
//   cow tree DEPTH SEED                children of children, each with its own stores
//   cow threads SEED OTHER             one thread stores, another reads

#include "test/labs/probe/probe.h"

static uint64 *
filled(uint64 pages, uint64 seed)
{
  uint64 *p = map_pages(pages, MAP_PRIVATE);
  for(uint64 i = 0; i < pages; i++)
    *word_at(p, i) = mix(seed + i), word_at(p, i)[511] = i;
  return p;
}

static uint64
sum(void *p, uint64 pages)
{
  uint64 s = 0;
  for(uint64 i = 0; i < pages; i++)
    s = mix(mix(s ^ *word_at(p, i)) ^ word_at(p, i)[511]);
  return s;
}

// Stops: 1 before fork, 2 the parent after it, 3 the child, 4 the child has stored,
// 5 the parent after that, 6 the parent has stored.
static int
pair(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1], page = arg[2], other = arg[3];
  struct turn t;
  void *p = filled(pages, seed);
  turn_init(&t);
  stop(1, (uint64)p, 0, 0, 0, 0);
  if(fork() == 0){
    turn_wait(t.go);
    stop(3, (uint64)p, sum(p, pages), 0, 0, 0);
    *word_at(p, page) = other;
    stop(4, (uint64)p, sum(p, pages), 0, 0, 0);
    turn_give(t.done);
    turn_wait(t.go);
    exit(sum(p, pages) >> 60);
  }
  stop(2, (uint64)p, 0, 0, 0, 0);
  turn_give(t.go);
  turn_wait(t.done);
  stop(5, (uint64)p, sum(p, pages), 0, 0, 0);
  *word_at(p, page) = other + 1;
  stop(6, (uint64)p, sum(p, pages), 0, 0, 0);
  turn_give(t.go);
  int status;
  wait(&status);
  return status;
}

static int
reuse(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1];
  void *p = filled(pages, seed);
  stop(1, (uint64)p, 0, 0, 0, 0);
  if(fork() == 0)
    exit(0);
  wait(NULL);
  stop(2, (uint64)p, 0, 0, 0, 0);
  for(uint64 i = 0; i < pages; i++)
    ++*word_at(p, i);
  stop(3, (uint64)p, sum(p, pages), 0, 0, 0);
  return 0;
}

static int
kernel(const uint64 *arg)
{
  uint64 seed = arg[0];
  struct turn t;
  int data[2];
  void *p = filled(1, seed);
  uint64 news = mix(~seed);
  turn_init(&t);
  if(pipe(data) < 0)
    exit(105);
  if(fork() == 0){
    write(data[1], &news, sizeof news);
    stop(1, (uint64)p, 0, 0, 0, 0);
    if(read(data[0], p, sizeof news) != sizeof news)
      exit(106);
    stop(2, (uint64)p, *word_at(p, 0), 0, 0, 0);
    exit(0);
  }
  int status;
  wait(&status);
  stop(3, (uint64)p, *word_at(p, 0), 0, 0, 0);
  return status;
}

// Each generation stores to a page of its own, tells what it saw of all when its children
// have ended, and stores once more, to a page that only older ones have by then.
static int
tree(const uint64 *arg)
{
  uint64 depth = arg[0], seed = arg[1];
  void *p = filled(depth, seed);
  for(uint64 level = 0; level < depth; level++){
    if(fork() != 0){
      int status;
      wait(&status);
      stop(1000 + level, (uint64)p, sum(p, depth), 0, 0, 0);
      *word_at(p, level) = seed;
      exit(status);
    }
    *word_at(p, level) = mix(seed - level - 1);
  }
  stop(1000 + depth, (uint64)p, sum(p, depth), 0, 0, 0);
  return 0;
}

// ---- Threads ----

static struct {
  volatile uint64 ready, stored, done, before, after;
  volatile uint64 *page;
} shared __attribute__((aligned(4096)));
static char stack[4 * PAGE] __attribute__((aligned(16)));

// Keeps the page in its hart's TLB, until the other has stored.
static void
reader(void)
{
  while(!shared.stored){
    shared.before = *shared.page;
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
  uint64 seed = arg[0], other = arg[1];
  struct turn t;
  void *p = filled(1, seed);
  shared.page = word_at(p, 0);
  shared.done = 0;
  turn_init(&t);
  if(fork() == 0){
    turn_wait(t.go);
    exit(0);
  }
  start_thread(reader, stack + sizeof stack);
  while(!shared.ready)
    ;
  stop(1, (uint64)p, 0, 0, 0, 0);
  *shared.page = other;
  __sync_synchronize();
  shared.stored = 1;
  while(!shared.done)
    ;
  stop(2, (uint64)p, shared.before, shared.after, 0, 0);
  return 0;
}

const struct probe probes[] = {
  { "pair", 4, pair },
  { "reuse", 2, reuse },
  { "kernel", 1, kernel },
  { "tree", 2, tree },
  { "threads", 2, threads },
  { NULL, 0, NULL },
};
