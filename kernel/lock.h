// SPDX-License-Identifier: MIT
//
// Locks.  THE LOCK ORDER OF THE KERNEL, outermost first:
//
//   file locks (file position, rename, inode, tty output) > space.lock >
//   qfs (commit, operation, inode numbers, map, scratch) > frame BUSY > reverse-map set (lineage,
//   object.areas) > space upper tables > leaf table > { object tree, names,
//   pipe, buddy, slab, family, futex, timers, wait and run queues, devices }
//
// and of those last: futex > family > timers > wait queue > run queue.
//
// A spinlock disables preemption while held.  A lock that an interrupt handler
// takes is taken with spin_lock_irq everywhere else.
// A sleep lock may be held across a sleep; it is never taken in an interrupt or
// under a spinlock.

#pragma once

#include "kernel/debug/lock_order.h"
#include "kernel/lock_types.h"
#include "kernel/task.h"
#include "kernel/trace/trace.h"

// ---- Spinlocks ----
//
// Whoever comes first gets a free lock; there is no queue.  Under an emulator a
// hart is a thread that its host may put aside: if it had the next ticket, all
// the others would wait for it, though the lock is free.

static inline void
spin_init(struct spinlock *l, const char *name)
{
  *l = (struct spinlock)SPINLOCK_INIT(name);
}

static inline void
waitq_init(struct waitq *q)
{
  spin_init(&q->lock, "waitq");
  list_init(&q->waiters);
}

bool spin_held(const struct spinlock *l);      // by the current task
void spin_wait(struct spinlock *l);

// Preemption is off. => whether it was free, and is ours now
static inline bool
spin_take(struct spinlock *l)
{
  struct task *nobody = NULL;
  return __atomic_compare_exchange_n(&l->holder, &nobody, current, true,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void
spin_lock(struct spinlock *l)
{
  preempt_off();
  lock_takes(l, l->name, LOCK_SPINS);
  if(unlikely(!spin_take(l)))
    aside(spin_wait, l);
}

// Lets go, but leaves preemption off.
static inline void
spin_release(struct spinlock *l)
{
  lock_lets_go(l);
  atomic_store_rel(&l->holder, NULL);
}

static inline void
spin_unlock(struct spinlock *l)
{
  spin_release(l);
  preempt_on();
}

// => also disables interrupts; the result goes to spin_unlock_irq
bool spin_lock_irq(struct spinlock *l);
void spin_unlock_irq(struct spinlock *l, bool were_on);

// ---- Sleep locks ----
//
// => taking one may sleep.  None is recursive, not even for readers.

void sleep_init(struct sleeplock *l, const char *name);
void sleep_lock_slow(struct sleeplock *l);
void sleep_unlock_slow(struct sleeplock *l);
bool sleep_held(const struct sleeplock *l);    // by the current task

static inline void
sleep_lock(struct sleeplock *l)
{
  u64 free = 0;
  lock_takes(l, l->name, LOCK_SLEEPS);
  if(unlikely(!__atomic_compare_exchange_n(&l->owner, &free, (u64)current, false,
                                           __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
    aside(sleep_lock_slow, l);
}

static inline void
sleep_unlock(struct sleeplock *l)
{
  u64 me = (u64)current;
  lock_lets_go(l);
  if(unlikely(!__atomic_compare_exchange_n(&l->owner, &me, 0, false,
                                           __ATOMIC_RELEASE, __ATOMIC_RELAXED)))
    aside(sleep_unlock_slow, l);
}

static inline void
rw_init(struct rwlock *l, const char *name)
{
  l->word = 0;
  l->writer = NULL;
  l->name = name;
  spin_init(&l->lock, name);
  l->readers_waiting = l->writers_waiting = 0;
  waitq_init(&l->readers);
  waitq_init(&l->writers);
}

void rw_lock_slow(struct rwlock *l, bool write);
void rw_unlock_slow(struct rwlock *l);
bool rw_write_held(const struct rwlock *l);    // by the current task
bool rw_held(const struct rwlock *l);          // by somebody, either way

static inline void
rw_read_leave(struct rwlock *l)
{
  u64 w = atomic_add_full(&l->word, -RW_READER) - RW_READER;
  if(unlikely(w == RW_WAITERS))
    aside(rw_unlock_slow, l);
}

// A reader counts itself and then looks.  Who finds a writer, or somebody waiting, has not
// read anything yet: it takes its count back and waits as well.
static inline bool
rw_read_try(struct rwlock *l)
{
  u64 w = __atomic_fetch_add(&l->word, RW_READER, __ATOMIC_ACQUIRE);
  if(unlikely(w & (RW_WRITER | RW_WAITERS))){
    rw_read_leave(l);
    return false;
  }
  return true;
}

static inline void
rw_read_lock(struct rwlock *l)
{
  lock_takes(l, l->name, LOCK_READ);
  if(unlikely(!rw_read_try(l)))
    aside(rw_lock_slow, l, false);
}

static inline void
rw_read_unlock(struct rwlock *l)
{
  lock_lets_go(l);
  rw_read_leave(l);
}

static inline void
rw_write_lock(struct rwlock *l)
{
  u64 free = 0;
  lock_takes(l, l->name, LOCK_WRITE);
  if(likely(__atomic_compare_exchange_n(&l->word, &free, RW_WRITER, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
    l->writer = current;
  else
    aside(rw_lock_slow, l, true);
}

static inline void
rw_write_unlock(struct rwlock *l)
{
  lock_lets_go(l);
  l->writer = NULL;
  u64 w = atomic_add_full(&l->word, -RW_WRITER) - RW_WRITER;
  if(unlikely(w == RW_WAITERS))
    aside(rw_unlock_slow, l);
}

// ---- Wait queues ----

// Sleep on q until woken.  The caller's lock, if any, is released once the task
// is on the queue and taken again before return, so a wake-up sent under the
// lock cannot be lost.  Callers re-test their condition in a loop.  A lock taken
// with interrupts off stays so: they are on again only while others run.
//
// wait_on:    not interruptible, except that a killed task is woken too.
//             => 0, or -EINTR if the task is being killed
// wait_intr:  => 0, or -EINTR if a signal is pending (or the task killed)
// wait_until: wait_intr with a deadline in nanoseconds since boot;
//             => 0, -EINTR or -ETIMEDOUT
int wait_on(struct waitq *q, struct spinlock *l);
int wait_intr(struct waitq *q, struct spinlock *l);
int wait_until(struct waitq *q, struct spinlock *l, u64 deadline_ns);

// Sleep for certain: not even a kill wakes it.  For waits that are bounded by
// the kernel itself (disk I/O, a BUSY frame).
void wait_io(struct waitq *q, struct spinlock *l);

// => callable from interrupts; neither takes the caller's lock
void wake_waiters(struct waitq *q, bool all);

static inline void
wake_one(struct waitq *q)
{
  atomic_fence();              // the condition is seen changed, or the waiter is seen here
  if(unlikely(atomic_load(&q->waiters.next) != &q->waiters))
    wake_waiters(q, false);
}

static inline void
wake_all(struct waitq *q)
{
  atomic_fence();
  if(unlikely(atomic_load(&q->waiters.next) != &q->waiters))
    wake_waiters(q, true);
}
