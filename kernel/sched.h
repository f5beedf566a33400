// SPDX-License-Identifier: MIT
//
// What the files of the scheduler, of waiting and of task life share.

#pragma once

#include "kernel/lock.h"
#include "kernel/task.h"

enum { TICK_NS = 5000000, SLICE_NS = 10000000 };
enum { NICE_MIN = -20, NICE_MAX = 19 };
#define NEVER (~0UL)

// schedule() for a task that has put itself on a wait queue: preemption is off
// once, and no lock is held.
void schedule_asleep(void);

// The end of the current task, a zombie, preemption off once.
void schedule_zombie(void) __attribute__((noreturn));

// A new task gets a place on some hart.
void task_start(struct task *t);

// Wake t from a sleep of this kind or an easier one; any context.
void task_interrupt(struct task *t, enum sleep_kind kind);

// From now on t runs on these harts only; there is one among them.  It may have yet to
// go there when this returns, but does not go on in user mode before.
void task_confine(struct task *t, u64 to);

// nice: NICE_MIN, the largest share of a hart, to NICE_MAX.
void task_set_nice(struct task *t, int nice);

// As wait_on, shown as stopped.
void wait_stopped(struct waitq *q, struct spinlock *l);

// Does nobody wait for a hart but the current task, or one idle?
bool harts_to_spare(void);

// stop.c: stop_machine() waits for this hart to wait.
extern u64 machine_stopping;
void stop_here(void);

