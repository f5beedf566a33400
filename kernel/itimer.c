// SPDX-License-Identifier: MIT
//
// setitimer and getitimer, and the limit on time that is used.  Time that passes is an
// alarm's affair.  Time that is used is counted tick by tick, and the task that used it
// sends the signal to its process on its way to user mode.
//
// Locks: family_lock for the timers of a process; it->lock for what interrupts change.

#include <machine.h>
#include "kernel/alarm.h"
#include "kernel/errno.h"
#include "kernel/itimer.h"
#include "kernel/process.h"
#include "kernel/rusage.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/timespec.h"
#include "mm/slab.h"

enum { REAL = 0, VIRTUAL = 1, PROF = 2, TIMERS = 3, LIMIT = 3, COUNTERS = 4 };

static const int signals[COUNTERS] = { SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU };

struct itimers {
  struct process *process;
  struct alarm alarm;
  struct spinlock lock;            // interrupts off: below
  u64 left[COUNTERS];              // ns; of REAL: when it fires, since boot.  0: off
  u64 interval[COUNTERS];          // ns, 0: once
  u64 seconds;                     // used when LIMIT fires next
  u32 fired;                       // bit n: timer n's signal is to be sent
};

// ---- Time that passes ----

static void
start_alarm(struct itimers *it, u64 at, u64 interval)
{
  it->left[REAL] = at;
  it->interval[REAL] = interval;
  alarm_set(&it->alarm, at ? at : NEVER);
}

// The next one is as late as this one should have been, however long this took.
static void
alarm_comes(struct alarm *a)
{
  struct itimers *it = container_of(a, struct itimers, alarm);
  bool on = spin_lock_irq(&family_lock);
  u64 at = it->left[REAL], now = machine_time_ns(), interval = it->interval[REAL];
  if(at != 0 && at <= now && !it->process->zombie){    // else it was set anew meanwhile
    signal_send_kernel(it->process, SIGALRM);
    start_alarm(it, interval ? at + ((now - at) / interval + 1) * interval : 0, interval);
  }
  spin_unlock_irq(&family_lock, on);
  process_put(it->process);
}

// ---- Time that is used ----

void
itimers_tick(struct process *p, bool user, u64 ns)
{
  struct itimers *it = p->itimers;
  spin_lock(&it->lock);
  for(u32 n = user ? VIRTUAL : PROF; n < COUNTERS; n++){
    if(it->left[n] > ns){
      it->left[n] -= ns;
    } else if(it->left[n] > 0){
      it->left[n] = it->interval[n];
      atomic_or(&it->fired, 1U << n);
      atomic_or(&current->notify, NOTIFY_SIGNAL);
    }
  }
  spin_unlock(&it->lock);
}

bool
itimers_due(const struct process *p)
{
  return p->itimers && atomic_load(&p->itimers->fired);
}

void
itimers_send(struct process *p)
{
  if(!itimers_due(p))
    return;
  u32 fired = atomic_swap(&p->itimers->fired, 0);
  for(u32 n = VIRTUAL; n < COUNTERS; n++){
    bool last = n == LIMIT && p->itimers->seconds >= p->limits[RLIMIT_CPU].hard;
    if(fired >> n & 1)
      signal_send_kernel(p, last ? SIGKILL : signals[n]);
  }
  p->itimers->seconds += fired >> LIMIT & 1;
}

// ---- Life ----

void
itimers_stop(struct process *p)
{
  struct itimers *it = p->itimers;
  if(!it)
    return;
  start_alarm(it, 0, 0);
  spin_lock(&it->lock);
  it->left[VIRTUAL] = it->left[PROF] = it->left[LIMIT] = it->fired = 0;
  spin_unlock(&it->lock);
}

void
itimers_free(struct process *p)
{
  kfree(p->itimers);
}

static struct itimers *
get_itimers(struct process *p)
{
  struct itimers *it = p->itimers;
  if(it || (it = kzalloc(sizeof *it)) == NULL)
    return it;
  it->process = p;
  it->alarm = (struct alarm){ .refs = &p->refs, .come = alarm_comes };
  alarm_init(&it->alarm);
  spin_init(&it->lock, "itimers");
  atomic_store_rel(&p->itimers, it);
  return it;
}

// ---- The calls ----

struct itimerval { struct timeval interval, value; };

// => 0 or -EINVAL
static int
ns_of(struct timeval tv, u64 *ns)
{
  const u64 longest = ~0UL / 4 / SECOND;
  if(tv.sec < 0 || tv.usec < 0 || tv.usec >= 1000000)
    return -EINVAL;
  *ns = min((u64)tv.sec, longest) * SECOND + (u64)tv.usec * 1000;
  return 0;
}

void
itimers_read(const struct process *p, u64 (*timer)[2])
{
  const struct itimers *it = p->itimers;
  for(u32 n = 0; n < TIMERS; n++){
    u64 now = n == REAL ? machine_time_ns() : 0;
    bool runs = it && it->left[n];
    timer[n][0] = runs ? max(it->left[n], now + 1000) - now : 0;
    timer[n][1] = runs ? it->interval[n] : 0;
  }
}

static struct itimerval
get_locked(const struct process *p, u32 n)
{
  u64 timer[TIMERS][2];
  itimers_read(p, timer);
  return (struct itimerval){ timeval_of(timer[n][1]), timeval_of(timer[n][0]) };
}

static void
set_locked(struct itimers *it, u32 n, u64 value, u64 interval)
{
  if(n == REAL){
    start_alarm(it, value ? machine_time_ns() + value : 0, interval);
    return;
  }
  spin_lock(&it->lock);
  it->left[n] = value;
  it->interval[n] = interval;
  spin_unlock(&it->lock);
}

int
itimers_limit(struct process *p, struct used used)
{
  u64 limit = p->limits[RLIMIT_CPU].soft, had = used.user + used.kernel;
  u64 ns = limit == LIMIT_NONE ? 0 : min(max(limit, 1UL), NEVER / SECOND) * SECOND;
  bool on = spin_lock_irq(&family_lock);
  struct itimers *it = get_itimers(p);
  if(it){
    it->seconds = limit;
    set_locked(it, LIMIT, ns > had ? ns - had : ns > 0, SECOND);
  }
  spin_unlock_irq(&family_lock, on);
  return it ? 0 : -ENOMEM;
}

i64
sys_getitimer(const u64 *a)
{
  if((u32)a[0] >= TIMERS)
    return -EINVAL;
  bool on = spin_lock_irq(&family_lock);
  struct itimerval v = get_locked(current->process, (u32)a[0]);
  spin_unlock_irq(&family_lock, on);
  return copy_to_user(a[1], &v, sizeof v) ? -EFAULT : 0;
}

i64
sys_setitimer(const u64 *a)
{
  struct itimerval new = { 0 }, old;
  u64 value, interval;
  u32 n = (u32)a[0];
  if(n >= TIMERS)
    return -EINVAL;
  if(a[1] && copy_from_user(&new, a[1], sizeof new))
    return -EFAULT;
  if(ns_of(new.value, &value) || ns_of(new.interval, &interval))
    return -EINVAL;
  bool on = spin_lock_irq(&family_lock);
  struct itimers *it = get_itimers(current->process);
  if(it){
    old = get_locked(current->process, n);
    set_locked(it, n, value, interval);
  }
  spin_unlock_irq(&family_lock, on);
  if(!it)
    return -ENOMEM;
  return a[2] && copy_to_user(a[2], &old, sizeof old) ? -EFAULT : 0;
}
