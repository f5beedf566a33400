// SPDX-License-Identifier: MIT
//
// Where a kernel enters the benchmark.  Unlike ulib's crt0.S it leaves the stack
// on the page of its arguments: what a process costs depends on its pages.

.section .text._start, "ax"
.global _start
.type _start, @function
_start:
.option push
.option norelax
  la gp, __global_pointer$
.option pop
  ld a0, 0(sp)
  addi a1, sp, 8
  li s0, 0                # the outermost frame
  call main
  call exit
.size _start, . - _start
.section .note.GNU-stack, "", @progbits
