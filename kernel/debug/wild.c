// SPDX-License-Identifier: MIT
//
// More planted bugs: accesses and jumps that end in a trap, one for each cause that the panic
// report knows.  No sanitizer looks at this file, or it would be there before the trap.

#include <machine.h>
#include <pmap.h>
#include "kernel/debug/plant.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/slab.h"
#include "mm/space.h"

#define ALL_OF(byte) (0x0101010101010101UL * (byte))

static volatile u64 data = 0x0000000100000001, sink;     // two words that are no instructions

static void __attribute__((noinline)) load(va_t va) { sink = *(volatile u64 *)va; }
static void store(va_t va) { *(volatile u64 *)va = 1; }
static void jump(va_t va) { ((void (*)(void))va)(); }

// Mapped to where there is neither memory nor a device.
static va_t
nothing(enum kmap_how how)
{
  enum { HOLE = 0x18000000 };
  va_t va = VMAP_END - 64 * MiB;
  kmap_pages(va, HOLE, PAGE_SIZE, how);
  return va;
}

static void jump_null(void) { jump(0); }
static void jump_data(void) { jump((va_t)&data); }
static void jump_nothing(void) { jump(nothing(KMAP_RX)); }
static void load_nothing(void) { load(nothing(KMAP_RW)); }
static void store_nothing(void) { store(nothing(KMAP_RW)); }
static void illegal(void) { __asm__ volatile("unimp"); }
static void breakpoint(void) { __asm__ volatile("ebreak"); }

static void
load_misaligned(void)
{
  __asm__ volatile("lr.d zero, (%0)" :: "r"((va_t)&data + 1) : "memory");
}

static void through_freed(void) { load(ALL_OF(POISON)); }
static void through_fresh(void) { load(ALL_OF(FRESH)); }
static void beyond_object(void) { load(ALL_OF(RED)); }
static void null_field(void) { load(24); }
static void through_user(void) { load(USER_MAX / 2); }
static void store_constant(void) { store((va_t)wild_bugs); }
static void no_frame(void) { load((va_t)pa_kva(frame_last << PAGE_SHIFT) + GiB); }
static void past_stack(void) { store((va_t)current->stack - sizeof(u64)); }
static void overwritten(void) { load(VMAP_END - 64 * MiB); }

static u32 descend(u32 n);
static u32 (*volatile deeper)(u32 n) = descend;

static u32
descend(u32 n)
{
  volatile u8 frame[256];
  frame[n % sizeof frame] = (u8)n;
  return deeper(n + 1) + frame[n % sizeof frame];
}

static void stack_overflow(void) { descend(0); }

const struct planted wild_bugs[] = {
  { "jump-null", jump_null }, { "jump-data", jump_data }, { "jump-nothing", jump_nothing },
  { "load-nothing", load_nothing }, { "store-nothing", store_nothing },
  { "illegal", illegal }, { "breakpoint", breakpoint },
  { "load-misaligned", load_misaligned },
  { "through-freed", through_freed }, { "through-fresh", through_fresh },
  { "beyond-object", beyond_object }, { "null-field", null_field },
  { "through-user", through_user }, { "store-constant", store_constant },
  { "no-frame", no_frame }, { "overwritten", overwritten },
  { "past-stack", past_stack }, { "stack-overflow", stack_overflow }, { NULL, NULL },
};
