// SPDX-License-Identifier: MIT
//
// System calls about time.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/lock.h"
#include "kernel/rusage.h"
#include "kernel/syscall.h"
#include "kernel/timespec.h"
#include "fs/vfs.h"

// Clocks below 0 are of processes and threads: ~number << 3, bit 2 for a thread.
enum { CLOCK_NONE = 3, CLOCK_OF_THREAD = 4, CLOCK_MINE = -6, CLOCK_MY_THREAD = -2 };

u64
monotonic_now(void)
{
  return machine_time_ns() + current->process->clock_ahead;
}

static int
cpu_clock_read(i32 clock, u64 *ns)
{
  u32 tid = (u32)~(clock >> 3);
  struct task *t = (clock & CLOCK_NONE) == CLOCK_NONE ? NULL : task_find(tid ? tid : current->tid);
  if(t == NULL)
    return -EINVAL;
  struct used u = clock & CLOCK_OF_THREAD ? task_used(t) : process_used(t->process);
  task_put(t);
  *ns = u.user + u.kernel;
  return 0;
}

// => 0, *ns set, or -EINVAL
static int
clock_read(u32 clock, u64 *ns)
{
  struct timespec ts;
  switch(clock){
  case CLOCK_REALTIME:
  case CLOCK_REALTIME_COARSE:
    *ns = time_now(&ts);
    return 0;
  case CLOCK_MONOTONIC:
  case CLOCK_MONOTONIC_RAW:
  case CLOCK_MONOTONIC_COARSE:
  case CLOCK_BOOTTIME:
    *ns = monotonic_now();
    return 0;
  case CLOCK_PROCESS_CPUTIME_ID:
    return cpu_clock_read(CLOCK_MINE, ns);
  case CLOCK_THREAD_CPUTIME_ID:
    return cpu_clock_read(CLOCK_MY_THREAD, ns);
  default:
    return (i32)clock < 0 ? cpu_clock_read((i32)clock, ns) : -EINVAL;
  }
}

i64
sys_clock_gettime(const u64 *a)
{
  u64 ns;
  int err = clock_read((u32)a[0], &ns);
  return err ? err : timespec_put(a[1], ns);
}

i64
sys_clock_getres(const u64 *a)
{
  u64 ns;
  int err = clock_read((u32)a[0], &ns);
  if(err || a[1] == 0)
    return err;
  return timespec_put(a[1], max(SECOND / machine.timebase, 1UL));
}

i64
sys_gettimeofday(const u64 *a)
{
  struct timespec ts;
  struct timeval tv = timeval_of(time_now(&ts));
  if(a[0] && copy_to_user(a[0], &tv, sizeof tv))
    return -EFAULT;
  u64 zone = 0;                    // struct timezone, obsolete: UTC
  return a[1] && copy_to_user(a[1], &zone, sizeof zone) ? -EFAULT : 0;
}

// In clock ticks, of which there are always a hundred a second.
i64
sys_times(const u64 *a)
{
  enum { TICKS = 100 };
  struct process *p = current->process;
  struct used u = process_used(p);
  u64 t[] = { u.user, u.kernel, p->waited.user, p->waited.kernel };
  for(u32 i = 0; i < count_of(t); i++)
    t[i] /= SECOND / TICKS;
  if(a[0] && copy_to_user(a[0], t, sizeof t))
    return -EFAULT;
  return (i64)(monotonic_now() / (SECOND / TICKS));
}

// ---- Sleeping ----

static i64
sleep_until(u64 deadline)
{
  struct waitq q = WAITQ_INIT(q);
  int err;
  while((err = wait_until(&q, NULL, deadline)) == 0)
    ;
  return err == -ETIMEDOUT ? 0 : err;
}

// A sleep of some length: after a signal the deadline stays, unless a handler ran.
i64
sleep_on(const struct restart *r)
{
  i64 err = sleep_until(r->deadline);
  if(err != -EINTR)
    return err;
  current->restart = *r;
  return timespec_put_rest(r->va, r->deadline) ? -EFAULT : -ERESTART;
}

static i64
sleep_for(va_t length, va_t rest)
{
  struct restart r = { .fn = sleep_on, .va = rest };
  u64 ns;
  int err = timespec_get(length, &ns);
  r.deadline = machine_time_ns() + ns;
  return err ? err : sleep_on(&r);
}

i64
sys_nanosleep(const u64 *a)
{
  return sleep_for(a[0], a[1]);
}

enum { TIMER_ABSTIME = 1 };

i64
sys_clock_nanosleep(const u64 *a)
{
  u32 clock = (u32)a[0];
  u64 ns, now;
  if(clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
    return -EINVAL;
  if(!(a[1] & TIMER_ABSTIME))
    return sleep_for(a[2], a[3]);
  int err = timespec_get(a[2], &ns);
  if(err)
    return err;
  clock_read(clock, &now);
  i64 r = ns <= now ? 0 : sleep_until(machine_time_ns() + (ns - now));
  return r == -EINTR ? -ENOHANDLER : r;
}

i64
sys_restart_syscall(const u64 *a)
{
  struct restart r = current->restart;
  current->restart.fn = NULL;
  return r.fn ? r.fn(&r) : -EINTR;
}
