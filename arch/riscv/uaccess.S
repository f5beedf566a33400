// SPDX-License-Identifier: MIT
//
// Copies between the kernel and the current task's user memory.  Loads and stores
// in the ranges listed in .fixups may fault: the ordinary fault path runs, and if
// that fails the trap handler goes on at the fix-up of the range.
//
// Copies that go word by word fall back to single bytes at a fault, so that they
// end at the very byte that cannot be reached.

#define EFAULT 14
#define ENAMETOOLONG 36
#define USER_BITS 38             // user addresses are below 1 << 38

#define BLOCK 128

.macro fixup from, to, where
  .pushsection .fixups, "a"
  .balign 8
  .dword \from, \to, \where
  .popsection
.endm

// Go to `bad` unless [base, base + size) is user memory.  Clobbers t0.
.macro check_range base, size, bad
  li t0, 1
  slli t0, t0, USER_BITS
  bltu t0, \size, \bad
  sub t0, t0, \size
  bltu t0, \base, \bad
.endm

.macro move8 at
  ld a3, \at + 0(a1)
  ld a4, \at + 8(a1)
  ld a5, \at + 16(a1)
  ld a6, \at + 24(a1)
  ld a7, \at + 32(a1)
  ld t1, \at + 40(a1)
  ld t2, \at + 48(a1)
  ld t3, \at + 56(a1)
  sd a3, \at + 0(a0)
  sd a4, \at + 8(a0)
  sd a5, \at + 16(a0)
  sd a6, \at + 24(a0)
  sd a7, \at + 32(a0)
  sd t1, \at + 40(a0)
  sd t2, \at + 48(a0)
  sd t3, \at + 56(a0)
.endm

  .text

// u64 copy_to_user(va_t dst, const void *src, u64 n)
// u64 copy_from_user(void *dst, va_t src, u64 n)
  .globl copy_to_user
copy_to_user:
  check_range a0, a2, copy_end
  j copy
  .globl copy_from_user
copy_from_user:
  check_range a1, a2, copy_end

// a0 = to, a1 = from, a2 = bytes left.
copy:
  li t0, 16
  bltu a2, t0, copy_bytes
  xor t1, a0, a1
  andi t1, t1, 7
  bnez t1, copy_shifted
1:
  andi t1, a0, 7
  beqz t1, 2f
  lb t2, 0(a1)
  sb t2, 0(a0)
  addi a1, a1, 1
  addi a0, a0, 1
  addi a2, a2, -1
  j 1b
2:
  li t0, BLOCK
  bltu a2, t0, 4f
3:
  move8 0
  move8 64
  addi a2, a2, -BLOCK
  addi a1, a1, BLOCK
  addi a0, a0, BLOCK
  bgeu a2, t0, 3b
4:
  li t0, 8
  bltu a2, t0, copy_bytes
5:
  ld a3, 0(a1)
  sd a3, 0(a0)
  addi a2, a2, -8
  addi a1, a1, 8
  addi a0, a0, 8
  bgeu a2, t0, 5b

// Also the fix-up of all the faster ways: the registers say what is left.
copy_bytes:
  beqz a2, copy_end
6:
  lb t2, 0(a1)
  sb t2, 0(a0)
  addi a1, a1, 1
  addi a0, a0, 1
  addi a2, a2, -1
  bnez a2, 6b
copy_end:
  mv a0, a2
  ret

// The two sides are aligned differently: aligned words are read, each word that
// is written is put together from two.  At least 16 bytes are left.
copy_shifted:
  andi t1, a0, 7
  beqz t1, 7f
  lb t2, 0(a1)
  sb t2, 0(a0)
  addi a1, a1, 1
  addi a0, a0, 1
  addi a2, a2, -1
  j copy_shifted
7:
  li t0, 16                      // the last words are left to the byte loop, which
  bltu a2, t0, copy_bytes        // reads nothing beyond the end
  andi t1, a1, 7
  slli t4, t1, 3                 // bits of the first word already used
  neg t5, t4                     // (shifts count modulo 64)
  sub t6, a1, t1
  ld a3, 0(t6)
8:
  ld a4, 8(t6)
  srl a5, a3, t4
  sll a6, a4, t5
  or a5, a5, a6
  sd a5, 0(a0)
  mv a3, a4
  addi t6, t6, 8
  addi a1, a1, 8
  addi a0, a0, 8
  addi a2, a2, -8
  bgeu a2, t0, 8b
  j copy_bytes
copy_shifted_end:

  fixup copy, copy_bytes, copy_bytes
  fixup copy_bytes, copy_end, copy_end
  fixup copy_shifted, copy_shifted_end, copy_bytes

// u64 zero_user(va_t dst, u64 n)
  .globl zero_user
zero_user:
  check_range a0, a1, zero_end
zero:
  andi t1, a0, 7
  beqz t1, 1f
  beqz a1, zero_end
  sb zero, 0(a0)
  addi a1, a1, -1
  addi a0, a0, 1
  j zero
1:
  li t0, BLOCK
  bltu a1, t0, 3f
2:
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  sd zero, 8 * \n(a0)
  .endr
  addi a1, a1, -BLOCK
  addi a0, a0, BLOCK
  bgeu a1, t0, 2b
3:
  li t0, 8
  bltu a1, t0, zero_bytes
4:
  sd zero, 0(a0)
  addi a1, a1, -8
  addi a0, a0, 8
  bgeu a1, t0, 4b

zero_bytes:
  beqz a1, zero_end
  sb zero, 0(a0)
  addi a0, a0, 1
  addi a1, a1, -1
  j zero_bytes
zero_end:
  mv a0, a1
  ret

  fixup zero, zero_bytes, zero_bytes
  fixup zero_bytes, zero_end, zero_end

// i64 copy_str_from_user(char *dst, va_t src, u64 n)
  .globl copy_str_from_user
copy_str_from_user:
  li t0, 1
  slli t0, t0, USER_BITS
  bgeu a1, t0, user_fault
  sub t0, t0, a1                 // bytes up to the end of user memory
  li a4, -ENAMETOOLONG
  mv a3, a0
  bgeu t0, a2, string
  mv a2, t0
  li a4, -EFAULT
string:
  beqz a2, 2f
  lb t1, 0(a1)
  sb t1, 0(a0)
  beqz t1, 1f
  addi a1, a1, 1
  addi a0, a0, 1
  addi a2, a2, -1
  j string
1:
  sub a0, a0, a3
  ret
2:
  mv a0, a4
  ret
string_end:
  fixup string, string_end, user_fault

// int load_user_u32(u32 *v, va_t src)
  .globl load_user_u32
load_user_u32:
  li t1, 4
  check_range a1, t1, user_fault
load:
  lw t1, 0(a1)
load_end:
  sw t1, 0(a0)
  li a0, 0
  ret
  fixup load, load_end, user_fault

// int store_user_u32(va_t dst, u32 v)
  .globl store_user_u32
store_user_u32:
  li t1, 4
  check_range a0, t1, user_fault
store:
  sw a1, 0(a0)
store_end:
  li a0, 0
  ret
  fixup store, store_end, user_fault

user_fault:
  li a0, -EFAULT
  ret
