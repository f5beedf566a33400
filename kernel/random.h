// SPDX-License-Identifier: MIT
//
// Random bytes, unpredictable as far as the boot seed is.

#pragma once

#include "kernel/types.h"

void random_init(void);              // from seed= or machine.rng_seed
void random_bytes(void *buf, u64 n); // => any context
