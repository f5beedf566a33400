// SPDX-License-Identifier: MIT
//
// Wait queues.
//
// A sleeper puts itself on the queue, says SLEEPING, lets go of the caller's
// lock and only then looks for a reason not to sleep; a waker changes the
// condition first and looks at the queue afterwards.  One of them sees the
// other.  A sleeper takes the queue's lock again before it returns: so a waker,
// who holds it, may rely on both the task and the queue.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/sched.h"

static bool
interrupted(const struct task *t)
{
  switch(t->sleep){
  case SLEEP_SIGNALS:
    return t->killed || atomic_load(&t->notify) & NOTIFY_SIGNAL;
  case SLEEP_KILLABLE:
    return t->killed;
  default:
    return false;
  }
}

// Off the queue, whoever took us off. => true if a wake-up did
static bool
leave_queue(struct task *t, struct waitq *q)
{
  bool on = spin_lock_irq(&q->lock);
  bool woken = list_empty(&t->wait);
  if(!woken)
    list_remove(&t->wait);
  spin_unlock_irq(&q->lock, on);
  return woken;
}

static void
deadline_passed(struct timer *timer)
{
  task_wake(container_of(timer, struct task, timer));
}

// => 0 if a wake-up ended the sleep, -EINTR for a signal or kill, -EAGAIN if neither
static int
sleep_on(struct waitq *q, struct spinlock *l, enum sleep_kind kind, enum task_state state,
         u64 deadline_ns)
{
  struct task *t = current;
  preempt_off();
  bool on = spin_lock_irq(&q->lock);
  list_append(&q->waiters, &t->wait);
  t->sleep = kind;
  atomic_store_rel(&t->state, state);
  spin_unlock_irq(&q->lock, on);
  if(l)
    spin_unlock(l);
  lock_may_sleep("a wait");
  ledger_settle();
  if(deadline_ns != NEVER){
    t->timer.fire = deadline_passed;
    timer_start(&t->timer, deadline_ns);
  }
  atomic_fence();
  if(unlikely(interrupted(t)))
    t->state = TASK_RUNNING;     // a waker would write the same: we are on our hart
  schedule_asleep();
  if(deadline_ns != NEVER)
    timer_stop(&t->timer);
  bool woken = leave_queue(t, q);
  int result = woken ? 0 : interrupted(t) ? -EINTR : -EAGAIN;
  if(l)
    spin_lock(l);
  preempt_on();
  return result;
}

int
wait_on(struct waitq *q, struct spinlock *l)
{
  return sleep_on(q, l, SLEEP_KILLABLE, TASK_SLEEPING, NEVER) == -EINTR ? -EINTR : 0;
}

int
wait_intr(struct waitq *q, struct spinlock *l)
{
  return sleep_on(q, l, SLEEP_SIGNALS, TASK_SLEEPING, NEVER) == -EINTR ? -EINTR : 0;
}

void
wait_io(struct waitq *q, struct spinlock *l)
{
  struct hart *h = this_hart();
  u64 counts = current->space != NULL;     // the kernel's own tasks wait for work so
  if(counts)
    hart_io(h, 1);
  sleep_on(q, l, SLEEP_SURE, TASK_SLEEPING, NEVER);
  if(counts)
    hart_io(h, -1UL);
}

void
wait_stopped(struct waitq *q, struct spinlock *l)
{
  sleep_on(q, l, SLEEP_KILLABLE, TASK_STOPPED, NEVER);
}

int
wait_until(struct waitq *q, struct spinlock *l, u64 deadline_ns)
{
  int result = sleep_on(q, l, SLEEP_SIGNALS, TASK_SLEEPING, deadline_ns);
  if(result == -EAGAIN)
    return machine_time_ns() >= deadline_ns ? -ETIMEDOUT : 0;
  return result;
}

void
wake_waiters(struct waitq *q, bool all)
{
  bool on = spin_lock_irq(&q->lock);
  while(!list_empty(&q->waiters)){
    struct task *t = list_first(&q->waiters, struct task, wait);
    list_remove(&t->wait);
    task_wake(t);
    if(!all)
      break;
  }
  spin_unlock_irq(&q->lock, on);
}
