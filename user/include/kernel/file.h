// SPDX-License-Identifier: MIT
//
// Device numbers as xv6 programs hand them to mknod().

#pragma once

#include "kernel/types.h"

#define CONSOLE 1

#define major(dev)  ((dev) >> 16 & 0xFFFF)
#define minor(dev)  ((dev) & 0xFFFF)
#define mkdev(m, n) ((uint)((m) << 16 | (n)))
