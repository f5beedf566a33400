// SPDX-License-Identifier: MIT
//
// clone, below the system call.

#pragma once

#include "kernel/types.h"

enum {
  CLONE_SIGNAL = 0xff, CLONE_VM = 0x100, CLONE_FS = 0x200, CLONE_FILES = 0x400,
  CLONE_SIGHAND = 0x800, CLONE_VFORK = 0x4000, CLONE_THREAD = 0x10000, CLONE_SYSVSEM = 0x40000,
  CLONE_SETTLS = 0x80000, CLONE_PARENT_SETTID = 0x100000, CLONE_CHILD_CLEARTID = 0x200000,
  CLONE_DETACHED = 0x400000, CLONE_CHILD_SETTID = 0x1000000,
  CLONE_KNOWN = CLONE_SIGNAL | CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK |
                CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |
                CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_CHILD_SETTID,
};
#define CLONE_CLEAR_SIGHAND (1UL << 32)     // clone3 only

struct clone_args {
  u64 flags;
  va_t stack;            // 0: the parent's
  va_t parent_tid, child_tid;
  va_t tls;
};

// The caller's whole trap frame is valid.
// => the child's tid; -EINVAL, -EAGAIN, -ENOMEM, -EINTR
i64 task_clone(const struct clone_args *c);
