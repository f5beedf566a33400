// SPDX-License-Identifier: MIT
//
// The lock bit of a frame's state word: a spinlock that costs no memory.  While
// it is held the counts do not fall.  That of a leaf page table covers its entries.

#pragma once

#include "kernel/task.h"
#include "mm/frame.h"

void frame_lock_wait(struct frame *f);

// The same while this task runs on anyway: preemption or interrupts are off.
static inline void
frame_lock_here(struct frame *f)
{
  lock_takes(f, word_kind(f->word) == KIND_TABLE ? "leaf table" : "frame", LOCK_SPINS);
  if(unlikely(__atomic_fetch_or(&f->word, FRAME_LOCK, __ATOMIC_ACQUIRE) & FRAME_LOCK))
    aside(frame_lock_wait, f);
}

static inline void
frame_unlock_here(struct frame *f)
{
  lock_lets_go(f);
  atomic_and(&f->word, ~FRAME_LOCK);
}

static inline void
frame_lock(struct frame *f)
{
  preempt_off();
  frame_lock_here(f);
}

static inline void
frame_unlock(struct frame *f)
{
  frame_unlock_here(f);
  preempt_on();
}
