// SPDX-License-Identifier: MIT
//
// Waiting for children.

#pragma once

#include "kernel/types.h"

// wait4's options
enum { WNOHANG = 1, WUNTRACED = 2, WCONTINUED = 8 };

// What a child has to tell, and, once it has ended, what it and the children it
// waited for have used.
struct child_news {
  u32 pid;              // 0: nothing yet (WNOHANG)
  int status;
  u64 utime, stime;     // ns
  u64 minor, major;
};

// Wait for news of a child; one that has ended is no more afterwards.
// which: a pid, -1 any, 0 of the caller's group, or -pgid
// => 0, -ECHILD, or -EINTR
int child_wait(i32 which, u32 options, struct child_news *n);
