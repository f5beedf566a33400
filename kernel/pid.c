// SPDX-License-Identifier: MIT
//
// Numbers of tasks, process groups and sessions, in a sparse array.  They are
// given out in turn, so that one that has just ended does not come back soon.
//
// Lock: family_lock.

#include "kernel/pid.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/radix.h"
#include "mm/slab.h"

enum { PID_FIRST = PID_INIT + 1 };

static struct radix numbers;
static struct cache pids = CACHE("pid", sizeof(struct pid), NULL);
u64 pid_last = PID_FIRST - 1;
static u64 limit;            // numbers in use at once

// A process needs some eight frames of the kernel's own: its stack, page tables
// and records.  All together may take an eighth of RAM; and wait for the same page.
enum { FRAMES_EACH = 8, SHARE_OF_RAM = 8, LIMIT_MIN = 128 };

void
pid_init(void)
{
  limit = max(frames_total() / (FRAMES_EACH * SHARE_OF_RAM), (u64)LIMIT_MIN);
  limit = min(limit, min((u64)PID_MAX - PID_FIRST, PINS_MAX / 2));
}

static u32
free_number(void)
{
  u32 nr = (u32)pid_last;
  do
    nr = nr + 1 < PID_MAX ? nr + 1 : PID_FIRST;
  while(radix_get(&numbers, nr) != 0);
  return nr;
}

struct pid *
pid_create(u32 nr)
{
  assert(spin_held(&family_lock));
  if(numbers.count >= limit)
    return NULL;
  struct pid *pid = cache_zalloc(&pids);
  if(!pid)
    return NULL;
  pid->nr = nr != 0 ? nr : free_number();
  if(radix_insert(&numbers, pid->nr, (u64)pid, false) < 0){
    cache_free(&pids, pid);
    return NULL;
  }
  if(nr == 0)
    pid_last = pid->nr;
  pid->users = 1;
  list_init(&pid->group);
  return pid;
}

struct pid *
pid_find(u32 nr)
{
  return (struct pid *)radix_get(&numbers, nr);
}

struct pid *
pid_next(u32 nr)
{
  u64 index = nr;
  return (struct pid *)radix_next(&numbers, &index, false);
}

void
pid_put(struct pid *pid)
{
  if(--pid->users == 0){
    radix_remove(&numbers, pid->nr);
    cache_free(&pids, pid);
  }
}

void
pid_join(struct process *p)
{
  if(!p->sid)
    return;
  struct pid *group = pid_find(p->pgid), *session = pid_find(p->sid);
  group->users++;
  list_append(&group->group, &p->in_group);
  session->users++;
}

void
pid_leave(struct process *p)
{
  if(!p->sid)
    return;
  list_remove(&p->in_group);
  pid_put(pid_find(p->pgid));
  pid_put(pid_find(p->sid));
}
