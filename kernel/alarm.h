// SPDX-License-Identifier: MIT
//
// Timers whose work may send signals and take locks: when their time has come, a
// task of the kernel's does it.

#pragma once

#include "kernel/list.h"
#include "kernel/timer.h"

struct alarm {
  struct timer timer;
  struct list due;                 // waits for the task, which then has a reference
  u64 *refs;                       // of what the alarm is part of
  void (*come)(struct alarm *a);   // gives that reference up; the alarm may be set anew by now
};

// a is zero but for refs and come.
void alarm_init(struct alarm *a);

// Not before `at` (ns since boot), NEVER: not at all; what was set before is void.
// Callers see to it that they do not do so at the same time.
void alarm_set(struct alarm *a, u64 at);
void alarm_task_start(void);       // boot
