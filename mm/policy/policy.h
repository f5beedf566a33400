// SPDX-License-Identifier: MIT
//
// Replacement policies: who goes when a page has to.  They are plain C that knows
// pages only through the ring in which they stand, so that the kernel and the
// laboratory on the host (tools/policy) run the same sources.
//
// Whoever owns a ring lets one caller at a time choose from it or tick it; nothing
// here locks, allocates or sleeps.

#pragma once

#include "kernel/types.h"

// What is known of one page's use.
enum {
  USED = 1,                   // since USED was last cleared
  MODIFIED = 2,               // since it was last stored: it has to be written before it goes
  USES = 4,                   // the four classes of enhanced second chance
};

enum { AGE_NEW = 0x80 };      // of a page that has just come in: used in this tick

// The pages among which victims are chosen, in the order in which a hand passes them
// and, round and round, comes back.  A page has a place; where a victim was, the page
// that comes in next stands (nearly, in the kernel): so the ring is in FIFO order from
// the hand on.  All fields are 0 at first but the first and the last.
struct ring {
  u64 places;                 // in one revolution; not all need hold a page
  u64 hand;                   // the next place to look at, < places
  u64 looked;                 // aging: places since `level` began
  u8 level, next;             // aging: what goes now, the smallest age above it seen (0: none)
  const struct ring_ops *ops;
};

// What the owner of the ring does for a policy.  Pages may come and go between two
// calls; only where present() has just said so may the others be asked.
struct ring_ops {
  bool (*present)(struct ring *r, u64 place);   // is there a page that may be chosen?
  u32 (*use)(struct ring *r, u64 place);        // USED | MODIFIED; clears nothing
  void (*forget)(struct ring *r, u64 place);    // clears USED
  u8 *(*age)(struct ring *r, u64 place);        // the page's byte; AGE_NEW at first
  bool (*take)(struct ring *r, u64 place);      // it goes. => false: it cannot just now
};

struct policy {
  const char *name;
  // Choose up to n victims and take them; the hand stays behind the last one.
  // => how many; fewer than n only if the ring has no more that can go
  u32 (*choose)(struct ring *r, u32 n);
  void (*tick)(struct ring *r);                 // to be called every so often; or NULL
  bool offers;                                  // what is offered, and (0,0), goes first
};

extern const struct policy policy_esc, policy_aging, policy_clock, policy_fifo;
extern const struct policy *const policies[];   // the default first; ends with NULL

const struct policy *policy_find(const char *name);   // => or NULL

// Enhanced second chance: how many present pages a pass covers, at most ESC_WINDOW_MAX,
// and after how many such windows a batch of victims takes what it can get.  Rings that
// are no larger than a window are treated just as the textbook has it.
enum { ESC_WINDOW_MAX = 256 };
extern u64 esc_window, esc_reach;

// What all policies have done since the start.
struct policy_stats {
  u64 moves;                  // places that a hand has passed
  u64 seen[USES];             // pages whose use was asked for, by the answer
  u64 forgotten;              // ... and whose USED was cleared
  u64 victims[USES];          // by what was last known of their use (fifo, aging: nothing)
  u64 refused;                // could not go
  u64 passes[4];              // of enhanced second chance that were begun, by number
  u64 ticks;
};
extern struct policy_stats policy_stats;

// ---- For the policies ----

u32 ring_use(struct ring *r, u64 place);
void ring_forget(struct ring *r, u64 place);
// The hand comes behind the place if its page goes.
bool ring_take(struct ring *r, u64 place, u32 use);

// The place `far` < places behind another.
static inline u64
ring_ahead(const struct ring *r, u64 place, u64 far)
{
  place += far;
  return place < r->places ? place : place - r->places;
}

// The page under the hand, which moves on. => false: there is none
static inline bool
ring_step(struct ring *r, u64 *place)
{
  *place = r->hand;
  r->hand = ring_ahead(r, r->hand, 1);
  policy_stats.moves++;
  return r->ops->present(r, *place);
}
