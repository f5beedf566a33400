// SPDX-License-Identifier: MIT
//
// Waiting for children.

#pragma once

#include "kernel/types.h"

// Options of wait4, which implies WEXITED, and of waitid.
enum {
  WNOHANG = 1, WUNTRACED = 2, WSTOPPED = 2, WEXITED = 4, WCONTINUED = 8, WNOWAIT = 0x1000000,
  WTHREADS = 0x60000000,       // __WALL and __WNOTHREAD: no difference here
};

// waitid's kinds of children
enum { P_ALL = 0, P_PID = 1, P_PGID = 2 };

// What a child has to tell, and, once it has ended, what it and the children it
// waited for have used.
struct child_news {
  u32 pid, uid;         // pid 0: nothing yet (WNOHANG)
  int status;
  struct used used;
};

// Wait for news of a child; one that has ended is no more afterwards, but for WNOWAIT.
// kind: of the child with this pid, of those in the group id (0: the caller's), or any
// => 0, -ECHILD, or -EINTR
int child_wait(u32 kind, u32 id, u32 options, struct child_news *n);
