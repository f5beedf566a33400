// SPDX-License-Identifier: MIT
//
// Who maps a frame, for those who look on.

#pragma once

#include "kernel/types.h"

struct frame;

struct mapping {
  u32 pid;                     // of the process whose space it is
  u64 page;                    // virtual address / PAGE_SIZE
};

// => how many mappings f has at the moment; up to n of them are in v
u32 frame_mappings(struct frame *f, struct mapping *v, u32 n);
