// SPDX-License-Identifier: MIT
//
// Where the assembly finds things; offsets.c proves every number.

#pragma once

// struct task
#define TASK_STACK    0
#define TASK_TF       8
#define TASK_HART     16
#define TASK_FETCHED  24
#define TASK_RESCHED  40      // with notify in the upper half
#define TASK_CONTEXT  48
#define TASK_FP_USED  160
#define TASK_FP       168
#define TASK_SPACE    456

// struct hart
#define HART_ID       4
#define HART_IDLE     16

#define NOTIFY_FRAME_BIT 33   // of the word at TASK_RESCHED

// struct trapframe
#define TF_TASK    0
#define TF_STATUS  8
#define TF_PC      16
#define TF_RA      24
#define TF_SP      32
#define TF_GP      40
#define TF_TP      48
#define TF_T(n)    (56 + 8 * (n))
#define TF_A(n)    (112 + 8 * (n))
#define TF_S(n)    (176 + 8 * (n))
#define TF_SIZE    272

#if defined(DEBUG) || defined(KASAN) || defined(UBSAN)
#define STACK_SIZE 16384
#else
#define STACK_SIZE 8192
#endif
#define ASIDE_SIZE 128         // what aside.S puts on the stack
#define SYSCALL_EVENT 0        // of enum trace_event

// Causes of traps from user mode, and what access page faults were
#define TRAP_ECALL  8
#define TRAP_FETCH  12
#define TRAP_LOAD   13
#define TRAP_STORE  15
#define ACCESS_OF_LOAD  1
#define ACCESS_OF_STORE 2
#define ACCESS_OF_FETCH 4

#ifdef __ASSEMBLER__
// In the kernel gp is where its small variables are (kernel.ld): one instruction reaches
// them.
.macro load_gp
  .option push
  .option norelax
  la gp, __global_pointer$
  .option pop
.endm
#endif
