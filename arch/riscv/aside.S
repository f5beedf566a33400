// SPDX-License-Identifier: MIT
//
// Calls that leave every register alone but t0, by which they return: see aside.h.

#include "offsets.h"

  .text

.macro aside fn
  .globl \fn\()_aside
\fn\()_aside:
  addi sp, sp, -ASIDE_SIZE
  sd t1, 16(sp)
  la t1, \fn
  j call_aside
.endm

  aside preempt_resched
  aside spin_wait
  aside sleep_lock_slow
  aside sleep_unlock_slow
  aside rw_lock_slow
  aside rw_unlock_slow
  aside frame_lock_wait
  aside frame_put_slow
  aside frame_wake
  aside pmap_fence
  aside frame_prepare_fetch

// t1: whom to call.  What the stack looks like meanwhile, unwind.c knows too.
  .globl call_aside
call_aside:
  .cfi_startproc
  .cfi_return_column t0
  .cfi_def_cfa sp, ASIDE_SIZE
  .cfi_offset t0, -ASIDE_SIZE
  .cfi_offset ra, 8 - ASIDE_SIZE
  sd t0, 0(sp)
  sd ra, 8(sp)
  .irp n, 2, 3, 4, 5, 6
  sd t\n, 8 + 8 * \n(sp)
  .endr
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7
  sd a\n, 64 + 8 * \n(sp)
  .endr
  jalr t1
  ld t0, 0(sp)
  ld ra, 8(sp)
  .irp n, 1, 2, 3, 4, 5, 6
  ld t\n, 8 + 8 * \n(sp)
  .endr
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7
  ld a\n, 64 + 8 * \n(sp)
  .endr
  addi sp, sp, ASIDE_SIZE
  jr t0
  .cfi_endproc
