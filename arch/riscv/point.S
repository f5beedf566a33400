// SPDX-License-Identifier: MIT
//
// From a point that is on (machine.h) to C: no register changes.  On the stack are
// 0 ra, 8 a0, 16 and 24 the arguments; a0 is the code.

  .text
  .globl point_hit
point_hit:
  addi sp, sp, -128
  sd ra, 0(sp)
  .irp n, 0, 1, 2, 3, 4, 5, 6
  sd t\n, 8 + 8 * \n(sp)
  .endr
  .irp n, 1, 2, 3, 4, 5, 6, 7
  sd a\n, 56 + 8 * \n(sp)
  .endr
  ld a1, 128 + 16(sp)
  ld a2, 128 + 24(sp)
  call trace_hit
  ld ra, 0(sp)
  .irp n, 0, 1, 2, 3, 4, 5, 6
  ld t\n, 8 + 8 * \n(sp)
  .endr
  .irp n, 1, 2, 3, 4, 5, 6, 7
  ld a\n, 56 + 8 * \n(sp)
  .endr
  ld a0, 128 + 8(sp)
  addi sp, sp, 128
  ret
