// SPDX-License-Identifier: MIT
//
// Interval timers of processes, which end in SIGALRM, SIGVTALRM and SIGPROF.

#pragma once

#include "kernel/types.h"

struct process;

void itimers_stop(struct process *p);      // family_lock held
void itimers_free(struct process *p);

// Of each timer: ns left (0: off), interval; family_lock held.
void itimers_read(const struct process *p, u64 (*timer)[2]);

// In the timer interrupt: the current task has used that much more of this process's
// time, in user mode or in the kernel.
void itimers_tick(struct process *p, bool user, u64 ns);

// Send what the ticks have made due; family_lock held.
void itimers_send(struct process *p);
bool itimers_due(const struct process *p);
