// SPDX-License-Identifier: MIT
//
// User registers as a trap leaves them at the top of the kernel stack.
//
// A system call or fault stores only what C may overwrite, and gp and tp, which are the
// kernel's own meanwhile; s0..s11 stay in their registers.  They are in the frame too
// wherever C may look at or replace them: in clone, in signal_deliver() on the way to
// user mode, and in traps from the kernel.  Who replaces the frame as a whole sets
// NOTIFY_FRAME, so that every register is loaded from it.

#pragma once

#include "kernel/task.h"
#include "kernel/types.h"

struct trapframe {
  struct task *task;     // for the entry path: whose kernel stack this is
  u64 status;            // sstatus, of traps from the kernel only
  u64 pc;
  u64 ra, sp, gp, tp;
  u64 t[7];
  u64 a[8];
  u64 s[12];
};

enum { INSTRUCTION_ECALL = 0x73 };

// Registers of a fresh program: all zero but these.  The current task's frame.
void tf_exec(struct trapframe *tf, va_t entry, va_t sp);

static inline void tf_set_sp(struct trapframe *tf, va_t sp) { tf->sp = sp; }
static inline void tf_set_tls(struct trapframe *tf, va_t tls) { tf->tp = tls; }
static inline void tf_set_return(struct trapframe *tf, i64 v) { tf->a[0] = (u64)v; }

// The registers by number: x1..x31, and for dumps x0, which is 0.
enum { TF_REGISTERS = 32 };
u64 *tf_slot(struct trapframe *tf, u32 x);
const char *tf_register_name(u32 x);
u64 tf_register(const struct trapframe *tf, u32 x);
