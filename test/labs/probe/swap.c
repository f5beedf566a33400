// SPDX-License-Identifier: MIT
//
// Lab swap: more than fits into memory.  init has the second disk in use by then.
//
//   swap large PAGES SEED             store to all, read all, twice
//   swap out PAGES SEED               the same pages go, are looked at, and come back
//   swap share PAGES SEED PRESS       parent and child have them; memory gets tight
//   swap kernel SEED                  read() into a page that is out

#include "test/labs/probe/probe.h"

static char *
filled(uint64 pages, uint64 seed)
{
  char *p = map_pages(pages, MAP_PRIVATE);
  for(uint64 i = 0; i < pages; i++)
    *word_at(p, i) = mix(seed + i), word_at(p, i)[511] = ~i;
  return p;
}

static uint64
sum(void *p, uint64 pages)
{
  uint64 s = 0;
  for(uint64 i = 0; i < pages; i++)
    s = mix(s ^ *word_at(p, i) ^ word_at(p, i)[511]);
  return s;
}

static int
large(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1];
  char *p = filled(pages, seed);
  stop(1, (uint64)p, 0, 0, 0, 0);
  uint64 s = sum(p, pages);
  stop(2, (uint64)p, s, 0, 0, 0);
  for(uint64 i = 0; i < pages; i += 3)
    *word_at(p, i) = mix(~seed + i);
  s = sum(p, pages);
  stop(3, (uint64)p, s, 0, 0, 0);
  return 0;
}

// Stops: 1 they are here, 2 out, 3 back, 4 out again, not changed, 5 changed and out, 6 back
static int
out_and_in(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1];
  char *p = filled(pages, seed);
  stop(1, (uint64)p, 0, 0, 0, 0);
  sys_madvise(p, pages * PAGE, MADV_PAGEOUT);
  stop(2, (uint64)p, 0, 0, 0, 0);
  uint64 s = sum(p, pages);
  stop(3, (uint64)p, s, 0, 0, 0);
  sys_madvise(p, pages * PAGE, MADV_PAGEOUT);
  stop(4, (uint64)p, 0, 0, 0, 0);
  for(uint64 i = 0; i < pages; i += 2)
    *word_at(p, i) = mix(~seed + i);
  sys_madvise(p, pages * PAGE, MADV_PAGEOUT);
  stop(5, (uint64)p, 0, 0, 0, 0);
  s = sum(p, pages);
  stop(6, (uint64)p, s, 0, 0, 0);
  return 0;
}

// Stops: 1 the parent, after fork; 2 the parent, memory got tight; 3 the child has read all;
// 4 the child has stored; 5 the parent has read all
static int
share(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1], press = arg[2];
  struct turn t;
  char *p = filled(pages, seed);
  turn_init(&t);
  if(fork() == 0){
    turn_wait(t.go);
    uint64 s = sum(p, pages);
    stop(3, (uint64)p, s, 0, 0, 0);
    for(uint64 i = 0; i < pages; i++)
      *word_at(p, i) = mix(~seed + i);
    s = sum(p, pages);
    stop(4, (uint64)p, s, 0, 0, 0);
    turn_give(t.done);
    exit(0);
  }
  stop(1, (uint64)p, 0, 0, 0, 0);
  char *more = map_pages(press, MAP_PRIVATE);
  for(uint64 i = 0; i < press; i++)
    *word_at(more, i) = i;
  stop(2, (uint64)p, 0, 0, 0, 0);
  sys_munmap(more, press * PAGE);
  turn_give(t.go);
  turn_wait(t.done);
  uint64 s = sum(p, pages);
  stop(5, (uint64)p, s, 0, 0, 0);
  int status;
  wait(&status);
  return status;
}

static int
kernel(const uint64 *arg)
{
  uint64 seed = arg[0];
  int data[2];
  char *p = filled(2, seed);
  uint64 news = mix(seed ^ 1);
  if(pipe(data) < 0 || write(data[1], &news, 8) != 8)
    exit(105);
  sys_madvise(p, 2 * PAGE, MADV_PAGEOUT);
  stop(1, (uint64)p, 0, 0, 0, 0);
  long r = sys_read(data[0], p + PAGE - 4, 8);
  stop(2, (uint64)p, r, *word_at(p, 0), *word_at(p, 1), 0);
  return 0;
}

const struct probe probes[] = {
  { "large", 2, large },
  { "out", 2, out_and_in },
  { "share", 3, share },
  { "kernel", 1, kernel },
  { NULL, 0, NULL },
};
