// SPDX-License-Identifier: MIT
//
// Fixed-width integers and the few helpers every file uses.  Knows nothing.

#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long i64;

typedef u64 pa_t;  // physical address
typedef u64 va_t;  // virtual address, user or kernel

#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <amo.h>
#include <aside.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1)

#define KiB 1024UL
#define MiB (1024UL * KiB)
#define GiB (1024UL * MiB)

#define round_down(x, a) ((x) & ~((u64)(a) - 1))
#define round_up(x, a)   (((x) + (u64)(a) - 1) & ~((u64)(a) - 1))
#define page_down(x)     round_down(x, PAGE_SIZE)
#define page_up(x)       round_up(x, PAGE_SIZE)

// Each argument is looked at once: it may be what another hart changes.
#define min(a, b) ({ __typeof__(1 ? (a) : (b)) a_ = (a), b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b) ({ __typeof__(1 ? (a) : (b)) a_ = (a), b_ = (b); a_ > b_ ? a_ : b_; })
#define count_of(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(p, type, member) \
  ((type *)((char *)(p) - offsetof(type, member)))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

// Atomic operations: relaxed unless the name says otherwise.  An aligned store is atomic
// by itself, where gcc 12 would make an exchange of it.
#define atomic_load(p)        __atomic_load_n(p, __ATOMIC_RELAXED)
#define atomic_load_acq(p)    __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define atomic_store(p, v)    ((void)(*(volatile __typeof__(*(p)) *)(p) = (v)))
#define atomic_store_rel(p, v) (__atomic_thread_fence(__ATOMIC_RELEASE), atomic_store(p, v))
#define atomic_add(p, v)      __atomic_fetch_add(p, v, __ATOMIC_RELAXED)
#define atomic_fence()        __atomic_thread_fence(__ATOMIC_SEQ_CST)
