// SPDX-License-Identifier: MIT
//
// Timers: a pairing heap for each hart (Fredman, Sedgewick, Sleator and Tarjan,
// 1986).  Starting one costs O(1), the earliest or any other is taken out in
// O(log n) amortised, and nothing is allocated.
//
// Lock: timers->lock, interrupts off; held while a timer fires.

#include <machine.h>
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/timer.h"

void
timers_init(struct timers *ts)
{
  spin_init(&ts->lock, "timers");
  ts->first = NULL;
  ts->next = NEVER;
}

// ---- The heap ----

// Two heaps become one. => its root, without siblings
static struct timer *
meld(struct timer *a, struct timer *b)
{
  if(!a || !b)
    return a ? a : b;
  struct timer *top = b->at < a->at ? b : a;
  struct timer *sub = top == a ? b : a;
  sub->sibling = top->child;
  if(sub->sibling)
    sub->sibling->link = &sub->sibling;
  sub->link = &top->child;
  top->child = sub;
  top->sibling = NULL;
  return top;
}

// A list of siblings becomes one heap: neighbours pair up from left to right, the
// pairs join from right to left.
static struct timer *
meld_all(struct timer *list)
{
  struct timer *pairs = NULL;
  while(list){
    struct timer *a = list, *b = a->sibling;
    list = b ? b->sibling : NULL;
    a->sibling = NULL;
    if(b)
      b->sibling = NULL;
    struct timer *pair = meld(a, b);
    pair->sibling = pairs;
    pairs = pair;
  }
  struct timer *root = NULL;
  while(pairs){
    struct timer *next = pairs->sibling;
    pairs->sibling = NULL;
    root = meld(root, pairs);
    pairs = next;
  }
  return root;
}

static void
set_root(struct timers *ts, struct timer *root)
{
  ts->first = root;
  atomic_store(&ts->next, root ? root->at : NEVER);
  if(root)
    root->link = &ts->first;
}

static void
take_out(struct timers *ts, struct timer *t)
{
  struct timer *rest = meld_all(t->child);
  if(t == ts->first){
    set_root(ts, rest);
  } else {
    *t->link = t->sibling;
    if(t->sibling)
      t->sibling->link = t->link;
    set_root(ts, meld(ts->first, rest));
  }
  t->child = t->sibling = NULL;
  atomic_store_rel(&t->on, NULL);
}

// ---- Timers ----

void
timer_start(struct timer *t, u64 at)
{
  assert(t->on == NULL);
  bool on = intr_save();
  struct hart *h = this_hart();
  struct timers *ts = &h->timers;
  spin_lock(&ts->lock);
  t->at = at;
  t->child = t->sibling = NULL;
  t->on = ts;
  set_root(ts, meld(ts->first, t));
  if(ts->first == t && at < h->tick)
    machine_timer_set(at);
  spin_unlock_irq(&ts->lock, on);
}

void
timer_stop(struct timer *t)
{
  struct timers *ts = atomic_load_acq(&t->on);
  if(!ts)
    return;
  bool on = spin_lock_irq(&ts->lock);
  if(t->on)
    take_out(ts, t);
  spin_unlock_irq(&ts->lock, on);
}

// A timer stays pending until its fire() is done, so that timer_stop() waits for
// that.
u64
timers_run(struct timers *ts, u64 now)
{
  spin_lock(&ts->lock);
  struct timer *t;
  while((t = ts->first) && t->at <= now){
    t->fire(t);
    take_out(ts, t);
  }
  spin_unlock(&ts->lock);
  return atomic_load(&ts->next);
}
