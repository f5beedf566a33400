// SPDX-License-Identifier: MIT
//
// Rows: a region larger than memory.

#include "bench.h"

enum { SPARSE = 8, GAP = PAGE / SPARSE };      // words of a page that are looked at

static uint64
word_of(uint64 page, uint k, uint generation)
{
  return scramble(page * SPARSE + k) ^ (uint64)generation << 56;
}

static void
store_page(uchar *p, uint64 page, uint generation)
{
  for(uint k = 0; k < SPARSE; k++)
    *(volatile uint64 *)(p + page * PAGE + k * GAP) = word_of(page, k, generation);
}

static bool
page_is(uchar *p, uint64 page, uint generation)
{
  uint64 wrong = 0;
  for(uint k = 0; k < SPARSE; k++)
    wrong |= *(volatile uint64 *)(p + page * PAGE + k * GAP) ^ word_of(page, k, generation);
  return wrong == 0;
}

static uchar *
swap_region(const char *row)
{
  if(swap_bytes)
    return pages(row, swap_bytes, MAP_PRIVATE | MAP_ANONYMOUS);
  cannot(row, "choose the size of a region, for want of -s,", -EINVAL);
  return NULL;
}

// Written once, then read twice, in order.
void
swap_seq(void)
{
  uint64 n = swap_bytes / PAGE, wrong = 0;
  uchar *p = swap_region("swap_seq");
  if(!p)
    return;
  CLOCK_RUN(0);
  for(uint64 i = 0; i < n; i++)
    store_page(p, i, 1);
  for(uint round = 0; round < 2; round++)
    for(uint64 i = 0; i < n; i++)
      wrong += !page_is(p, i, 1);
  CLOCK_STOP(0);
  sys_munmap(p, swap_bytes);
  result("swap_seq", 3 * n, "page", wrong == 0);
}

// As many times as there are pages, one at random (Marsaglia's xorshift, 2003), from
// where *x left off.
static uint64
random_pages(uchar *p, uint64 n, uint64 *x, bool write)
{
  uint64 wrong = 0;
  for(uint64 i = 0; i < n; i++){
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    wrong += !page_is(p, *x % n, 2);
    if(write)
      store_page(p, *x % n, 2);
  }
  return wrong;
}

void
swap_rand(void)
{
  uint64 n = swap_bytes / PAGE, x = 88172645463325252UL;
  uchar *p = swap_region("swap_rand");
  if(!p)
    return;
  for(uint64 i = 0; i < n; i++)
    store_page(p, i, 2);
  CLOCK_RUN(0);
  uint64 wrong = random_pages(p, n, &x, false);
  CLOCK_STOP(0);
  CLOCK_RUN(1);
  wrong += random_pages(p, n, &x, true);
  CLOCK_STOP(1);
  sys_munmap(p, swap_bytes);
  result("swap_rand", n, "access", wrong == 0);
  result2("swap_rand_write", n, "access", wrong == 0);
}

// Children that sleep until they find the pipe closed. => they exist
static bool
make_children(uint64 n, const int fd[2])
{
  uint64 made = 0;
  for(long pid = 1; made < n && pid > 0; made += pid > 0)
    if((pid = sys_fork()) == 0){
      char c;
      sys_close(fd[1]);
      sys_read(fd[0], &c, 1);
      sys_exit(0);
    }
  return made == n;
}

// The last third of a region, stored to when the first two have filled all of memory:
// each page needs another one to go.
void
swap_out(void)
{
  uint64 n = swap_bytes / PAGE, last = n / 3, wrong = 0;
  uchar *p = swap_region("swap_out");
  int fd[2];
  if(!p)
    return;
  for(uint64 i = 0; i < n - last; i++)
    store_page(p, i, 3);
  sys_pipe(fd, 0);
  wrong += !make_children(swap_children, fd);
  CLOCK_RUN(0);
  for(uint64 i = n - last; i < n; i++)
    store_page(p, i, 3);
  CLOCK_STOP(0);
  sys_close(fd[1]);
  while(sys_wait(-1, NULL, 0) > 0)
    ;
  sys_close(fd[0]);
  for(uint64 i = 0; i < n; i++)
    wrong += !page_is(p, i, 3);
  sys_munmap(p, swap_bytes);
  result("swap_out", last, "page", wrong == 0);
}
