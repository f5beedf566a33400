// SPDX-License-Identifier: MIT
//
// Interval timers of processes, which end in SIGALRM, SIGVTALRM and SIGPROF.

#pragma once

#include "kernel/task.h"

void itimers_stop(struct process *p);      // family_lock held
void itimers_free(struct process *p);

// Of each timer: ns left (0: off), interval; family_lock held.
void itimers_read(const struct process *p, u64 (*timer)[2]);

// In the timer interrupt: the current task has used that much more of this process's
// time, in user mode or in the kernel.
void itimers_tick(struct process *p, bool user, u64 ns);

// The limit on the time that p may use was set, or inherited: after it there is SIGXCPU each
// second, up to the hard one, and then SIGKILL.  => 0 or -ENOMEM
int itimers_limit(struct process *p, struct used used);

// Send what the ticks have made due; family_lock held.
void itimers_send(struct process *p);
bool itimers_due(const struct process *p);
