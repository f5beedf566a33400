// SPDX-License-Identifier: MIT
//
// Waiting for a word of user memory to change.

#pragma once

#include "kernel/types.h"

// Of the current task's space; deadline in ns since boot, ~0 = none.
// => 0 woken, -EAGAIN if the word is not `expected`, -EINTR, -ETIMEDOUT, -EFAULT
int futex_wait(va_t va, u32 expected, u64 deadline);
u32 futex_wake(va_t va, u32 most);         // => how many were woken

void futex_init(void);
