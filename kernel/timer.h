// SPDX-License-Identifier: MIT
//
// One-shot timers, ordered by time on the hart that started them.

#pragma once

#include "kernel/lock_types.h"
#include "kernel/types.h"

// In a pairing heap: a node is not later than its children.
struct timer {
  u64 at;                       // ns since boot
  struct timers *on;            // where it is pending, or NULL
  struct timer *child;          // first child
  struct timer *sibling;        // next child of the same parent
  struct timer **link;          // what points here
  void (*fire)(struct timer *); // interrupt context, timers locked: mark and wake only
};

struct timers {
  struct spinlock lock;         // interrupts off
  struct timer *first;          // the earliest; root of the heap
  u64 next;                     // its time, ~0 = none; may be read without the lock
};

void timers_init(struct timers *ts);
void timer_start(struct timer *t, u64 at);   // => not pending before; on this hart
void timer_stop(struct timer *t);            // => not pending; its fire() is not running

u64 timers_run(struct timers *ts, u64 now);  // fire what is due.  => when to come back, ~0 = never
