// SPDX-License-Identifier: MIT
//
// Making an empty file system.

#pragma once

#include "kernel/types.h"

enum { FORMAT_MIN = 1 << 20 };     // bytes

// Write an empty file system of `bytes` bytes over a file that is all zeros.
// label: at most 31 bytes; seed: of the hashes of names, NULL = a random one.
// => 0 or -errno
int format_image(int fd, u64 bytes, const char *label, const u64 *seed);
