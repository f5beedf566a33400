// SPDX-License-Identifier: MIT
//
// The lock bit of a frame's state word: a spinlock that costs no memory.  While
// it is held the counts do not fall.  That of a leaf page table covers its entries.

#pragma once

#include "kernel/task.h"
#include "mm/frame.h"

void frame_lock_wait(struct frame *f);

static inline void
frame_lock(struct frame *f)
{
  preempt_off();
  lock_takes(f, frame_kind(f) == KIND_TABLE ? "leaf table" : "frame", LOCK_SPINS);
  if(unlikely(__atomic_fetch_or(&f->word, FRAME_LOCK, __ATOMIC_ACQUIRE) & FRAME_LOCK))
    frame_lock_wait(f);
}

static inline void
frame_unlock(struct frame *f)
{
  lock_lets_go(f);
  atomic_and(&f->word, ~FRAME_LOCK);
  preempt_on();
}
