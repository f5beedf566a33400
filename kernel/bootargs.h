// SPDX-License-Identifier: MIT
//
// The boot command line: words `key=value` or `flag`, separated by spaces.
// The last word for a key counts; those behind a `--` are not the kernel's.

#pragma once

#include "kernel/types.h"

// => the value in place, *len bytes, not NUL-ended; "" for a flag; NULL if absent
const char *bootarg(const char *key, u32 *len);

bool bootarg_is(const char *key, const char *value);

// As much of the value as fits, NUL-ended. => false and `otherwise` if absent
bool bootarg_copy(const char *key, const char *otherwise, char *buf, u64 n);

// => its value, decimal; `otherwise` if it is not there or no number
u64 bootarg_number(const char *key, u64 otherwise);

// A number, with K, M or G behind it as is customary. => 0 if absent or not one
u64 bootarg_size(const char *key);
