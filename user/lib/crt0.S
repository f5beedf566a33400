// SPDX-License-Identifier: MIT
//
// Where the kernel enters a program: sp points at argc, argv, the environment
// and the auxiliary vector.  The rest is start.c's.

.section .text._start, "ax"
.global _start
.type _start, @function
_start:
.option push
.option norelax
  la gp, __global_pointer$
.option pop
  mv a0, sp
  li s0, 0                # the outermost frame
  // The stack proper begins on a page of its own, so that the page below is
  // first touched by a program that overflows USERSTACK.
  li t0, -4096
  and sp, sp, t0
  call ulib_start
.size _start, . - _start
.section .note.GNU-stack, "", @progbits
