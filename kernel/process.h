// SPDX-License-Identifier: MIT
//
// Processes and tasks as the files about their life share them: making, linking
// into the family, exit and wait.

#pragma once

#include "kernel/task.h"

// wait4's statuses
#define WAIT_EXITED(code)  (((code) & 0xff) << 8)
#define WAIT_STOPPED(sig)  ((sig) << 8 | 0x7f)
#define WAIT_CONTINUED     0xffff

enum { STACK_LIMIT = 8 * MiB };        // RLIMIT_STACK at first
#define STACK_MAX (64 * GiB)           // what an infinite one stands for

// Linux's capabilities: root has all.
#define ALL_CAPS ((2UL << 40) - 1)

// ---- process.c ----

extern struct process *init_process;   // pid 1

// Is it a task of the kernel's own?
static inline bool
process_is_kernels(const struct process *p)
{
  return p->immune && p != init_process;
}

// A process for a child of parent (NULL: a kernel task).  => refs 1, or NULL
struct process *process_create(struct process *parent);

static inline struct process *
process_get(struct process *p)
{
  atomic_add(&p->refs, 1);
  return p;
}

void process_put(struct process *p);

// A number for t, which enters later, or is given up: nr if nobody has it, else the one it
// has, or any.  => 0 or -EAGAIN
int process_reserve(struct task *t, u32 nr);
void process_unreserve(struct task *t);

// t becomes visible: it gets its number (nr 0: any; or has one reserved) and joins its
// process, which joins the family if t is its first thread.  => 0, -EAGAIN without a
// number, -EINTR if the current task is being killed
int process_enter(struct task *t, u32 nr, struct process *parent);

// t leaves.  The last thread makes the process a zombie.  family_lock held.
void process_leave(struct task *t);

// execve by a thread that does not lead: from now on it does.  family_lock held.
void process_take_lead(struct process *p, struct task *t);

// The zombie p has been waited for: nothing of it is left.  family_lock held.
void process_reap(struct process *p);

// p has something to tell its parent.  family_lock held.
void process_news(struct process *p);


// ---- task.c ----

// => refs 1, with a kernel stack and nothing else; NULL without memory
struct task *task_create(const char *comm);
void task_release(struct task *t);      // one that never ran: gives up all it has

// ---- exit.c ----

void exit_killed(void) __attribute__((noreturn));   // of the current task: somebody wants it
void vfork_done(struct task *t);        // the current task needs its parent's space no more

// ---- exec.c ----

// No other thread of p, the caller's, is left, and the caller leads it, unless it is killed.
void become_only_thread(struct process *p);

// ---- checkpoint/exchange.c ----

// The current thread, on its way to user mode, takes what somebody offers to its process.
// => there is nothing, or it is killed
void offer_take(void);

// ---- checkpoint/freeze.c ----

// The current thread, of p, waits until that is thawed.  family_lock held.
void freeze_here(struct process *p);

// ---- oom.c ----

void oom_victim_gone(struct task *t);   // family_lock not held
