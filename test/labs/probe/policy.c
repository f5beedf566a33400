// SPDX-License-Identifier: MIT
//
// Lab policy: pages of the four classes of second chance, and then too little memory.
//
//   policy NAME PAGES STEALS SEED IDLE_CLEAN IDLE_DIRTY USED_CLEAN USED_DIRTY
//
// The last four say how many of each class there are among so many pages.

#include "test/labs/probe/probe.h"

enum { TABLE = 512 * PAGE, AROUND = 4096 };
enum { IDLE_CLEAN, IDLE_DIRTY, USED_CLEAN, USED_DIRTY, CLASSES };

static char *base;
static uint64 pages, seed, part[CLASSES];

static int
class_of(uint64 i)
{
  uint64 at = mix(seed + i) % (part[0] + part[1] + part[2] + part[3]);
  int c = 0;
  while(at >= part[c])
    at -= part[c++];
  return c;
}

static void
set_policy(const char *name)
{
  int fd = open("/proc/sys/vm/policy", O_WRONLY);
  if(fd < 0 || write(fd, name, strlen(name)) < 0)
    exit(105);
  close(fd);
}

static long
counter(const char *name)
{
  return setting_figure("/proc/vmstat", name);
}

// A page that went out and came in is clean: its slot has the same bytes.  They come in
// backwards, for what a scan has read and passed is offered to go first.
static void
make_clean(void)
{
  for(uint64 i = 0; i < pages; i++)
    if(class_of(i) % 2 == 0)
      sys_madvise((char *)word_at(base, i), PAGE, MADV_PAGEOUT);
  for(uint64 i = pages; i-- > 0;)
    if(class_of(i) % 2 == 0)
      (void)*word_at(base, i);
}

// Aging asks of every page whether it is used, again and again.
static void
make_idle(void)
{
  set_policy("aging");
  for(long since = counter("policy_ticks"); counter("policy_ticks") < since + 2;)
    pause(1);
}

static void
use(void)
{
  for(uint64 i = 0; i < pages; i++)
    if(class_of(i) == USED_CLEAN)
      (void)*word_at(base, i);
    else if(class_of(i) == USED_DIRTY)
      *word_at(base, i) = mix(seed ^ i);
}

// Page tables take memory that no policy chooses: so the ring has our pages and few others,
// wherever in memory they are.  Who only reads needs nothing but a table.
static void
take_tables(long steals)
{
  char *p = mmap(0, (uint64)AROUND * TABLE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
  if(p == (char *)-1)
    exit(106);
  for(long enough = counter("pgsteal_kswapd") + steals; counter("pgsteal_kswapd") < enough;
      p += TABLE)
    (void)*word_at(p, 0);
}

static int
replace(const uint64 *arg)
{
  pages = arg[0];
  seed = arg[2];
  for(int c = 0; c < CLASSES; c++)
    part[c] = arg[3 + c];
  setting_write("/proc/sys/vm/write_ahead", 0);     // which makes what is dirty clean
  base = map_pages(pages, MAP_PRIVATE);
  for(uint64 i = 0; i < pages; i++)
    *word_at(base, i) = mix(seed ^ i);
  make_clean();
  make_idle();
  set_policy(asked);
  // A tick may be under way: when it is over, the grader wants it once more.
  for(use(); stop(1, (uint64)base, 0, 0, 0, 0) == 0; use())
    pause(1);
  take_tables((long)arg[1]);
  stop(2, (uint64)base, 0, 0, 0, 0);
  uint64 sum = 0;
  for(uint64 i = 0; i < pages; i++)
    sum = mix(sum ^ *word_at(base, i));
  stop(3, (uint64)base, sum, 0, 0, 0);
  return 0;
}

const struct probe probes[] = {
  { "fifo", 7, replace },
  { "clock", 7, replace },
  { "esc", 7, replace },
  { NULL, 0, NULL },
};
