// SPDX-License-Identifier: MIT
//
// Kernel messages, assertions and the end of the world.

#pragma once

#include "kernel/types.h"

// %d %i %u %x %ld %lu %lx %p %s %c %% with width, 0 and - flags, and %.*s.
// => any context; kept in the dmesg ring and, unless `quiet`, on the console
void printk(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

// Memory is there: a ring of a size that suits it.
void printk_init(void);

// For formatting into memory.  => length it would have had, as C99 says
int snprintk(char *buf, size_t n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int vsnprintk(char *buf, size_t n, const char *fmt, va_list ap);

// Of what may happen for ever the 1st, 2nd, 4th, 8th ... time is worth a line.
static inline bool
worth_a_line(u64 nth)
{
  return (nth & (nth - 1)) == 0;
}

// The messages so far, for dmesg and /proc/kmsg: up to n bytes from *pos, which
// moves on (past what the ring has lost, too; 0 = the oldest). => bytes, 0 at the end
u64 dmesg_read(u64 *pos, char *buf, u64 n);

// A broken invariant.  Stops all harts, prints the state, ends per `panic=`.
void panic(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

// The same for a trap: its registers, and the trace from there.
struct trapframe;
void panic_trap(const struct trapframe *tf, const char *fmt, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

// A panic has begun: the other harts stand still, so locks no longer count.
bool panicking(void);

// One text each: there are many.
#define assert(e) \
  ((e) ? (void)0 : assert_failed(__FILE__ ":" LINE_TEXT(__LINE__) ": not true: " #e))
#define LINE_TEXT(line) LINE_DIGITS(line)
#define LINE_DIGITS(line) #line
void assert_failed(const char *what) __attribute__((noreturn, cold));
