// SPDX-License-Identifier: MIT
//
// What sysinfo() tells an xv6 program.

#pragma once

#include "kernel/types.h"

struct sysinfo {
  uint64 freemem;   // bytes
  uint64 nproc;
};
