// SPDX-License-Identifier: MIT
//
// For programs that include xv6's kernel headers; they see the type, not locks.

#pragma once

#include "kernel/types.h"

struct spinlock {
  uint locked;
  char *name;
  struct cpu *cpu;
};
