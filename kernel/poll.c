// SPDX-License-Identifier: MIT
//
// Waiting for any of several files.
//
// Locks: a source's, then a set's, then the wait queue's; all with interrupts
// off, for news come from interrupts too.

#include "kernel/poll.h"

void
poll_source_init(struct poll_source *s)
{
  spin_init(&s->lock, "poll source");
  list_init(&s->waits);
}

void
poll_add(struct poll_source *s, struct poll_wait *w)
{
  if(w == NULL)
    return;
  bool on = spin_lock_irq(&s->lock);
  w->source = s;
  list_append(&s->waits, &w->link);
  spin_unlock_irq(&s->lock, on);
}

void
poll_set_tell(struct poll_wait *w, u32 what)
{
  struct poll_set *set = w->who;
  bool on = spin_lock_irq(&set->lock);
  set->fired = true;
  wake_all(&set->waiter);
  spin_unlock_irq(&set->lock, on);
}

void
poll_tell(struct poll_source *s, u32 what)
{
  struct poll_wait *w;
  bool on = spin_lock_irq(&s->lock);
  list_for(w, &s->waits, link)
    w->tell(w, what);
  spin_unlock_irq(&s->lock, on);
}

void
poll_set_init(struct poll_set *set)
{
  spin_init(&set->lock, "poll set");
  set->fired = false;
  waitq_init(&set->waiter);
}

void
poll_wait_done(struct poll_wait *w)
{
  if(w->source == NULL)
    return;
  bool on = spin_lock_irq(&w->source->lock);
  list_remove(&w->link);
  spin_unlock_irq(&w->source->lock, on);
  w->source = NULL;
}

int
poll_set_wait(struct poll_set *set, u64 deadline)
{
  int e = 0;
  bool on = spin_lock_irq(&set->lock);
  while(!set->fired && e == 0)
    e = wait_until(&set->waiter, &set->lock, deadline);
  set->fired = false;
  spin_unlock_irq(&set->lock, on);
  return e;
}
