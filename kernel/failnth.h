// SPDX-License-Identifier: MIT
//
// Allocations that fail on purpose, to see what becomes of their callers.  A
// task counts down in task.fail_nth to the one that fails; FAIL_SHARED there
// means that it counts in a number shared by all tasks that have it, and passes
// that on to the tasks it makes.

#pragma once

#include "kernel/task.h"

#define FAIL_SHARED (~0UL)

bool failnth_count(void);

// Asked at the entries of the frame allocator and of the object caches, and
// nowhere above them: has this allocation of the current task to fail?
static inline bool
failnth(void)
{
  return unlikely(current->fail_nth) && failnth_count();
}

extern u64 failnth_shared;       // how many are still to come; 0: it has happened, or none has to
void failnth_share(void);        // it has been set: this task and its descendants count

// Of a new task made by the current one.
static inline u64
failnth_inherit(void)
{
  return current->fail_nth == FAIL_SHARED ? FAIL_SHARED : 0;
}
