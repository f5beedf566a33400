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

#define BLOCK 1024               // copied or cleared between two looks at the end
#define SMALL_BLOCK 64

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

// Move 64 bytes, or a block of some such.
.macro move64 at
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

.macro move_block size
  .set .Lat, 0
  .rept \size / 64
  move64 .Lat
  .set .Lat, .Lat + 64
  .endr
  addi a1, a1, \size
  addi a0, a0, \size
.endm

.macro move_byte
  lb t2, 0(a1)
  sb t2, 0(a0)
  addi a1, a1, 1
  addi a0, a0, 1
.endm

// t0 = where from a0 on the last whole `size` before a2 ends; go on at `none` if that
// is here.
.macro whole size, none
  sub t0, a2, a0
  andi t0, t0, -\size
  add t0, a0, t0
  beq t0, a0, \none
.endm

  .text

// u64 copy_to_user(va_t dst, const void *src, u64 n)
// u64 copy_from_user(void *dst, va_t src, u64 n)
  .globl copy_to_user
copy_to_user:
  check_range a0, a2, range_bad
  j copy
  .globl copy_from_user
copy_from_user:
  check_range a1, a2, range_bad

// a0 = to, a1 = from, a2 = where `to` ends.
copy:
  add a2, a0, a2
  xor t1, a0, a1
  andi t1, t1, 7
  bnez t1, copy_shifted
1:
  andi t1, a0, 7
  beqz t1, 2f
  beq a0, a2, copy_end
  move_byte
  j 1b
2:
  whole BLOCK, 4f
3:
  move_block BLOCK
  bne a0, t0, 3b
  beq a0, a2, copy_end
4:
  whole SMALL_BLOCK, 6f
5:
  move_block SMALL_BLOCK
  bne a0, t0, 5b
6:
  whole 8, copy_bytes
7:
  ld a3, 0(a1)
  sd a3, 0(a0)
  addi a1, a1, 8
  addi a0, a0, 8
  bne a0, t0, 7b

// Also the fix-up of all the faster ways: the registers say what is left.
copy_bytes:
  beq a0, a2, copy_end
8:
  move_byte
  bne a0, a2, 8b
copy_end:
  sub a0, a2, a0
  ret

// The two sides are aligned differently: aligned words are read, each word that
// is written is put together from two.  The last words are left to the byte loop,
// which reads nothing beyond the end.
copy_shifted:
  andi t1, a0, 7
  beqz t1, 9f
  beq a0, a2, copy_end
  move_byte
  j copy_shifted
9:
  sub t0, a2, a0
  li t1, 16
  bltu t0, t1, copy_bytes
  addi t0, a2, -15               // before here, 16 bytes are left
  andi t1, a1, 7
  slli t4, t1, 3                 // bits of the first word already used
  neg t5, t4                     // (shifts count modulo 64)
  sub t6, a1, t1
  ld a3, 0(t6)
10:
  ld a4, 8(t6)
  srl a5, a3, t4
  sll a6, a4, t5
  or a5, a5, a6
  sd a5, 0(a0)
  mv a3, a4
  addi t6, t6, 8
  addi a1, a1, 8
  addi a0, a0, 8
  bltu a0, t0, 10b
  j copy_bytes
copy_shifted_end:

range_bad:
  mv a0, a2
  ret

  fixup copy, copy_bytes, copy_bytes
  fixup copy_bytes, copy_end, copy_end
  fixup copy_shifted, copy_shifted_end, copy_bytes

// u64 zero_user(va_t dst, u64 n)
  .globl zero_user
zero_user:
  mv a2, a1
  check_range a0, a2, range_bad
zero:
  add a2, a0, a2
1:
  andi t1, a0, 7
  beqz t1, 2f
  beq a0, a2, zero_end
  sb zero, 0(a0)
  addi a0, a0, 1
  j 1b
2:
  whole BLOCK, 4f
3:
  .set .Lat, 0
  .rept BLOCK / 8
  sd zero, .Lat(a0)
  .set .Lat, .Lat + 8
  .endr
  addi a0, a0, BLOCK
  bne a0, t0, 3b
4:
  whole 8, zero_bytes
5:
  sd zero, 0(a0)
  addi a0, a0, 8
  bne a0, t0, 5b

zero_bytes:
  beq a0, a2, zero_end
  sb zero, 0(a0)
  addi a0, a0, 1
  j zero_bytes
zero_end:
  sub a0, a2, a0
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
  bgeu t0, a2, 1f
  mv a2, t0
  li a4, -EFAULT
1:
  mv a3, a0
  add a2, a0, a2
string:
  xor t1, a0, a1
  andi t1, t1, 7
  bnez t1, string_bytes
2:                               // to where words begin
  andi t1, a0, 7
  beqz t1, 3f
  beq a0, a2, string_full
  lb t1, 0(a1)
  sb t1, 0(a0)
  beqz t1, string_done
  addi a1, a1, 1
  addi a0, a0, 1
  j 2b
3:                               // words, up to the one with a byte of 0 (and what follows)
  whole 8, string_bytes
  li t4, 0x01010101
  slli t5, t4, 32
  or t4, t4, t5                  // 01 in all bytes
  slli t5, t4, 7                 // 80 in all bytes
4:
  ld t1, 0(a1)
  sub t2, t1, t4                 // a byte's 80 comes up if it was 0, or 81 and more
  not t3, t1
  and t2, t2, t3
  and t2, t2, t5                 // the lowest 1 is in the first byte of 0
  sd t1, 0(a0)
  bnez t2, 5f
  addi a1, a1, 8
  addi a0, a0, 8
  bne a0, t0, 4b
string_bytes:
  beq a0, a2, string_full
  lb t1, 0(a1)
  sb t1, 0(a0)
  beqz t1, string_done
  addi a1, a1, 1
  addi a0, a0, 1
  j string_bytes
5:                               // which byte is it?  half, quarter, eighth
  .irp bits, 32, 16, 8
  slli t1, t2, 64 - \bits
  bnez t1, 6f
  srli t2, t2, \bits
  addi a0, a0, \bits / 8
6:
  .endr
string_done:
  sub a0, a0, a3
  ret
string_full:
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

// int cas_user_u32(va_t dst, u32 old, u32 new, u32 *seen)
  .globl cas_user_u32
cas_user_u32:
  li t1, 4
  check_range a0, t1, user_fault
cas:
  lr.w.aqrl t1, (a0)
  bne t1, a1, cas_end
  sc.w.rl t2, a2, (a0)
  bnez t2, cas
cas_end:
  sw t1, 0(a3)
  li a0, 0
  ret
  fixup cas, cas_end, user_fault

user_fault:
  li a0, -EFAULT
  ret
