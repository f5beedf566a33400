// SPDX-License-Identifier: MIT
//
// The ring of all frames, from which the policy in force chooses whose pages go.

#pragma once

#include "kernel/types.h"

struct frame;
struct policy;

// Evict about `want` pages, in batches.  The reaper's; sleeps, needs no memory.
// => frames freed; 0: none could go, and nobody is writing any
u64 ring_reclaim(u64 want);

// The same, up to `want` of these n <= EVICT_MAX frames, whatever pages they hold: chosen
// by the policy, unless all are to go. => frames freed
u64 ring_replace(struct frame **v, u32 n, u32 want);

// f is not needed any more, in all likelihood: if it is still unused and clean when memory
// runs short, a policy that looks at that (esc) lets it go first.  Any spinlock may be held.
void ring_offer(struct frame *f);

u64 ring_hand(void);                        // the frame it points at
const struct policy *ring_policy(void);
int ring_set_policy(const char *name);      // while running. => 0 or -EINVAL

// Policies with a sense of time: aging.  The reaper ticks when it is due; ~0: never.
u64 ring_due(void);
void ring_tick(void);
// Writing cold pages ahead of need; the reaper's duty.
u64 ring_ahead_due(void);
void ring_write_ahead(void);
extern u64 ring_writes_ahead;               // a setting
extern u64 ring_tick_ms;                    // how often; a setting
