// SPDX-License-Identifier: MIT
//
// timerfd: a file that can be read when a time has come, and tells how often it has.
// That is computed from the time when somebody asks: a timer runs only for the first
// expiry after that.
//
// Locks: t->arming, outside t->lock, for the alarm; t->lock for the times.

#include <machine.h>
#include "fs/vfs.h"
#include "kernel/alarm.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/poll.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/timespec.h"
#include "kernel/user_path.h"
#include "mm/slab.h"

enum { TFD_ABSTIME = 1, TFD_CANCEL_ON_SET = 2 };

struct timerfd {
  struct sleeplock arming;
  struct spinlock lock;
  u64 at, interval;                // ns since boot of the next expiry, NEVER: none; 0: once
  u64 skew;                        // its clock minus the time since boot
  struct alarm alarm;
  u64 refs;                        // the file's, and the alarm's when it is due
  struct waitq expired;
  struct poll_source news;
};

static void
timerfd_put(struct timerfd *t)
{
  if(atomic_add_full(&t->refs, -1UL) == 1)
    kfree(t);
}

static void
alarm_comes(struct alarm *a)
{
  struct timerfd *t = container_of(a, struct timerfd, alarm);
  wake_all(&t->expired);
  poll_notify(&t->news, POLLIN);
  timerfd_put(t);
}

// Have the alarm come when t->at says.
static void
arm(struct timerfd *t)
{
  sleep_lock(&t->arming);
  alarm_set(&t->alarm, atomic_load(&t->at));
  sleep_unlock(&t->arming);
}

// Expiries up to now, which are told and forgotten.  t->lock held
static u64
take(struct timerfd *t)
{
  u64 now = machine_time_ns();
  if(t->at > now)
    return 0;
  u64 n = t->interval ? (now - t->at) / t->interval + 1 : 1;
  atomic_store(&t->at, t->interval ? t->at + n * t->interval : NEVER);
  return n;
}

static i64
timerfd_read(struct file *f, va_t buf, u64 n, u64 *pos)
{
  struct timerfd *t = f->priv;
  u64 count;
  int err = 0;
  if(n < sizeof count)
    return -EINVAL;
  spin_lock(&t->lock);
  while((count = take(t)) == 0 && err == 0)
    err = f->flags & O_NONBLOCK ? -EAGAIN : wait_intr(&t->expired, &t->lock);
  spin_unlock(&t->lock);
  if(count == 0)
    return err;
  arm(t);
  return copy_to_user(buf, &count, sizeof count) ? -EFAULT : (i64)sizeof count;
}

static u32
timerfd_poll(struct file *f, struct poll_wait *w)
{
  struct timerfd *t = f->priv;
  poll_add(&t->news, w);
  return atomic_load(&t->at) <= machine_time_ns() ? POLLIN : 0;
}

static void
timerfd_release(struct file *f)
{
  struct timerfd *t = f->priv;
  alarm_set(&t->alarm, NEVER);
  timerfd_put(t);
}

static const struct file_ops timerfd_ops = {
  .read = timerfd_read,
  .poll = timerfd_poll,
  .release = timerfd_release,
};

// ---- The calls ----

i64
sys_timerfd_create(const u64 *a)
{
  struct timespec now;
  bool real = (u32)a[0] == CLOCK_REALTIME;
  if((!real && (u32)a[0] != CLOCK_MONOTONIC && (u32)a[0] != CLOCK_BOOTTIME) ||
     (a[1] & ~(u64)(O_CLOEXEC | O_NONBLOCK)))
    return -EINVAL;
  struct timerfd *t = kzalloc(sizeof *t);
  struct file *f = t ? file_nameless(&timerfd_ops, O_RDWR | (a[1] & O_NONBLOCK), t) : NULL;
  if(f == NULL){
    kfree(t);
    return -ENOMEM;
  }
  sleep_init(&t->arming, "timerfd");
  spin_init(&t->lock, "timerfd times");
  waitq_init(&t->expired);
  poll_source_init(&t->news);
  t->refs = 1;
  t->alarm = (struct alarm){ .refs = &t->refs, .come = alarm_comes };
  alarm_init(&t->alarm);
  t->at = NEVER;
  t->skew = real ? time_now(&now) - machine_time_ns() : current->process->clock_ahead;
  return fd_install(f, 0, a[1] & O_CLOEXEC);
}

// As get and set tell it: how long until it expires, and how often then.
static int
put_times(va_t va, u64 at, u64 interval)
{
  u64 now = machine_time_ns();
  if(timespec_put(va, interval))
    return -EFAULT;
  return timespec_put(va + sizeof(struct timespec), at == NEVER ? 0 : max(at, now + 1) - now);
}

// Expiries that are over count for the next read only if the times stay.
static void
look(struct timerfd *t, u64 *at, u64 *interval)
{
  u64 now = machine_time_ns();
  *at = t->at;
  *interval = t->interval;
  if(*at <= now && *interval)
    *at += ((now - *at) / *interval + 1) * *interval;
  else if(*at <= now)
    *at = NEVER;
}

static i64
settime(struct file *f, const u64 *a)
{
  struct timerfd *t = f->priv;
  u64 value, interval, old_at, old_interval, now = machine_time_ns();
  if(f->ops != &timerfd_ops || (a[1] & ~(u64)(TFD_ABSTIME | TFD_CANCEL_ON_SET)))
    return -EINVAL;
  int err = timespec_get(a[2], &interval);
  if(err == 0)
    err = timespec_get(a[2] + sizeof(struct timespec), &value);
  if(err)
    return err;
  u64 from = a[1] & TFD_ABSTIME ? -t->skew : now;
  spin_lock(&t->lock);
  look(t, &old_at, &old_interval);
  atomic_store(&t->at, value == 0 ? NEVER : (i64)(value + from) < 0 ? 0 : value + from);
  t->interval = interval;
  spin_unlock(&t->lock);
  arm(t);
  return a[3] ? put_times(a[3], old_at, old_interval) : 0;
}

static i64
gettime(struct file *f, const u64 *a)
{
  struct timerfd *t = f->priv;
  u64 at, interval;
  if(f->ops != &timerfd_ops)
    return -EINVAL;
  spin_lock(&t->lock);
  look(t, &at, &interval);
  spin_unlock(&t->lock);
  return put_times(a[1], at, interval);
}

i64 sys_timerfd_settime(const u64 *a) { return on_file(a, settime); }
i64 sys_timerfd_gettime(const u64 *a) { return on_file(a, gettime); }
