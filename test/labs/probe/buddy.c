// SPDX-License-Identifier: MIT
//
// Lab buddy: takes memory, and gives it back in another order.
//
//   buddy take PAGES           touch that many pages, in order; then all go
//   buddy shuffle PAGES SEED   the same; then every page goes, the order is drawn

#include "test/labs/probe/probe.h"

enum { PTES = 512 };                  // of a table

static void *
touched(uint64 pages)
{
  void *p = map_pages(pages, MAP_PRIVATE);
  for(uint64 i = 0; i < pages; i++)
    *word_at(p, i) = i;
  return p;
}

static int
take(const uint64 *arg)
{
  uint64 pages = arg[0];
  void *p = map_pages(pages, MAP_PRIVATE);
  for(uint64 i = 0; i < pages; i += PTES)
    *word_at(p, i) = i;             // and with it the tables
  stop(1, (uint64)p, 0, 0, 0, 0);
  for(uint64 i = 0; i < pages; i++)
    *word_at(p, i) = i;
  stop(2, (uint64)p, 0, 0, 0, 0);
  sys_munmap(p, pages * PAGE);
  stop(3, 0, 0, 0, 0, 0);
  return 0;
}

static int
shuffle(const uint64 *arg)
{
  uint64 pages = arg[0], seed = arg[1];
  uint *order = must_malloc(pages * sizeof *order);
  for(uint64 i = 0; i < pages; i++)
    order[i] = i;
  for(uint64 i = pages; i > 1; i--){
    uint64 k = mix(seed + i) % i;
    uint t = order[i - 1];
    order[i - 1] = order[k];
    order[k] = t;
  }
  stop(1, 0, 0, 0, 0, 0);
  void *p = touched(pages);
  stop(2, (uint64)p, 0, 0, 0, 0);
  for(uint64 i = 0; i < pages; i++)
    sys_madvise((char *)p + order[i] * (uint64)PAGE, PAGE, 4 /* MADV_DONTNEED */);
  sys_munmap(p, pages * PAGE);
  stop(3, 0, 0, 0, 0, 0);
  void *again = touched(pages);
  uint64 sum = 0;
  for(uint64 i = 0; i < pages; i++)
    sum = mix(sum ^ *word_at(again, i));
  stop(4, (uint64)again, sum, 0, 0, 0);
  return 0;
}

const struct probe probes[] = {
  { "take", 1, take },
  { "shuffle", 2, shuffle },
  { NULL, 0, NULL },
};
