// SPDX-License-Identifier: MIT
//
// The scheduler: who runs where, and the one place where a hart changes tasks.
//
// Every hart has a queue.  Two rules order it.  A task may run for a slice; when
// that is used up it goes to the end of the queue with a new one.  A task that
// comes from a sleep with some of its slice left goes to the front and takes the
// place of the running one.  So those who mostly wait answer at once, and those
// who mostly compute share what is left in turn.
//
// How long a new slice is depends on how nice the task is: each step makes it a fifth
// shorter.  What a task ran beyond its slice, for it is stopped by ticks, is taken off
// the next one, and with nothing left it lets another round go by.  So shares are
// exact, with slices shorter than a tick too.
//
// New and woken tasks stay where they are made and woken unless others wait there
// already.  A hart that runs out of tasks takes one from another, and is told by
// the others' ticks that there are some; a busy one takes from much longer queues.
// A task that is confined to some harts is passed over by the others, and leaves a
// hart that it may not run on any more when it is switched out there.
//
// Locks: hart->lock, interrupts off, the innermost of all.  It covers the queue
// and the state of the tasks whose ->hart this is, and it is held across the
// switch: who has it finds every task but hart->current wholly switched out.

#include <machine.h>
#include <pmap.h>
#include "kernel/bootargs.h"
#include "kernel/itimer.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "mm/frame.h"
#include "mm/space.h"
#include "mm/vmap.h"

u64 harts_online = 1;
static bool idle_ticks;       // for QEMU's record, where only time moves what waits
static u64 idle_harts;        // those waiting for work that nobody has claimed yet

// ---- Queues ----

static inline bool
may_run(const struct task *t, const struct hart *h)
{
  return likely(t->harts == ~0UL) || t->harts >> h->index & 1;
}

static inline void
renew(struct task *t)
{
  t->slice += t->quantum;
  if(unlikely(t->slice <= 0))
    t->slice = max(t->slice, t->quantum - TICK_NS);        // it was kept from stopping
}

// => true if it goes before the others
static bool
enqueue(struct hart *h, struct task *t)
{
  bool first = t->slice > 0;
  t->state = TASK_RUNNABLE;
  t->hart = h;
  h->nrunnable++;
  if(first){
    list_push(&h->runq, &t->run);
  } else {
    renew(t);
    list_append(&h->runq, &t->run);
  }
  return first;
}

static struct task *
unqueue(struct hart *h, struct task *t)
{
  list_remove(&t->run);
  h->nrunnable--;
  return t;
}

// Of those that still owe time, t is the first: they let this round go by.
static __attribute__((noinline)) struct task *
pass_over(struct hart *h, struct task *t)
{
  for(; t->slice <= 0; t = list_first(&h->runq, struct task, run)){
    t->slice += t->quantum;
    list_remove(&t->run);
    list_append(&h->runq, &t->run);
  }
  return t;
}

static inline struct task *
first_in(struct hart *h)
{
  struct task *t = list_first(&h->runq, struct task, run);
  return likely(t->slice > 0) ? t : pass_over(h, t);
}

static inline __attribute__((always_inline)) struct task *
dequeue(struct hart *h)
{
  return list_empty(&h->runq) ? NULL : unqueue(h, first_in(h));
}

// The first of h's that may run on `to`.
static struct task *
dequeue_for(struct hart *h, const struct hart *to)
{
  struct task *t;
  list_for(t, &h->runq, run)
    if(likely(may_run(t, to)))
      return unqueue(h, t);
  return NULL;
}

// ---- The switch ----

// What this hart's timer has to do changes when it begins or ceases to idle.
static void
tick_change(struct hart *h, bool idle, u64 now)
{
  h->tick = idle && !idle_ticks ? NEVER : now + TICK_NS;
  if(!idle){
    atomic_and(&idle_harts, ~(1UL << h->index));
    machine_timer_set(min(h->tick, atomic_load(&h->timers.next)));
  }
}

// t has run up to now.
static inline void
charge(struct task *t, u64 now)
{
  u64 used = now - t->mark;
  t->cpu_time += used;
  t->slice -= (i64)used;
  t->mark = now;
}

// h->lock held, interrupts off.
static void
switch_to(struct hart *h, struct task *prev, struct task *next)
{
  u64 now = prev->mark;
  next->mark = now;
  trace(SWITCH, prev, next);
  prev->switches++;
  h->switches++;
  if(unlikely(prev == h->idle || next == h->idle))
    tick_change(h, next == h->idle, now);
  h->current = next;
  h->gone = prev->state >= TASK_ZOMBIE ? prev : NULL;
  next->hart = h;
  next->state = TASK_RUNNING;
  if(prev->space != next->space)
    pmap_switch(prev->space ? &prev->space->pmap : NULL, next->space ? &next->space->pmap : NULL);
  lock_passes(&h->lock, prev, next);
  context_switch(prev, next);
}

static struct hart *lock_hart_of(struct task *t);
static struct hart *assign(struct hart *h, struct task *t);

// t is wholly switched out and not to come back here: it ended, or has to move.
static __attribute__((noinline)) void
let_go(struct task *t)
{
  if(t->state == TASK_MOVING){
    bool on = intr_save();
    struct hart *h = assign(lock_hart_of(t), t);
    spin_unlock_irq(&h->lock, on);
    return;
  }
  kstack_free(t->stack);
  t->stack = NULL;
  task_put(t);
}

// On the other side of a switch: let go of the queue, and of a task that left.
static inline void
finish_switch(void)
{
  struct hart *h = current->hart;
  struct task *gone = h->gone;
  h->gone = NULL;
  spin_release(&h->lock);
  current->preempt--;
  if(unlikely(gone))
    let_go(gone);
}

void
schedule_tail(void)
{
  finish_switch();
}

// prev could go on. => who does now; or NULL
static inline struct task *
in_turn(struct hart *h, struct task *prev)
{
  struct task *next;
  if(unlikely(!may_run(prev, h))){
    prev->state = TASK_MOVING;
    return dequeue(h);
  }
  if(prev->slice <= 0){
    renew(prev);
    list_append(&h->runq, &prev->run);       // as many wait as before, if it is another
    next = first_in(h);
    list_remove(&next->run);
    if(next == prev)
      return prev;
    prev->state = TASK_RUNNABLE;
  } else {
    if((next = dequeue(h)) == NULL)
      return prev;
    enqueue(h, prev);
  }
  prev->preempted++;
  return next;
}

// Preemption off 0 or 1 times; see schedule_asleep().
static void
reschedule(void)
{
  bool on = intr_save();
  if(unlikely(atomic_load(&machine_stopping)))
    stop_here();
  struct task *prev = current;
  struct hart *h = prev->hart;
  spin_lock(&h->lock);
  prev->resched = 0;
  charge(prev, machine_time_ns());
  struct task *next = prev->state == TASK_RUNNING && prev != h->idle ? in_turn(h, prev)
                                                                     : dequeue(h);
  if(!next)
    next = h->idle;
  if(next != prev)
    switch_to(h, prev, next);
  finish_switch();
  intr_restore(on);
}

void
schedule(void)
{
  assert(current->preempt == 0);
  reschedule();
}

void
schedule_asleep(void)
{
  assert(current->preempt == 1);
  reschedule();
}

void
schedule_zombie(void)
{
  assert(current->preempt == 1 && current->state == TASK_ZOMBIE);
  ledger_settle();
  reschedule();
  panic("a dead task runs");
}

void
yield(void)
{
  if(current->slice > 0)
    current->slice = 0;
  schedule();
}

void
preempt_resched(void)
{
  if(intr_enabled())
    schedule();
}

// ---- Waking ----

// A hart for t.  The one that wakes it, as long as nobody else waits there: the
// waker often sleeps soon, and no other hart has to be interrupted.  Else an idle
// one, or the one that t ran on; the first that it may run on if these are not.
static struct hart *
place(struct task *t)
{
  struct hart *here = this_hart();
  if(here->nrunnable == 0 && likely(may_run(t, here)))
    return here;
  u64 some = atomic_load(&idle_harts) & t->harts;
  if(likely(some == 0)){
    if(likely(may_run(t, t->hart)))
      return t->hart;
    some = t->harts;
  }
  u32 i = 0;
  while(!(some >> i & 1))
    i++;
  return &harts[i];
}

// h has something new to run, which may be more urgent than what it runs now.
// h->lock held.
static void
notice(struct hart *h, bool urgent)
{
  if(h->current == h->idle)
    atomic_and(&idle_harts, ~(1UL << h->index));
  else if(!urgent)
    return;
  h->current->resched = 1;
  if(h != this_hart())
    machine_ipi(1UL << h->index);
}

static struct hart *
lock_hart_of(struct task *t)
{
  for(;;){
    struct hart *h = atomic_load(&t->hart);
    spin_lock(&h->lock);
    if(likely(t->hart == h))
      return h;
    spin_unlock(&h->lock);
  }
}

// t is runnable, on no queue, and h = t->hart is locked. => the hart locked now
static struct hart *
assign(struct hart *h, struct task *t)
{
  struct hart *to = place(t);
  trace(WAKE, t, to);
  if(unlikely(to != h)){
    t->state = TASK_MOVING;
    spin_unlock(&h->lock);
    spin_lock(&to->lock);
  }
  notice(to, enqueue(to, t));
  return to;
}

void
task_interrupt(struct task *t, enum sleep_kind kind)
{
  bool on = intr_save();
  struct hart *h = lock_hart_of(t);
  enum task_state state = atomic_load_acq(&t->state);
  if((state == TASK_SLEEPING || state == TASK_STOPPED) && t->sleep >= kind){
    if(h->current == t)
      t->state = TASK_RUNNING;   // on its way to sleep: it will see
    else
      h = assign(h, t);
  }
  spin_unlock_irq(&h->lock, on);
}

void
task_wake(struct task *t)
{
  task_interrupt(t, SLEEP_SURE);
}

void
task_confine(struct task *t, u64 to)
{
  bool on = intr_save();
  struct hart *h = lock_hart_of(t);
  t->harts = to;
  if(may_run(t, h))
    ;
  else if(t->state == TASK_RUNNABLE)
    h = assign(h, unqueue(h, t));
  else if(h->current == t){
    t->resched = 1;
    if(h != this_hart())
      machine_ipi(1UL << h->index);
  }
  spin_unlock_irq(&h->lock, on);
}

void
task_set_nice(struct task *t, int nice)
{
  i64 quantum = SLICE_NS;
  for(int n = nice; n > 0; n--)
    quantum = quantum * 4 / 5;
  for(int n = nice; n < 0; n++)
    quantum = quantum * 5 / 4;
  atomic_store(&t->quantum, quantum);
  t->nice = nice;
}

void
task_start(struct task *t)
{
  bool on = intr_save();
  struct hart *h = this_hart();
  t->hart = h;
  spin_lock(&h->lock);
  h = assign(h, t);
  spin_unlock_irq(&h->lock, on);
}

// ---- Idle harts ----

bool
harts_to_spare(void)
{
  return atomic_load(&idle_harts) || atomic_load(&this_hart()->nrunnable) == 0;
}

// Take a task from a hart where at least so many wait.  Interrupts off.
static bool
steal(struct hart *me, u32 least)
{
  for(u32 i = 1; i < nharts; i++){
    struct hart *h = &harts[(me->index + i) % nharts];
    if(atomic_load(&h->nrunnable) < least)
      continue;
    spin_lock(&h->lock);
    struct task *t = dequeue_for(h, me);
    if(t)
      t->state = TASK_MOVING;
    spin_unlock(&h->lock);
    if(t){
      spin_lock(&me->lock);
      enqueue(me, t);
      spin_unlock(&me->lock);
      return true;
    }
  }
  return false;
}

// Announce first, look afterwards: who enqueues something after the look has
// seen the announcement, or its hart's next tick does.  A hart with nothing to do
// zeroes frames, one between two looks.
static void
idle(struct hart *h)
{
  bool on = intr_save();
  atomic_or(&idle_harts, 1UL << h->index);
  if(h->nrunnable == 0 && !atomic_load(&machine_stopping) && !steal(h, 1) && !frame_prepare()){
    machine_timer_set(min(h->tick, atomic_load(&h->timers.next)));
    machine_idle();
  }
  intr_restore(on);
}

void
hart_main(void)
{
  struct hart *h = this_hart();
  idle_ticks = bootarg_is("ticks", "");
  atomic_or(&harts_online, 1UL << h->index);
  intr_restore(true);
  for(;;){
    idle(h);
    schedule();
  }
}

// ---- Interrupts ----

static void
tick(struct hart *h, u64 now)
{
  struct task *t = h->current;
  bool user = machine_interrupted_user();
  if(t->process && t->process->itimers)
    itimers_tick(t->process, user, now - h->tick + TICK_NS);     // the tick may be late
  if(user){
    t->user_ticks++;
    h->user_ticks++;
  } else {
    t->kernel_ticks++;
    h->kernel_ticks++;
  }
  if(t->space)
    atomic_or(&t->space->careful, CAREFUL_TIME);
  if((i64)(now - t->mark) >= t->slice)
    t->resched = 1;
  u64 idle = atomic_load(&idle_harts);
  if(unlikely(idle != 0 && h->nrunnable > 0))
    machine_ipi(idle);
  steal(h, h->nrunnable + 2);
  h->tick = now + TICK_NS;
}

void
hart_timer(void)
{
  struct hart *h = this_hart();
  u64 now = machine_time_ns();
  u64 next = timers_run(&h->timers, now);
  if(h->tick <= now)
    tick(h, now);
  machine_timer_set(min(next, h->tick));
}

// An idle hart looks for work, a busy one stops if it is asked to.
void
hart_ipi(void)
{
  current->resched = 1;
}
