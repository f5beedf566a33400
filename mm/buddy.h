// SPDX-License-Identifier: MIT
//
// The buddy allocator: blocks of 2^order frames, aligned to their size.

#pragma once

#include "mm/frame.h"

void buddy_init(void);
void buddy_add(u64 first, u64 last);          // frame numbers [first, last) become free

// => first frame of the block, kind KIND_BATCH, NULL if none; keeps at least
//    `keep` frames free for others
struct frame *buddy_alloc(u32 order, u64 keep);
void buddy_free(struct frame *f, u32 order);

// Many single frames for one locking. => how many
u32 buddy_alloc_batch(u32 *pfn, u32 n, u64 keep);
void buddy_free_batch(const u32 *pfn, u32 n);

u64 buddy_free_frames(void);
u64 buddy_blocks(u32 order);                  // free blocks of that order
