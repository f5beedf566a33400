// SPDX-License-Identifier: MIT
//
// "kernel/types.h" of the host: another hart may come in between before every
// atomic operation.

#pragma once

#include "../../../../kernel/types.h"

void preemption_point(void);

#undef atomic_load
#undef atomic_load_acq
#undef atomic_store
#undef atomic_store_rel
#undef atomic_add
#undef atomic_add_full
#undef atomic_or
#undef atomic_and
#undef atomic_swap

#define atomic_load(p)         (preemption_point(), __atomic_load_n(p, __ATOMIC_RELAXED))
#define atomic_load_acq(p)     (preemption_point(), __atomic_load_n(p, __ATOMIC_ACQUIRE))
#define atomic_store(p, v)     (preemption_point(), __atomic_store_n(p, v, __ATOMIC_RELAXED))
#define atomic_store_rel(p, v) (preemption_point(), __atomic_store_n(p, v, __ATOMIC_RELEASE))
#define atomic_add(p, v)       (preemption_point(), __atomic_fetch_add(p, v, __ATOMIC_RELAXED))
#define atomic_add_full(p, v)  (preemption_point(), __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL))
#define atomic_or(p, v)        (preemption_point(), __atomic_fetch_or(p, v, __ATOMIC_ACQ_REL))
#define atomic_and(p, v)       (preemption_point(), __atomic_fetch_and(p, v, __ATOMIC_ACQ_REL))
#define atomic_swap(p, v)      (preemption_point(), __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL))
