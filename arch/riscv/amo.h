// SPDX-License-Identifier: MIT
//
// Atomic operations that both acquire and release, in one instruction each: gcc 12 makes
// a fence and an operation of them.  Part of kernel/types.h, of the host's too.

#pragma once

#if defined __riscv && !defined KASAN
#define amo(op, p, v) ({ \
  __typeof__(*(p)) amo_old, amo_v = (v); \
  _Static_assert(sizeof amo_v == 8 || sizeof amo_v == 4, "a word or half of one"); \
  __asm__ inline volatile(".if %3 == 8; amo" op ".d.aqrl %0, %z2, %1\n" \
                          ".else; amo" op ".w.aqrl %0, %z2, %1; .endif" \
                          : "=r"(amo_old), "+A"(*(p)) \
                          : "rJ"(amo_v), "i"(sizeof amo_v) : "memory"); \
  amo_old; \
})
#define atomic_add_full(p, v) amo("add", p, v)
#define atomic_or(p, v)       amo("or", p, v)
#define atomic_and(p, v)      amo("and", p, v)
#define atomic_swap(p, v)     amo("swap", p, v)
#else
#define atomic_add_full(p, v) __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL)
#define atomic_or(p, v)       __atomic_fetch_or(p, v, __ATOMIC_ACQ_REL)
#define atomic_and(p, v)      __atomic_fetch_and(p, v, __ATOMIC_ACQ_REL)
#define atomic_swap(p, v)     __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL)
#endif
