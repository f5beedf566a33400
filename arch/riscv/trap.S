// SPDX-License-Identifier: MIT
//
// Traps: into the kernel and out of it.
//
// In user mode sscratch holds the task's trap frame, at the top of its kernel
// stack; in the kernel it is 0.  sstatus.SPP is 0 everywhere in the kernel but
// in a trap from the kernel, which sets it again before its own sret, and
// context_switch() clears it: so the way to user mode need not.
//
// A system call or user fault stores the registers that C may overwrite, and no
// more: see trapframe.h.

#include "csr.h"
#include "offsets.h"

#ifdef DEBUG
#define FAULT_AT_ONCE fault_at_once_checked
#else
#define FAULT_AT_ONCE vm_fault_at_once
#endif

// All but sp, pc and status.
.macro save_all
  sd ra, TF_RA(sp)
  sd gp, TF_GP(sp)
  sd tp, TF_TP(sp)
  save_temporaries
  save_preserved
.endm

.macro save_temporaries
  .irp n, 0, 1, 2, 3, 4, 5, 6
  sd t\n, TF_T(\n)(sp)
  .endr
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7
  sd a\n, TF_A(\n)(sp)
  .endr
.endm

.macro save_preserved
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  sd s\n, TF_S(\n)(sp)
  .endr
.endm

.macro load_temporaries
  .irp n, 0, 1, 2, 3, 4, 5, 6
  ld t\n, TF_T(\n)(sp)
  .endr
  .irp n, 1, 2, 3, 4, 5, 6, 7
  ld a\n, TF_A(\n)(sp)
  .endr
.endm

  .text
  .balign 4
  .globl trap_entry
trap_entry:
  csrrw sp, sscratch, sp
  beqz sp, trap_from_kernel
  sd tp, TF_TP(sp)
  ld tp, TF_TASK(sp)
  sd gp, TF_GP(sp)
  load_gp
  sd ra, TF_RA(sp)
  save_temporaries
  csrr t0, scause
  csrrw t1, sscratch, zero
  csrr t2, sepc
  sd t1, TF_SP(sp)
  addi t0, t0, -TRAP_ECALL
  bnez t0, trap_from_user
  addi t2, t2, 4
  sd t2, TF_PC(sp)
syscall:
  csrsi sstatus, SSTATUS_SIE
  mv a0, a7
  addi a1, sp, TF_A(0)
1:
  .option push
  .option norvc
  jal syscall_dispatch
  .option pop
  .pushsection .points, "a"
  .balign 4
  .word 1b - ., syscall_dispatch - ., syscall_traced - ., SYSCALL_EVENT
  .popsection
  csrci sstatus, SSTATUS_SIE
  ld t0, TASK_RESCHED(tp)
  bnez t0, syscall_work

// sp = the frame; a0 and the preserved registers are the user's already.
return_to_user:
  ld t0, TF_PC(sp)
  csrw sscratch, sp
  csrw sepc, t0
  ld ra, TF_RA(sp)
  load_temporaries
  ld gp, TF_GP(sp)
  ld tp, TF_TP(sp)
  ld sp, TF_SP(sp)
  sret

// Page faults first: most take no more than vm_fault_at_once().
trap_from_user:
  sd t2, TF_PC(sp)
  li t1, TRAP_STORE - TRAP_ECALL
  li a2, ACCESS_OF_STORE
  beq t0, t1, 3f
  li t1, TRAP_LOAD - TRAP_ECALL
  li a2, ACCESS_OF_LOAD
  beq t0, t1, 3f
  li t1, TRAP_FETCH - TRAP_ECALL
  li a2, ACCESS_OF_FETCH
  beq t0, t1, 3f
1:
  mv a0, sp
  csrr a1, scause
  csrr a2, stval
  call trap_user
2:
  ld t0, TASK_RESCHED(tp)
  bnez t0, user_work
  ld a0, TF_A(0)(sp)
  j return_to_user
3:
  ld a0, TASK_SPACE(tp)
  csrr a1, stval
  call FAULT_AT_ONCE
  bnez a0, 2b
  j 1b

// There is work before user mode.  Signals look at the whole frame, so it is
// completed first, unless the system call put a new one in its place.
syscall_work:
  slli t1, t0, 63 - NOTIFY_FRAME_BIT
  bltz t1, return_whole_frame
  bltz a0, interrupted
  sd a0, TF_A(0)(sp)
user_work:
  save_preserved
return_whole_frame:
  call trap_user_work
load_whole_frame:
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  ld s\n, TF_S(\n)(sp)
  .endr
  ld a0, TF_A(0)(sp)
  j return_to_user

  .globl user_enter
user_enter:
  csrci sstatus, SSTATUS_SIE
  ld sp, TASK_TF(tp)
  j return_whole_frame

// The call failed, perhaps because a signal ended its wait.
interrupted:
  save_preserved
  mv a1, a0
  mv a0, sp
  call trap_interrupted
  bltz a0, load_whole_frame
  mv a7, a0
  j syscall

// Where context_init_user() makes a new task start.
  .globl user_task_start
user_task_start:
  call schedule_tail
  j user_enter

// ... and context_init_kernel(): s1 = function, s2 = its argument.
  .globl kernel_task_start
kernel_task_start:
  call schedule_tail
  csrsi sstatus, SSTATUS_SIE
  mv a0, s2
  jalr s1
  unimp

// ---- Traps from the kernel ----

  .globl trap_from_kernel
trap_from_kernel:
  csrrw sp, sscratch, t0           // sp is the kernel's again, t0 free
  ld t0, TASK_STACK(tp)
  addi t0, t0, TF_SIZE
  bltu sp, t0, stack_overflow
  csrrw t0, sscratch, zero
  addi sp, sp, -TF_SIZE
  save_all
  addi t0, sp, TF_SIZE
  sd t0, TF_SP(sp)
  csrr t1, sepc
  sd t1, TF_PC(sp)
  csrr t2, sstatus
  sd t2, TF_STATUS(sp)
  mv a0, sp
  csrr a1, scause
  csrr a2, stval
  call trap_kernel

  // FS may have changed meanwhile: only SPP, SPIE and (DEBUG) SUM are put back.
  ld t0, TF_PC(sp)
  ld t1, TF_STATUS(sp)
  li t2, SSTATUS_OF_TRAP
  and t1, t1, t2
  csrw sepc, t0
  csrc sstatus, t2
  csrs sstatus, t1
  ld ra, TF_RA(sp)
  load_temporaries
  ld a0, TF_A(0)(sp)
  addi sp, sp, TF_SIZE
  sret

// sp has left the stack; sscratch holds t0.  One emergency stack serves the
// whole machine: nobody comes back from it, and a second hart waits to be stopped.
stack_overflow:
  la t0, emergency_taken
  amoswap.d t0, tp, (t0)
  bnez t0, 1f
  la t0, emergency_stack_top - TF_SIZE
  sd sp, TF_SP(t0)
  mv sp, t0
  csrrw t0, sscratch, zero
  save_all
  csrr t1, sepc
  sd t1, TF_PC(sp)
  csrr t2, sstatus
  sd t2, TF_STATUS(sp)
  mv a0, sp
  csrr a1, stval
  call trap_stack_overflow
1:
  wfi
  j 1b

  .bss
  .balign 16
emergency_taken:
  .dword 0
  .balign 16
  .globl emergency_stack
emergency_stack:
  .zero STACK_SIZE
emergency_stack_top:
