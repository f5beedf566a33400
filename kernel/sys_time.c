// SPDX-License-Identifier: MIT
//
// System calls about time.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/lock.h"
#include "kernel/rusage.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "fs/vfs.h"

#define SECOND 1000000000UL

enum {
  CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1, CLOCK_PROCESS_CPUTIME_ID = 2,
  CLOCK_THREAD_CPUTIME_ID = 3, CLOCK_MONOTONIC_RAW = 4, CLOCK_REALTIME_COARSE = 5,
  CLOCK_MONOTONIC_COARSE = 6, CLOCK_BOOTTIME = 7,
};

static u64
process_cpu_time(void)
{
  u64 utime, stime;
  process_times(current->process, &utime, &stime);
  return utime + stime;
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
    *ns = machine_time_ns();
    return 0;
  case CLOCK_PROCESS_CPUTIME_ID:
    *ns = process_cpu_time();
    return 0;
  case CLOCK_THREAD_CPUTIME_ID:
    *ns = current->cpu_time + machine_time_ns() - current->mark;
    return 0;
  default:
    return -EINVAL;
  }
}

static int
put_timespec(va_t va, u64 ns)
{
  struct timespec ts = { (i64)(ns / SECOND), (i64)(ns % SECOND) };
  return copy_to_user(va, &ts, sizeof ts) ? -EFAULT : 0;
}

// => 0, -EFAULT or -EINVAL; times beyond 500 years count as that
static int
get_timespec(va_t va, u64 *ns)
{
  struct timespec ts;
  const u64 longest = ~0UL / 2 / SECOND;
  if(copy_from_user(&ts, va, sizeof ts))
    return -EFAULT;
  if(ts.sec < 0 || ts.nsec < 0 || ts.nsec >= (i64)SECOND)
    return -EINVAL;
  *ns = min((u64)ts.sec, longest) * SECOND + (u64)ts.nsec;
  return 0;
}

i64
sys_clock_gettime(const u64 *a)
{
  u64 ns;
  int err = clock_read((u32)a[0], &ns);
  return err ? err : put_timespec(a[1], ns);
}

i64
sys_clock_getres(const u64 *a)
{
  u64 ns;
  int err = clock_read((u32)a[0], &ns);
  if(err || a[1] == 0)
    return err;
  return put_timespec(a[1], max(SECOND / machine.timebase, 1UL));
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
  u64 t[4];
  process_times(p, &t[0], &t[1]);
  t[2] = p->cutime;
  t[3] = p->cstime;
  for(u32 i = 0; i < count_of(t); i++)
    t[i] /= SECOND / TICKS;
  if(a[0] && copy_to_user(a[0], t, sizeof t))
    return -EFAULT;
  return (i64)(machine_time_ns() / (SECOND / TICKS));
}

// ---- Sleeping ----

// A signal that does not end the task (a stop, then SIGCONT) does not end the
// sleep either, and the deadline stays.
static i64
sleep_until(u64 deadline)
{
  struct waitq q;
  int err;
  waitq_init(&q);
  do {
    err = wait_until(&q, NULL, deadline);
    if(err == -EINTR)
      signal_deliver();
  } while(err != -ETIMEDOUT);
  return 0;
}

i64
sys_nanosleep(const u64 *a)
{
  u64 ns;
  int err = get_timespec(a[0], &ns);
  return err ? err : sleep_until(machine_time_ns() + ns);
}

enum { TIMER_ABSTIME = 1 };

i64
sys_clock_nanosleep(const u64 *a)
{
  u32 clock = (u32)a[0];
  u64 ns, now;
  if(clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
    return -EINVAL;
  int err = get_timespec(a[2], &ns);
  if(err)
    return err;
  if(!(a[1] & TIMER_ABSTIME))
    return sleep_until(machine_time_ns() + ns);
  clock_read(clock, &now);
  return ns <= now ? 0 : sleep_until(machine_time_ns() + (ns - now));
}
