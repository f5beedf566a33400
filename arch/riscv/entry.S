// SPDX-License-Identifier: MIT
//
// The first instructions of every hart.  The boot hart comes from OpenSBI, the
// others from its hart state management (SBI specification, chapter 9): MMU off,
// interrupts off, a0 = hart id.
//
// The firmware may start a hart before it has noted down where (OpenSBI 1.1): it
// then comes to _start like the boot hart, its argument lost.  So the boot hart
// leaves a mark there, and the others find their task by their id.
//
// Going from physical to virtual addresses needs no identity mapping: the fetch
// after satp is written faults, and stvec already names the next instruction's
// virtual address.

#include "csr.h"
#include "offsets.h"

  .option norelax                  // gp is the firmware's yet

#define IMAGE_OFFSET 0xffffffff00000000
#define IMAGE_ROOT_ENTRY  510     // of IMAGE_OFFSET + 2 GiB
#define DIRECT_ROOT_ENTRY 256     // of 0xffffffc000000000
#define DIRECT_GIB        128

// Leaf entries: D A G X W R V.  A gigapage's entry is its number << 28.
#define PTE_RWX 0xef
#define PTE_RW  0xe7
#define PTE_TABLE 1

#define TABLE_ENTRIES 512
#define SHADOW_ROOT_ENTRY 416     // of 0xffffffe800000000
#define SHADOW_ROOT_ENTRIES 32

// Make n entries from `table` on that lead to `page`.  Clobbers t4 to t6.
.macro map_all page, table, bits, n
  srli t4, \page, 2
  ori t4, t4, \bits
  mv t5, \table
  li t6, \n
1:
  sd t4, 0(t5)
  addi t5, t5, 8
  addi t6, t6, -1
  bnez t6, 1b
.endm

// t0 = satp.  Clobbers t1, t2.
.macro go_virtual
  la t1, 1f
  li t2, IMAGE_OFFSET
  add t1, t1, t2
  csrw stvec, t1
  sfence.vma
  csrw satp, t0
  .balign 4
1:
  la t1, trap_entry
  csrw stvec, t1
  csrw sscratch, zero
.endm

  .section .text.entry, "ax"
  .globl _start
_start:
  csrw sie, zero
  la t0, boot_hart_came
  li t1, 1
  amoswap.w t0, t1, (t0)
  bnez t0, secondary_entry
  la t0, __bss_start
  la t1, __image_end
1:
  sd zero, 0(t0)
  addi t0, t0, 8
  bltu t0, t1, 1b

  // The boot page table: the image, and a direct map of everything.
  la t0, early_root
  la t1, _start
  srli t1, t1, 30
  slli t1, t1, 28
  ori t1, t1, PTE_RWX
  li t2, IMAGE_ROOT_ENTRY * 8
  add t2, t2, t0
  sd t1, 0(t2)
  li t1, PTE_RW
  li t2, DIRECT_ROOT_ENTRY * 8
  add t2, t2, t0
  li t3, DIRECT_GIB
  li t4, 1 << 28
1:
  sd t1, 0(t2)
  add t1, t1, t4
  addi t2, t2, 8
  addi t3, t3, -1
  bnez t3, 1b

#ifdef KASAN
  // Code marks its locals in a shadow from the start (kernel/debug/kasan.c).  Until
  // there is a true one, one page stands for all of it.
  la t1, early_shadow
  la t2, early_shadow_leaf
  la t3, early_shadow_middle
  map_all t1, t2, PTE_RW, TABLE_ENTRIES
  map_all t2, t3, PTE_TABLE, TABLE_ENTRIES
  addi t2, t0, SHADOW_ROOT_ENTRY * 4
  addi t2, t2, SHADOW_ROOT_ENTRY * 4
  map_all t3, t2, PTE_TABLE, SHADOW_ROOT_ENTRIES
#endif

  srli t0, t0, 12
  li t1, SATP_MODE_SV39
  slli t1, t1, SATP_MODE_SHIFT
  or t0, t0, t1
  go_virtual

  load_gp
  la tp, boot_task
  la sp, boot_stack
  sd sp, TASK_STACK(tp)
  li t0, STACK_SIZE - TF_SIZE
  add sp, sp, t0
  sd sp, TASK_TF(tp)
  li s0, 0
  call kmain
  unimp

  .globl secondary_entry
secondary_entry:
  csrw sie, zero
  la t0, secondary_satp
  ld t0, 0(t0)
  go_virtual
  load_gp
  ld t0, harts
  ld t1, hart_size
1:
  add t0, t0, t1           // the first one is the boot hart's
  lwu t2, HART_ID(t0)
  bne t2, a0, 1b
  ld tp, HART_IDLE(t0)
  ld sp, TASK_TF(tp)
  li s0, 0
  call hart_enter
  unimp

  .data
  .balign 4
boot_hart_came:
  .word 0

  .section .bootstack, "aw", @progbits
  .balign 4096
boot_stack:
  .zero STACK_SIZE

  .bss
  .balign 4096
early_root:
  .zero 4096
#ifdef KASAN
early_shadow:
  .zero 4096
early_shadow_leaf:
  .zero 4096
early_shadow_middle:
  .zero 4096
#endif
