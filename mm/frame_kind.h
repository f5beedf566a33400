// SPDX-License-Identifier: MIT
//
// Frames change hands: the kind in the word, and the hart's counts of those it has
// taken and freed by kind.  Both or neither, for the checker: preemption is off.

#pragma once

#include <machine.h>
#include "kernel/debug/free_frame.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/zeroed.h"

_Static_assert(KINDS <= sizeof boot_hart.taken / sizeof boot_hart.taken[0], "hart.taken");

static inline void
frame_taken(struct frame *f, enum frame_kind kind)
{
  this_hart()->taken[(int)kind]++;
  f->word = KIND(kind);
  trace(FRAME_ALLOC, f, kind);
}

// Has this hart a frame, and takes it no more than that?
static inline bool
frame_at_hand(u32 flags)
{
  return likely(current->fail_nth == 0) && likely(this_hart()->batch.n > 0) &&
         !(flags & ALLOC_ZERO && zeroed_frames() > 0);
}

// => that frame, its word the caller's to set
static inline struct frame *
frame_take_at_hand(enum frame_kind kind, u32 flags)
{
  struct hart *h = this_hart();
  struct frame *f = pfn_frame(h->batch.pfn[--h->batch.n]);
  h->taken[(int)kind]++;
  trace(FRAME_ALLOC, f, kind);
  frames_handed_out(f, 1);
  if(flags & ALLOC_ZERO)
    page_zero(frame_kva(f));
  return f;
}

// Its word was w.
static inline void
frame_freed(struct frame *f, u64 w)
{
  trace(FRAME_FREE, f, w);
  u64 kind = w >> KIND_SHIFT & 0xf;
  assert(kind != KIND_FREE && kind != KIND_BATCH);
  this_hart()->freed[kind]++;
  f->word = KIND(KIND_BATCH);
  f->owner = f->slot = f->hint = 0;
}
