// SPDX-License-Identifier: MIT
//
// Frames change hands: the kind in the word, and the hart's counts of those it has
// taken and freed by kind.  Both or neither, for the checker: preemption is off.

#pragma once

#include "kernel/printk.h"
#include "kernel/task.h"
#include "mm/frame.h"

_Static_assert(KINDS <= sizeof boot_hart.taken / sizeof boot_hart.taken[0], "hart.taken");

static inline void
frame_taken(struct frame *f, enum frame_kind kind)
{
  this_hart()->taken[(int)kind]++;
  f->word = KIND(kind);
  trace(FRAME_ALLOC, f, kind);
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
