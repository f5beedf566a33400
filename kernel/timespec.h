// SPDX-License-Identifier: MIT
//
// Linux's struct timespec in user memory, as nanoseconds.

#pragma once

#include "kernel/types.h"

#define SECOND 1000000000UL

enum {
  CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1, CLOCK_PROCESS_CPUTIME_ID = 2,
  CLOCK_THREAD_CPUTIME_ID = 3, CLOCK_MONOTONIC_RAW = 4, CLOCK_REALTIME_COARSE = 5,
  CLOCK_MONOTONIC_COARSE = 6, CLOCK_BOOTTIME = 7,
};

// => 0, -EFAULT or -EINVAL; times beyond 292 years count as that
int timespec_get(va_t va, u64 *ns);
int timespec_put(va_t va, u64 ns);                 // => 0 or -EFAULT

u64 monotonic_now(void);                           // CLOCK_MONOTONIC of the current process

// A time from now on; va 0: for ever. => 0 and ns since boot, or as timespec_get
int timespec_get_deadline(va_t va, u64 *deadline);

// What is left until then, for calls that tell their caller; va 0: nobody asks.
// => 0 or -EFAULT
int timespec_put_rest(va_t va, u64 deadline);
