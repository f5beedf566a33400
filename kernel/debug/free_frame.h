// SPDX-License-Identifier: MIT
//
// Free frames: nobody may touch them, no hart may reach them any more, and their
// bytes stay as they are.  Checked in builds that look harder.

#pragma once

#include "kernel/types.h"

struct frame;

#if defined(DEBUG) || defined(KASAN)
enum { FRAMES_WATCHED = true };
void frames_handed_out(struct frame *f, u64 n);   // before their first use
void frames_came_back(struct frame *f, u64 n);    // after their last
#else
enum { FRAMES_WATCHED = false };
static inline void frames_handed_out(struct frame *f, u64 n) {}
static inline void frames_came_back(struct frame *f, u64 n) {}
#endif
