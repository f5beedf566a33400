// SPDX-License-Identifier: MIT
//
// What the parts of the checker say.  All other harts are stopped.

#pragma once

#include "kernel/types.h"

extern u64 lies_told;                            // since boot
void lie(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

// Each part looks for lies in what it keeps.
void zeroed_check(void);
void buddy_check(void);
void slab_check(void);
void slots_check(void);
