// SPDX-License-Identifier: MIT
//
// The load averages: how many tasks wanted to run, over 1, 5 and 15 minutes, each
// sample weighing less as it grows old.

#include "fs/load.h"
#include "kernel/task.h"

enum { SHIFT = 11, ONE = 1 << SHIFT, PERIODS = 3 };

// What remains of a sample after LOAD_SECONDS: e^(-5/60), e^(-5/300), e^(-5/900).
static const u64 decay[PERIODS] = { 1884, 2014, 2037 };
static u64 load[PERIODS];

struct task_count
count_tasks(void)
{
  struct task_count c = { 0 };
  struct task *t;
  for(u64 tid = 1; tid <= 0xffffffff && (t = task_next(tid)); tid = c.last + 1UL){
    char letter = task_letter(t);
    c.running += letter == 'R';
    c.blocked += letter == 'D';
    c.all++;
    c.last = t->tid;
    task_put(t);
  }
  return c;
}

void
load_sample(void)
{
  u64 others = count_tasks().running - 1;     // than the task that asks
  for(u32 k = 0; k < PERIODS; k++)
    load[k] = (load[k] * decay[k] + others * ONE * (ONE - decay[k])) >> SHIFT;
}

static void
add_load(struct text *t, u64 l)
{
  text_add(t, "%lu.%02lu ", l >> SHIFT, (l & (ONE - 1)) * 100 >> SHIFT);
}

int
show_loadavg(struct text *t, struct task *unused)
{
  struct task_count c = count_tasks();
  for(u32 k = 0; k < PERIODS; k++)
    add_load(t, load[k]);
  text_add(t, "%u/%u %u\n", c.running, c.all, c.last);
  return 0;
}
