// SPDX-License-Identifier: MIT
//
// Numbers of tasks, process groups and sessions.  A number is in use as long as
// any of them has it.

#pragma once

#include "kernel/list.h"
#include "kernel/types.h"

struct process;
struct task;

struct pid {
  u32 nr;
  u32 users;             // the task; the members of the group and of the session
  struct task *task;     // whose tid it is: NULL before it starts and after it is reaped
  struct list group;     // processes of the group with this number
};

enum { PID_INIT = 1, PID_MAX = 1 << 22 };
extern u64 pid_last;       // the search for a free number goes on behind it

// => all with family_lock held
struct pid *pid_create(u32 nr);            // nr 0: any that is free. => users 1, or NULL
                                           // without memory or at the limit
struct pid *pid_find(u32 nr);              // => or NULL
struct pid *pid_next(u32 nr);              // => the first in use at or above nr, or NULL
void pid_put(struct pid *pid);

// Enter and leave the group p->pgid and the session p->sid; the kernel's own tasks have
// none, 0.
void pid_join(struct process *p);
void pid_leave(struct process *p);

void pid_init(void);
