// SPDX-License-Identifier: MIT
//
// For programs that include xv6's kernel headers; they see the type, not locks.

#pragma once

#include "kernel/spinlock.h"

struct sleeplock {
  uint locked;
  struct spinlock lk;
  char *name;
  int pid;
};
