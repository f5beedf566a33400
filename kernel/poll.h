// SPDX-License-Identifier: MIT
//
// Waiting for any of several files.  What can become ready has a poll_source;
// whoever waits hangs a poll_wait on each one it is interested in, and is told; so
// that an event costs its waiters only.  poll and select sleep on a set.

#pragma once

#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/types.h"

enum {
  POLLIN = 1, POLLPRI = 2, POLLOUT = 4, POLLERR = 8, POLLHUP = 0x10, POLLNVAL = 0x20,
  POLLRDNORM = 0x40, POLLWRNORM = 0x100,
};

struct poll_source {
  struct spinlock lock;      // interrupts off
  struct list waits;
};

// Tells who waits that some of the events in `what` may have come.  The source is
// locked.
struct poll_wait {
  struct list link;          // source->waits
  struct poll_source *source;
  void (*tell)(struct poll_wait *w, u32 what);
  void *who;
};

struct poll_set {
  struct spinlock lock;      // interrupts off
  bool fired;                // some source had news since poll_set_wait
  struct waitq waiter;
};

// Linux says the same twice.
static inline u32
poll_normal(u32 ready)
{
  return ready | (ready & POLLIN ? POLLRDNORM : 0) | (ready & POLLOUT ? POLLWRNORM : 0);
}

// For the file: w, unless NULL, is told from now on.
void poll_source_init(struct poll_source *s);
void poll_add(struct poll_source *s, struct poll_wait *w);

// Something changed; after the change.  what: the events that may have come by it.
// => any context
void poll_tell(struct poll_source *s, u32 what);

static inline void
poll_notify(struct poll_source *s, u32 what)
{
  atomic_fence();              // the change is seen, or the waiter is seen here
  if(unlikely(atomic_load(&s->waits.next) != &s->waits))
    poll_tell(s, what);
}

// For the waiter: w tells `who` by tell(), and poll_wait_done() takes it off its source.
static inline void
poll_wait_init(struct poll_wait *w, void (*tell)(struct poll_wait *w, u32 what), void *who)
{
  *w = (struct poll_wait){ .tell = tell, .who = who };
}

void poll_wait_done(struct poll_wait *w);

// A set is told by poll_set_tell, of any of its waits.
// => 0, -EINTR or -ETIMEDOUT; deadline in ns since boot, ~0: none
void poll_set_init(struct poll_set *set);
void poll_set_tell(struct poll_wait *w, u32 what);
int poll_set_wait(struct poll_set *set, u64 deadline);
