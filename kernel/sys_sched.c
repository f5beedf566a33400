// SPDX-License-Identifier: MIT
//
// System calls about who runs where, and how much.  There is one policy, SCHED_OTHER, in
// which a task's share of its hart follows from how nice it is (sched.c).

#include "kernel/errno.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/timespec.h"

enum { SCHED_OTHER = 0 };

i64
sys_getcpu(const u64 *a)
{
  u32 hart = this_hart()->index;
  if((a[0] && store_user_u32(a[0], hart) < 0) || (a[1] && store_user_u32(a[1], 0) < 0))
    return -EFAULT;
  return 0;
}

i64
sys_sched_yield(const u64 *a)
{
  yield();
  return 0;
}

static struct task *
task_named(u32 tid)
{
  return task_find(tid ? tid : current->tid);
}

// ---- Where ----

i64
sys_sched_getaffinity(const u64 *a)
{
  struct task *t = task_named((u32)a[0]);
  if(!t)
    return -ESRCH;
  u64 set = atomic_load(&t->harts) & all_harts();
  task_put(t);
  if(a[1] < sizeof set || a[1] % sizeof set)
    return -EINVAL;
  return copy_to_user(a[2], &set, sizeof set) ? -EFAULT : (i64)sizeof set;
}

// Tasks of the kernel stay free to run where they are needed.
i64
sys_sched_setaffinity(const u64 *a)
{
  u64 set = 0;
  if(copy_from_user(&set, a[2], min(a[1], (u64)sizeof set)))
    return -EFAULT;
  struct task *t = task_named((u32)a[0]);
  if(!t)
    return -ESRCH;
  set &= all_harts();
  int e = set && atomic_load(&t->space) ? 0 : -EINVAL;
  if(e == 0)
    task_confine(t, set == all_harts() ? ~0UL : set);
  task_put(t);
  return e;
}

// ---- How nice ----

enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER, PRIO_KINDS };

static bool
is_meant(const struct task *t, u64 which, u32 who)
{
  const struct process *p = t->process, *me = current->process;
  return which == PRIO_PROCESS ? t->tid == (who ? who : current->tid) :
         which == PRIO_PGRP ? p->pgid == (who ? who : me->pgid) :
         p->uid == (who ? who : me->uid);
}

// => 0, or -EPERM, -EACCES as setpriority(2) has them
static int
set_nice(struct task *t, int nice)
{
  u32 me = current->process->uid;
  if(me != 0 && me != t->process->uid)
    return -EPERM;
  if(me != 0 && nice < t->nice)
    return -EACCES;
  task_set_nice(t, nice);
  return 0;
}

static int
get_nice(struct task *t, int unused)
{
  return NICE_MAX + 1 - t->nice;             // never negative: that would be an error
}

// => the greatest of what fn gave for those who are meant, or an error
static i64
for_each_meant(const u64 *a, int (*fn)(struct task *t, int nice), int nice)
{
  i64 r = -ESRCH;
  u32 who = (u32)a[1];
  bool one = a[0] == PRIO_PROCESS;
  struct task *t;
  if(a[0] >= PRIO_KINDS)
    return -EINVAL;
  for(u64 tid = !one ? 1 : who ? who : current->tid; tid <= 0xffffffff && (t = task_next(tid));){
    int e = is_meant(t, a[0], who) ? fn(t, nice) : -ESRCH;
    if(e != -ESRCH)
      r = e < 0 || r == -ESRCH ? e : r < 0 ? r : max(r, (i64)e);
    tid = one ? ~0UL : t->tid + 1UL;
    task_put(t);
  }
  return r;
}

i64
sys_getpriority(const u64 *a)
{
  return for_each_meant(a, get_nice, 0);
}

i64
sys_setpriority(const u64 *a)
{
  return for_each_meant(a, set_nice, max(min((int)a[2], NICE_MAX), NICE_MIN));
}

// ---- By which policy ----

// Real-time policies are not there: priorities without a bound on others' waiting need
// a lock that inherits them.
static bool
is_policy(u64 policy)
{
  return (u32)policy == SCHED_OTHER;
}

// => 0, or -EINVAL, -ESRCH
static int
check_named(const u64 *a)
{
  struct task *t = (i32)a[0] < 0 ? NULL : task_named((u32)a[0]);
  task_put(t);
  return t ? 0 : (i32)a[0] < 0 ? -EINVAL : -ESRCH;
}

// The one parameter is a real-time priority, which is 0.
static i64
set_parameter(const u64 *a, va_t parameter)
{
  u32 priority;
  int e = check_named(a);
  if((i32)a[0] < 0 || parameter == 0)
    return -EINVAL;
  if(load_user_u32(&priority, parameter))
    return -EFAULT;
  return e ? e : priority ? -EINVAL : 0;
}

i64
sys_sched_getparam(const u64 *a)
{
  int e = a[1] ? check_named(a) : -EINVAL;
  return e ? e : store_user_u32(a[1], 0) ? -EFAULT : 0;
}

i64
sys_sched_setscheduler(const u64 *a)
{
  return is_policy(a[1]) ? set_parameter(a, a[2]) : -EINVAL;
}

i64 sys_sched_setparam(const u64 *a) { return set_parameter(a, a[1]); }
i64 sys_sched_getscheduler(const u64 *a) { int e = check_named(a); return e ? e : SCHED_OTHER; }

// The range of a policy's priorities, whether there is such a policy here or not.
static i64
bound(u64 policy, i64 real_time)
{
  enum { REAL_TIME = 1 << 1 | 1 << 2, OTHERS = 1 << 0 | 1 << 3 | 1 << 5 | 1 << 6 };    // Linux's
  u32 bit = (u32)policy < 32 ? 1U << (u32)policy : 0;
  return bit & REAL_TIME ? real_time : bit & OTHERS ? 0 : -EINVAL;
}

i64 sys_sched_get_priority_max(const u64 *a) { return bound(a[0], 99); }
i64 sys_sched_get_priority_min(const u64 *a) { return bound(a[0], 1); }

i64
sys_sched_rr_get_interval(const u64 *a)
{
  int e = check_named(a);
  struct task *t = e ? NULL : task_named((u32)a[0]);
  if(t == NULL)
    return e ? e : -ESRCH;
  u64 slice = t->quantum;
  task_put(t);
  return timespec_put(a[1], slice);
}
