// SPDX-License-Identifier: MIT
//
// Pages on their way out of memory, a batch at a time.  Private to mm/.

#pragma once

#include "kernel/types.h"

struct frame;
struct lineage;

enum { EVICT_MAX = 64 };       // in one batch

// What writing to slots needs; before there are any, and by one caller at a time.
// => 0 or -ENOMEM
int evict_prepare(void);

// f may be chosen?  A look at its word only.
bool evict_may(const struct frame *f);

// f is to go: it becomes BUSY and pinned. => false if something keeps it
bool evict_take(struct frame *f);

// Evict n pages that evict_take took, n <= EVICT_MAX.  Sleeps for writes to end, and for
// those of another batch; needs no memory.  => frames freed
u64 evict(struct frame **v, u32 n);

// Pages that were written although they stay, or that the last batch brought no nearer
// to being freed, are no progress; those that became clean are.  => since last asked
u64 evict_cleaned(void);

// Give every name of f's slot back to f, which is BUSY and stays.  Its slot is given up
// if nobody names it any more. => was it?
bool evict_undo(struct lineage *l, struct frame *f);
