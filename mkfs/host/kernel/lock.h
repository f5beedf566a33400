// SPDX-License-Identifier: MIT
//
// Locks for the kernel's sources in a host tool: one thread, so nothing to do.
// Takes the place of kernel/lock.h there (-Imkfs/host comes first).

#pragma once

#include "kernel/lock_types.h"

#define trace(event, a, b) ((void)(a), (void)(b))

static inline void spin_init(struct spinlock *l, const char *name) { l->name = name; }
static inline void spin_lock(struct spinlock *l) {}
static inline void spin_unlock(struct spinlock *l) {}
static inline bool spin_lock_irq(struct spinlock *l) { return false; }
static inline void spin_unlock_irq(struct spinlock *l, bool on) {}

static inline void sleep_init(struct sleeplock *l, const char *name) { l->name = name; }
static inline void sleep_lock(struct sleeplock *l) {}
static inline void sleep_unlock(struct sleeplock *l) {}

static inline void rw_init(struct rwlock *l, const char *name) { l->name = name; }
static inline void rw_write_lock(struct rwlock *l) {}
static inline void rw_write_unlock(struct rwlock *l) {}

static inline void waitq_init(struct waitq *q) { list_init(&q->waiters); }
static inline void wait_io(struct waitq *q, struct spinlock *l) { __builtin_trap(); }
static inline void wake_all(struct waitq *q) {}
