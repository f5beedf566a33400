// SPDX-License-Identifier: MIT
//
// What the rows of the benchmark have in common: the clock, results, and the
// sizes they work with.
//
// A row times part of what it does, some number of operations of one kind, after
// it has done the same once untimed; then it looks whether the work was done.

#pragma once

#include <stdbool.h>
#include "user/abi.h"
#include "user/sys.h"

enum { PAGE = 4096, MIB = 1 << 20, ROUNDS = 4 };
enum { EXEC_STATUS = 7 };                    // of this program when asked to do nothing

extern uint64 scale;                         // what the short rows' counts are multiplied by
extern uint64 swap_bytes;                    // of the region of the swap rows
extern uint64 swap_children;                 // that look on in swap_out
extern char *self;                           // this program's path

// ---- The clock ----

// The time is the `time` CSR: 100 ns a tick on QEMU's virt board, and 100
// instructions a tick under `-icount shift=0`.
//
// Instructions of no effect beside it (RISC-V Unprivileged ISA, HINT instructions)
// tell a profiler what is being timed.  A row has up to two clocks, of which one
// runs at a time.
#define MARK(what, clock) __asm__ volatile("slti x0, x0, %0" :: "i"((what) << 2 | (clock)))
enum { MARK_RUN = 1, MARK_STOP, MARK_RESET, MARK_RESULT };

static inline uint64
now(void)
{
  uint64 t;
  __asm__ volatile("rdtime %0" : "=r"(t) :: "memory");
  return t;
}

struct clock { uint64 ticks; };

#define CLOCK_RUN(c) ({ MARK(MARK_RUN, c); clocks[c].ticks -= now(); })
#define CLOCK_STOP(c) ({ clocks[c].ticks += now(); MARK(MARK_STOP, c); })
#define CLOCK_RESET(c) ({ clocks[c].ticks = 0; MARK(MARK_RESET, c); })

extern struct clock clocks[2];

// ---- Results ----

// A line about what clock 0 has measured (result2: clock 1); resets the clock.
// ok: the work was seen to be done.
void result(const char *row, uint64 ops, const char *unit, bool ok);
void result2(const char *row, uint64 ops, const char *unit, bool ok);

// The row cannot run here; `error` is what the system call gave.
void cannot(const char *row, const char *call, long error);

// Time pass(n), which does n operations and says if each seemed to work.
void measure(const char *row, const char *unit, bool (*pass)(uint64 n), uint64 n);

// ---- Memory ----

// => zeroed pages, or NULL after cannot(row)
uchar *pages(const char *row, uint64 bytes, int flags);
void touch_each(uchar *p, uint64 bytes);     // store a tag in each page's first byte
bool tags_are(uchar *p, uint64 bytes, uint add);   // the tags, `add` higher each

static inline uchar
tag_of(uint64 page)
{
  return (uchar)(page * 7 + (page >> 8) + 1);
}

// A value for word k of page i, unlike its neighbours'.
static inline uint64
scramble(uint64 x)
{
  return (x + 1) * 0x9e3779b97f4a7c15UL;
}

// ---- The rows ----

void null_syscall(void);
void pipe_pingpong(void);
void fork_exit_small(void);
void fork_exit_16m(void);
void fork_exit_64m(void);
void fork_exec_exit(void);
void ctx_yield(void);
void anon_fault(void);
void anon_fault_read(void);
void brk_grow(void);
void cow(void);
void mmap_munmap(void);
void mprotect_cycle(void);
void file_seq(void);
void file_mmap(void);
void open_close(void);
void stat_file(void);
void create_unlink(void);
void swap_seq(void);
void swap_rand(void);
void swap_out(void);
