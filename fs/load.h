// SPDX-License-Identifier: MIT
//
// Tasks counted, now and over time.

#pragma once

#include "fs/text.h"

struct task;
struct task_count { u32 running, blocked, all, last; };    // last: the highest number

struct task_count count_tasks(void);

enum { LOAD_SECONDS = 5 };
void load_sample(void);             // every LOAD_SECONDS, by a task of the kernel
int show_loadavg(struct text *t, struct task *unused);    // /proc/loadavg
