// SPDX-License-Identifier: MIT
//
// Call chains, inside arch/riscv.

#pragma once

#include "kernel/types.h"

struct task;
struct trapframe;

// Where a hart is, or will be when a call returns.
struct place {
  u64 pc, sp;
  u64 ra, t0;              // of what was interrupted: the registers
  bool interrupted;        // by a trap; else pc follows a call
};

void call_aside(void);     // aside.S

struct place place_of(const struct trapframe *tf);

// Where the function that this expands in returns to.
#define PLACE_OF_CALLER() \
  ((struct place){ .pc = (u64)__builtin_return_address(0), .sp = (u64)__builtin_dwarf_cfa() })

// The return addresses that follow p on the stack of task t.
// => how many, up to `most`
u32 unwind(const struct task *t, struct place p, u64 *pc, u32 most);
