// SPDX-License-Identifier: MIT
//
// Calls that inline functions hardly ever make: to wait for a lock, to let a switch happen.
// A call made aside leaves every register alone but t0, so that the functions it is part of
// need not save their own for it.  Part of kernel/types.h, of the host's too.
//
// aside(fn, a, b) is fn(a, b), whose result is ignored; aside.S has a line for each fn.

#pragma once

#if defined __riscv
#define aside(fn, ...) do { \
  if(0) fn(__VA_ARGS__); \
  aside_nth(0, ##__VA_ARGS__, aside3, aside2, aside1, aside0)(fn, ##__VA_ARGS__); \
} while(0)
#define aside_nth(fn, a, b, c, n, ...) n

#define aside_call(fn, ...) \
  __asm__ volatile("call t0, " #fn "_aside" : : __VA_ARGS__ : "t0", "memory")
#define aside_in(n, v) register u64 aside_a##n asm("a" #n) = (v)

#define aside0(fn) aside_call(fn)
#define aside1(fn, a) aside_in(0, (u64)(a)); aside_call(fn, "r"(aside_a0))
#define aside2(fn, a, b) \
  u64 aside_b = (u64)(b); \
  aside_in(0, (u64)(a)); aside_in(1, aside_b); \
  aside_call(fn, "r"(aside_a0), "r"(aside_a1))
#define aside3(fn, a, b, c) \
  u64 aside_b = (u64)(b), aside_c = (u64)(c); \
  aside_in(0, (u64)(a)); aside_in(1, aside_b); aside_in(2, aside_c); \
  aside_call(fn, "r"(aside_a0), "r"(aside_a1), "r"(aside_a2))
#else
#define aside(fn, ...) fn(__VA_ARGS__)
#endif
