// SPDX-License-Identifier: MIT
//
// Waiting for a word of user memory to change, below the system call.

#pragma once

#include "kernel/types.h"

struct task;

// Wake so many who wait on a word of the current task's memory.
void futex_wake(va_t va, u32 most);

// The current task ends: locks on its robust list are marked as their owner's no
// more.  May sleep.
void robust_list_exit(struct task *t);

void futex_init(void);
