// SPDX-License-Identifier: MIT
//
// Job control: process groups, sessions, and which of them has the terminal.

#pragma once

#include "kernel/types.h"

struct process;

// ---- Groups and sessions; family_lock held ----

// Somebody else's group of the session, or one of its own. => 0 or -EPERM
int process_set_group(struct process *p, u32 pgid);
int process_new_session(struct process *p);       // => 0 or -EPERM

// Nobody who could continue the group is left: no member's parent is in the same
// session but another group.
bool group_is_orphaned(u32 pgid);

// p leads a session, or the group in the terminal's foreground.
bool job_is_led_by(const struct process *p);

// The terminal's foreground group, if it is the terminal of p's session; or 0.
u32 terminal_foreground_of(const struct process *p);

// p has ended; or its child got another parent for that reason.
void job_ended(struct process *p);
void job_lost_parent(const struct process *child, const struct process *old_parent);

// ---- The terminal; family_lock not held ----

// The current process wants to use the terminal in a way that is for the foreground
// only.  If it may not, its group gets sig, SIGTTIN or SIGTTOU.
// => 0, -EIO: nobody would continue it, -EINTR
int terminal_check(int sig);

// The terminal becomes the session's which the current process leads; from another
// one by force only.  => 0 or -EPERM
int terminal_set_session(bool force);

// => 0, -ENOTTY: the terminal is not the session's, -EINVAL, -ESRCH, -EPERM
int terminal_set_foreground(i32 pgid);

// The foreground group and the session. => or -ENOTTY
i64 terminal_foreground(void);
i64 terminal_session(void);

void terminal_signal(int sig);                    // to the foreground group
