// SPDX-License-Identifier: MIT
//
// Pages on their way out of memory, a batch at a time.  Private to mm/.

#pragma once

#include "mm/slot.h"

struct lineage;

enum { EVICT_MAX = 64 };       // in one batch

// What writing to slots needs; before there are any, and by one caller at a time.
// => 0 or -ENOMEM
int evict_prepare(void);

// A page that nobody is doing anything with?
static inline bool
evict_at_rest(u64 w)
{
  return word_share(w) && word_pins(w) == 0 && !(w & (FRAME_BUSY | FRAME_WRITING | FRAME_LOCK));
}

// f may be chosen?  A look at its word only.
static inline bool
evict_may(const struct frame *f)
{
  u64 w = atomic_load(&f->word);
  u32 kind = (w >> KIND_SHIFT) & 0xf;
  return evict_at_rest(w) && (kind == KIND_OBJECT ||
                              (kind == KIND_ANON && (f->slot || atomic_load(&swap_free) > 0)));
}

// f is to go: it becomes BUSY and pinned. => false if something keeps it
bool evict_take(struct frame *f);

// Evict n pages that evict_take took, n <= EVICT_MAX.  Sleeps for writes to end, and for
// those of another batch; needs no memory.  => frames freed
u64 evict(struct frame **v, u32 n);

// Write the private ones of them to slots; they stay, clean if nobody stores to them
// meanwhile.  Otherwise the same. => how many
u64 evict_write_ahead(struct frame **v, u32 n);

// Give every name of f's slot back to f, which is BUSY and stays.  Its slot is given up
// if nobody names it any more. => was it?
bool evict_undo(struct lineage *l, struct frame *f);
