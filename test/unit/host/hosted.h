// SPDX-License-Identifier: MIT
//
// What the files of the host layer know of one another.

#pragma once

#include "host.h"

extern const struct host_test *host_test;

void tasks_init(u32 n);
void mmu_init(u32 asid_bits);
void task_switch(void);                  // let another task go on, if there is one

// The locks a task holds, for order.c.
enum { HELD_MAX = 24 };
struct held { const void *lock; u32 class; };
struct held_locks { u32 n; struct held lock[HELD_MAX]; };
struct held_locks *held_locks(void);     // of the current task
