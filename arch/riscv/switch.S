// SPDX-License-Identifier: MIT
//
// From one task to another on the same hart, and floating-point registers in
// bulk.

#include "csr.h"
#include "offsets.h"

#define CTX(n) (TASK_CONTEXT + 8 * (n))

// void context_switch(struct task *from, struct task *to)
//
// Floating-point registers stay behind: if they are dirty they are saved, and
// the next task finds the unit off (fp.c).
  .text
  .globl context_switch
context_switch:
  sd ra, CTX(0)(a0)
  sd sp, CTX(1)(a0)
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  sd s\n, CTX(2 + \n)(a0)
  .endr
  csrr t0, sstatus
  li t1, SSTATUS_FS
  and t0, t0, t1
  beq t0, t1, save_fp              // dirty
1:
  li t1, SSTATUS_FS | SSTATUS_SPP
  csrc sstatus, t1

  // An lr of the old task must not pair with an sc of the new one (unprivileged
  // specification, "Load-Reserved/Store-Conditional").
  addi t0, a0, CTX(0)
  sc.d zero, ra, (t0)

  ld t0, TASK_HART(a0)
  ld t1, TASK_FETCHED(a1)
  bne t0, t1, other_hart
2:
  mv tp, a1
  ld ra, CTX(0)(a1)
  ld sp, CTX(1)(a1)
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  ld s\n, CTX(2 + \n)(a1)
  .endr
  ret

save_fp:
  mv t2, ra
  call fp_save
  mv ra, t2
  j 1b

// The task may have stored instructions on another hart and fenced there.
other_hart:
  fence.i
  sd t0, TASK_FETCHED(a1)
  j 2b

// ---- fp_save(task), fp_load(task), fp_clear(): the unit is on ----

.macro each_fp op, base
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  \op f\n, TASK_FP + 8 * \n(\base)
  .endr
  .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  \op f\n, TASK_FP + 8 * \n(\base)
  .endr
.endm

  .option push
  .option arch, +d

// Changes t0 only.
  .globl fp_save
fp_save:
  each_fp fsd, a0
  frcsr t0
  sd t0, TASK_FP + 8 * 32(a0)
  li t0, 1
  sw t0, TASK_FP_USED(a0)
  ret

  .globl fp_load
fp_load:
  each_fp fld, a0
  ld t0, TASK_FP + 8 * 32(a0)
  fscsr t0
  ret

  .globl fp_clear
fp_clear:
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  fmv.d.x f\n, zero
  .endr
  .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  fmv.d.x f\n, zero
  .endr
  fscsr zero
  ret

  .option pop
