// SPDX-License-Identifier: MIT
//
// What a space asks of memory, from what the reaper's hand and the fault path see
// anyway.  Counts are of windows: the hand's turns, or a time.
//
// No lock: two harts that begin a window at once may lose an event.

#pragma once

#include <machine.h>
#include "kernel/types.h"

// Events in the window that is now, and in the one before.
struct rate {
  u64 window;
  u32 now, last;
};

struct demand {
  u64 begun;                   // in which turn
  struct rate used;            // pages that the hand found used, by its turns
  struct rate in;              // pages that were read for it, likewise, but files' in order
  struct rate faults;          // that waited for a disk, by the second
  struct rate lost;            // pages that were taken from it, by the tick of load control
};

enum { LOAD_TICK_NS = 250000000, SECOND_NS = 1000000000 };

extern u64 demand_turn;        // of the hand, counted

static inline u64 demand_second(void) { return machine_time_ns() / SECOND_NS; }
static inline u64 demand_tick(void) { return machine_time_ns() / LOAD_TICK_NS; }

// Of the window before this one.
static inline u32
rate_last(const struct rate *r, u64 window)
{
  return r->window == window ? r->last : r->window + 1 == window ? r->now : 0;
}

// Of this one, so far.
static inline u32
rate_now(const struct rate *r, u64 window)
{
  return r->window == window ? r->now : 0;
}

static inline void
rate_add(struct rate *r, u64 window, u32 n)
{
  if(r->window != window){
    r->last = rate_last(r, window);
    r->now = 0;
    r->window = window;
  }
  atomic_add(&r->now, n);
}

// The working set: pages that were used, or had to be brought back, while the hand went
// round once; this turn counts as soon as it says more than the last.
static inline u64
demand_set(const struct demand *d)
{
  u64 turn = demand_turn;
  return max((u64)rate_last(&d->used, turn) + rate_last(&d->in, turn),
             (u64)rate_now(&d->used, turn) + rate_now(&d->in, turn));
}
