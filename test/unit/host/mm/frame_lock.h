// SPDX-License-Identifier: MIT
//
// "mm/frame_lock.h" of the host: the real lock bits, seen by order.c and by the
// scheduler of tasks.c, which may switch there.

#pragma once

#define frame_lock real_frame_lock
#define frame_unlock real_frame_unlock
#include "../../../../mm/frame_lock.h"
#undef frame_lock
#undef frame_unlock

#include "kernel/lock.h"

static inline void
frame_lock(struct frame *f)
{
  order_taking(f, "leaf table", "");
  real_frame_lock(f);
  order_taken(f, "leaf table", "");
}

static inline void
frame_unlock(struct frame *f)
{
  order_released(f);
  real_frame_unlock(f);
  preemption_point();
}
