// SPDX-License-Identifier: MIT
//
// Rows: memory of a process, its faults and its limits.

#include "bench.h"

enum { REGION = 16 * MIB, WORDS = PAGE / sizeof(uint64) };

// ---- Pages ----

uchar *
pages(const char *row, uint64 bytes, int flags)
{
  long p = sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if(p > 0)
    return (uchar *)p;
  cannot(row, "mmap", p);
  return NULL;
}

static uchar *
private_pages(const char *row, uint64 bytes)
{
  return pages(row, bytes, MAP_PRIVATE | MAP_ANONYMOUS);
}

void
touch_each(uchar *p, uint64 bytes)
{
  for(uint64 i = 0; i < bytes / PAGE; i++)
    *(volatile uchar *)(p + i * PAGE) = tag_of(i);
}

bool
tags_are(uchar *p, uint64 bytes, uint add)
{
  uint wrong = 0;
  for(uint64 i = 0; i < bytes / PAGE; i++)
    wrong |= *(volatile uchar *)(p + i * PAGE) ^ (uchar)(tag_of(i) + add);
  return wrong == 0;
}

// ---- First touches by writing, and giving the pages back ----

// A tag in front, otherwise nothing.
static bool
fresh(uchar *p, uint64 bytes)
{
  uint64 wrong = 0;
  for(uint64 i = 0; i < bytes / PAGE; i++){
    volatile uint64 *w = (volatile uint64 *)(p + i * PAGE);
    wrong |= w[0] ^ tag_of(i);
    for(uint k = 1; k < WORDS; k++)
      wrong |= w[k];
  }
  return wrong == 0;
}

// So that a page which comes back without being zeroed is seen.
static void
soil(uchar *p, uint64 bytes)
{
  for(uint64 i = 8; i < bytes / sizeof(uint64); i += 61)
    ((volatile uint64 *)p)[i] = ~i;
}

void
anon_fault(void)
{
  bool ok = true;
  for(uint round = 0; round <= ROUNDS; round++){
    CLOCK_RUN(0);
    uchar *p = private_pages("anon_fault", REGION);
    if(!p)
      return;
    touch_each(p, REGION);
    CLOCK_STOP(0);
    ok = ok && fresh(p, REGION);
    soil(p, REGION);
    CLOCK_RUN(1);
    sys_munmap(p, REGION);
    CLOCK_STOP(1);
    if(round == 0){
      CLOCK_RESET(0);
      CLOCK_RESET(1);
    }
  }
  result("anon_fault", ROUNDS * (REGION / PAGE), "page", ok);
  result2("anon_unmap", ROUNDS * (REGION / PAGE), "page", ok);
}

// ---- First touches by reading ----

void
anon_fault_read(void)
{
  uint64 sum = 0;
  for(uint round = 0; round <= ROUNDS; round++){
    CLOCK_RUN(0);
    uchar *p = private_pages("anon_fault_read", REGION);
    if(!p)
      return;
    for(uint64 i = 0; i < REGION / PAGE; i++)
      sum += *(volatile uchar *)(p + i * PAGE);
    CLOCK_STOP(0);
    if(round == 0)
      CLOCK_RESET(0);
    sys_munmap(p, REGION);
  }
  result("anon_fault_read", ROUNDS * (REGION / PAGE), "page", sum == 0);
}

// ---- Writes to pages shared with a child: by the child, then by its parent ----

// Word k of every page but the first, which holds the tag.
static void
fill(uchar *p, uint64 bytes)
{
  for(uint64 i = 0; i < bytes / sizeof(uint64); i++)
    if(i % WORDS != 0)
      ((volatile uint64 *)p)[i] = scramble(i);
}

static bool
filled(uchar *p, uint64 bytes)
{
  uint64 wrong = 0;
  for(uint64 i = 0; i < bytes / sizeof(uint64); i++)
    if(i % WORDS != 0)
      wrong |= ((volatile uint64 *)p)[i] ^ scramble(i);
  return wrong == 0;
}

static void
add_to_each(uchar *p, uint64 bytes)
{
  for(uint64 i = 0; i < bytes / PAGE; i++)
    *(volatile uchar *)(p + i * PAGE) += 1;
}

struct report { uint64 ticks, ok; };

static void
child_writes(uchar *p, uint times, int fd)
{
  struct report r;
  CLOCK_RUN(0);
  add_to_each(p, REGION);
  CLOCK_STOP(0);
  r.ticks = clocks[0].ticks;
  r.ok = tags_are(p, REGION, times + 1) && filled(p, REGION);
  sys_write(fd, &r, sizeof(r));
  sys_exit(0);
}

// What each of them writes, the other must not see.
static bool
cow_round(uchar *p, uint times, const int fd[2])
{
  struct report r = { 0 };
  int status = -1;
  if(sys_fork() == 0)
    child_writes(p, times, fd[1]);
  if(sys_wait(-1, &status, 0) < 0 || status != 0 || sys_read(fd[0], &r, sizeof(r)) != sizeof(r))
    return false;
  clocks[0].ticks = r.ticks;
  bool ok = r.ok && tags_are(p, REGION, times);
  CLOCK_RUN(1);
  add_to_each(p, REGION);
  CLOCK_STOP(1);
  return ok && tags_are(p, REGION, times + 1) && filled(p, REGION);
}

void
cow(void)
{
  int fd[2];
  bool ok = true;
  uchar *p = private_pages("cow_fault", REGION);
  if(!p || sys_pipe(fd, 0) != 0)
    return;
  touch_each(p, REGION);
  fill(p, REGION);
  for(uint round = 0; round <= ROUNDS; round++){
    ok = cow_round(p, round, fd) && ok;
    if(round == 0){
      CLOCK_RESET(0);
      CLOCK_RESET(1);
    }
  }
  sys_close(fd[0]);
  sys_close(fd[1]);
  sys_munmap(p, REGION);
  result("cow_fault", ROUNDS * (REGION / PAGE), "page", ok);
  result2("cow_reuse", ROUNDS * (REGION / PAGE), "page", ok);
}

// ---- A page that comes and goes untouched ----

static bool
map_pass(uint64 n)
{
  bool ok = true;
  for(uint64 i = 0; i < n; i++){
    long p = sys_mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ok &= p > 0;
    ok &= sys_munmap((void *)p, PAGE) == 0;
  }
  return ok;
}

void
mmap_munmap(void)
{
  measure("mmap_munmap", "pair", map_pass, 1000 * scale);
}

static bool
brk_pass(uint64 n)
{
  uint64 end = sys_brk(0);
  bool ok = true;
  for(uint64 i = 0; i < n; i++){
    ok &= sys_brk(end + PAGE) == end + PAGE;
    ok &= sys_brk(end) == end;
  }
  return ok;
}

void
brk_grow(void)
{
  measure("brk_grow", "pair", brk_pass, 1000 * scale);
}

// ---- Protection taken away and given back ----

enum { GUARDED = 256 * PAGE };

static uchar *guarded;
static uint writes;            // to each of its pages, behind the tag

static bool
protect_pass(uint64 n)
{
  bool ok = true;
  for(uint64 i = 0; i < n; i++){
    ok &= sys_mprotect(guarded, GUARDED, PROT_READ) == 0;
    ok &= sys_mprotect(guarded, GUARDED, PROT_READ | PROT_WRITE) == 0;
  }
  return ok;
}

// What is put off until the next fault must be paid as well.
static bool
protect_touch_pass(uint64 n)
{
  bool ok = true;
  for(uint64 i = 0; i < n; i++){
    ok &= protect_pass(1);
    add_to_each(guarded, GUARDED);
    writes++;
  }
  return ok;
}

// May the page be written to?  The kernel is asked to, by reading a byte into it.
static bool
writable_is(uchar *p, const int fd[2], bool expected)
{
  uchar c = *(volatile uchar *)p;
  if(sys_write(fd[1], &c, 1) != 1)
    return false;
  long r = sys_read(fd[0], p, 1);
  if(r != 1)
    sys_read(fd[0], &c, 1);
  return r == (expected ? 1 : -EFAULT);
}

static bool
protection_works(const int fd[2])
{
  bool ok = true;
  for(uint64 at = 0; at < GUARDED; at += 51 * PAGE){
    sys_mprotect(guarded, GUARDED, PROT_READ);
    ok = ok && writable_is(guarded + at, fd, false);
    sys_mprotect(guarded, GUARDED, PROT_READ | PROT_WRITE);
    ok = ok && writable_is(guarded + at, fd, true);
  }
  return ok;
}

void
mprotect_cycle(void)
{
  int fd[2];
  guarded = private_pages("mprotect_cycle", GUARDED);
  if(!guarded || sys_pipe(fd, 0) != 0)
    return;
  touch_each(guarded, GUARDED);
  writes = 0;
  uint64 n = 50 * scale;
  bool ok = protection_works(fd) && protect_pass(n);
  CLOCK_RESET(0);
  CLOCK_RUN(0);
  ok &= protect_pass(n);
  CLOCK_STOP(0);
  ok &= protect_touch_pass(n);
  CLOCK_RESET(1);
  CLOCK_RUN(1);
  ok &= protect_touch_pass(n);
  CLOCK_STOP(1);
  ok = ok && tags_are(guarded, GUARDED, writes) && protection_works(fd);
  sys_close(fd[0]);
  sys_close(fd[1]);
  sys_munmap(guarded, GUARDED);
  result("mprotect_cycle", n, "256 pages", ok);
  result2("mprotect_cycle_touch", n, "256 pages", ok);
}
