// SPDX-License-Identifier: MIT
//
// The pool of frames full of zeroes behind frame_alloc(ALLOC_ZERO).

#pragma once

#include "mm/frame.h"

bool zeroed_make(u64 keep);        // one more; => false if there are enough, or few frames free
bool zeroed_give(struct frame *f, u64 keep);   // one that is; => false: it has to be freed
struct frame *zeroed_take(enum frame_kind kind);   // => or NULL
void zeroed_drain(void);           // all back to the buddy

// How many there are, so that nobody need ask in vain.
extern u64 zeroed_pooled;
static inline u64 zeroed_frames(void) { return atomic_load(&zeroed_pooled); }
