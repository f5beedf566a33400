// SPDX-License-Identifier: MIT
//
// Traps, inside arch/riscv: who calls whom between the assembly and the C.

#pragma once

#include <trapframe.h>
#include "kernel/types.h"

// From trap.S, interrupts off.
void trap_user(struct trapframe *tf, u64 cause, va_t stval);    // => interrupts off
void trap_user_work(void);                                      // likewise
i64 trap_interrupted(struct trapframe *tf, i64 result);         // likewise
void trap_kernel(struct trapframe *tf, u64 cause, va_t stval);  // likewise
void trap_stack_overflow(struct trapframe *tf, va_t stval) __attribute__((noreturn));

// In trap.S and switch.S.
void trap_entry(void);
void trap_from_kernel(void);     // the frame of whoever it calls begins at the trap frame
void user_task_start(void);
void kernel_task_start(void);
void fp_save(struct task *t);
void fp_load(struct task *t);
void fp_clear(void);

// This hart's registers: user memory reachable, user counters readable, which
// interrupts there are.  Interrupts stay off.
void hart_init(void);

// The floating-point unit was off and the program needs it. => false if that is not so
bool fp_enable(void);

// Floating-point registers of the current task to user memory and back. => 0 or -EFAULT
int fp_to_user(va_t at);
int fp_from_user(va_t at);

// A trap the kernel has no answer for, in words.
void trap_panic(const struct trapframe *tf, u64 cause, va_t stval) __attribute__((noreturn));
