// SPDX-License-Identifier: MIT
//
// What locks tell the lock-order validator (lock_order.c) in a DEBUG=1 build.
// Without, nothing at all.  Included by kernel/lock.h and kernel/task.h.

#pragma once

#include "kernel/types.h"

struct task;

enum lock_kind { LOCK_SPINS, LOCK_SLEEPS, LOCK_READ, LOCK_WRITE };

#ifdef DEBUG

// In every task: the locks it holds or is about to take, oldest first.
struct lock_record {
  struct held_lock {
    const void *lock;
    u32 class;
    u64 taker;                     // whose code took it
  } held[32];
  u32 nheld;
  u32 interrupts;                  // handlers running on top of the task
};

void lock_takes(const void *l, const char *name, enum lock_kind kind);   // and may have to wait
void lock_lets_go(const void *l);
void lock_passes(const void *l, struct task *from, struct task *to);     // from's hart runs `to`

void lock_interrupt(bool begins);
void lock_may_sleep(const char *why);    // panic if a spinlock is held, or in an interrupt
void lock_none_held(void);               // on the way to user mode
void lock_print_held(const struct task *t);

#else

struct lock_record {};

static inline void lock_takes(const void *l, const char *name, enum lock_kind kind) {}
static inline void lock_lets_go(const void *l) {}
static inline void lock_passes(const void *l, struct task *from, struct task *to) {}
static inline void lock_interrupt(bool begins) {}
static inline void lock_may_sleep(const char *why) {}
static inline void lock_none_held(void) {}
static inline void lock_print_held(const struct task *t) {}

#endif
