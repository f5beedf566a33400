// SPDX-License-Identifier: MIT
//
// "kernel/lock.h" of the host: the real locks, and order.c sees each one taken
// and released.  So does the scheduler of tasks.c, which may switch there.

#pragma once

#define spin_lock real_spin_lock
#define spin_unlock real_spin_unlock
#define spin_release real_spin_release
#define rw_read_lock real_rw_read_lock
#define rw_read_unlock real_rw_read_unlock
#define rw_write_lock real_rw_write_lock
#define rw_write_unlock real_rw_write_unlock
#include "../../../../kernel/lock.h"
#undef spin_lock
#undef spin_unlock
#undef spin_release
#undef rw_read_lock
#undef rw_read_unlock
#undef rw_write_lock
#undef rw_write_unlock

void order_taking(const void *lock, const char *name, const char *kind);
void order_taken(const void *lock, const char *name, const char *kind);
void order_released(const void *lock);
void preemption_point(void);

static inline void
spin_lock(struct spinlock *l)
{
  order_taking(l, l->name, "");
  real_spin_lock(l);
  order_taken(l, l->name, "");
}

static inline void
spin_release(struct spinlock *l)
{
  order_released(l);
  real_spin_release(l);
}

static inline void
spin_unlock(struct spinlock *l)
{
  order_released(l);
  real_spin_unlock(l);
  preemption_point();
}

static inline void
rw_read_lock(struct rwlock *l)
{
  order_taking(l, l->name, ".lock");
  real_rw_read_lock(l);
  order_taken(l, l->name, ".lock");
}

static inline void
rw_read_unlock(struct rwlock *l)
{
  order_released(l);
  real_rw_read_unlock(l);
}

static inline void
rw_write_lock(struct rwlock *l)
{
  order_taking(l, l->name, ".lock");
  real_rw_write_lock(l);
  order_taken(l, l->name, ".lock");
}

static inline void
rw_write_unlock(struct rwlock *l)
{
  order_released(l);
  real_rw_write_unlock(l);
}
