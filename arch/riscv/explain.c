// SPDX-License-Identifier: MIT
//
// Traps, registers and call chains in words, for the panic report.

#include <machine.h>
#include <pmap.h>
#include "kernel/ksym.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "mm/vmap.h"
#include "csr.h"
#include "discover.h"
#include "trap.h"
#include "unwind.h"

// ---- What happened ----

static const char *
cause_name(u64 cause)
{
  switch(cause){
  case CAUSE_FETCH_ACCESS: return "jump to an address that is no memory";
  case CAUSE_ILLEGAL: return "illegal instruction";
  case CAUSE_BREAKPOINT: return "breakpoint";
  case CAUSE_LOAD_MISALIGNED: return "misaligned load";
  case CAUSE_LOAD_ACCESS: return "load from an address that is no memory";
  case CAUSE_STORE_MISALIGNED: return "misaligned store";
  case CAUSE_STORE_ACCESS: return "store to an address that is no memory";
  case CAUSE_FETCH_PAGE: return "jump to a page that is not executable";
  case CAUSE_LOAD_PAGE: return "load from a page that is not readable";
  case CAUSE_STORE_PAGE: return "store to a page that is not writable";
  default: return "unknown trap";
  }
}

// The part of the address space that va lies in.
static const char *
region_name(va_t va)
{
  if(va < PAGE_SIZE)
    return "through a null pointer";
  if(va < USER_MAX)
    return "in user memory, not by a user copy";
  if(va >= VMAP_BASE && va < VMAP_END)
    return kstack_guard_hit(va) ? "in a stack's guard page" : "in the vmap area";
  if(va >= (va_t)__image_start && va < (va_t)__data_start)
    return "in the kernel's read-only image";
  if(va >= (va_t)__data_start && va < (va_t)__image_end)
    return "in the kernel's data";
  if(va >= direct_base && va < VMAP_BASE)
    return "in the direct map";
  return "nowhere in the kernel's address space";
}

// A pointer that was read where there was none: its bytes are all the same.
static bool
made_of(va_t va, u8 byte)
{
  return va >> 16 == 0x010101010101UL * byte;
}

// In a sentence what most often leads to such a fault.
static const char *
likely_cause(const struct trapframe *tf, u64 cause, va_t va)
{
  struct ksym in;
  if(!ksym(tf->pc, &in))
    return "a function pointer that is null or was overwritten; the caller comes next";
  if(cause == CAUSE_ILLEGAL || cause == CAUSE_BREAKPOINT)
    return "a place that was never to be reached, or code that was overwritten";
  if(made_of(va, POISON))
    return "a pointer read from an object that was freed before";
  if(made_of(va, FRESH))
    return "a pointer read from an object before it was set";
  if(made_of(va, RED))
    return "a pointer read beyond the end of an object";
  if(va < PAGE_SIZE)
    return "a field of a structure, through a null pointer";
  if(va < USER_MAX)
    return "a program's address used as the kernel's own: only user copies may (SUM)";
  if(kstack_guard_hit(va))
    return "kernel stack overflow: calls too deep, or a local array beyond its end";
  if(cause == CAUSE_STORE_PAGE && va >= (va_t)__image_start && va < (va_t)__data_start)
    return "a store to a constant or to code";
  if(va >= direct_base && va < VMAP_BASE)
    return "a physical address or frame number that is no memory";
  return "a pointer that was overwritten or never set";
}

void
trap_panic(const struct trapframe *tf, u64 cause, va_t stval)
{
  if(cause == CAUSE_ILLEGAL || cause == CAUSE_BREAKPOINT)
    stval = tf->pc;                  // it is no address, or none is told
  bool page = cause == CAUSE_FETCH_PAGE || cause == CAUSE_LOAD_PAGE || cause == CAUSE_STORE_PAGE;
  if(page){
    printk("\n");
    pmap_explain(stval < USER_MAX && current->space ? &current->space->pmap : NULL, stval);
  }
  panic_trap(tf, "kernel fault %lu: %s: %lx, %s\nlikely cause: %s", cause, cause_name(cause),
             stval, region_name(stval), likely_cause(tf, cause, stval));
}

// ---- Registers and call chains ----

enum { CHAIN = 40 };               // printed at most

// Of a return address the call before it is meant: a call that never returns may
// be the last instruction of its function.
static void
print_place(va_t va, bool after_call)
{
  struct ksym in;
  if(ksym(va - after_call, &in))
    printk("  %lx %s+0x%lx\n", va, in.name, in.off + after_call);
  else
    printk("  %lx\n", va);
}

void
machine_registers(const struct trapframe *tf)
{
  printk("  pc   %016lx  status %lx\n", tf->pc, tf->status);
  for(u32 x = 1; x < TF_REGISTERS; x++)
    printk("  %-4s %016lx%s", tf_register_name(x), tf_register(tf, x),
           x % 4 == 0 || x == TF_REGISTERS - 1 ? "\n" : "");
}

u32
machine_callers(u64 *pc, u32 most)
{
  struct place p = PLACE_OF_CALLER();
  pc[0] = p.pc;
  u32 n = 1 + unwind(current, p, pc + 1, most - 1);
  if(n < most)
    pc[n] = 0;
  return n;
}

u32
machine_callers_of(const struct task *t, u64 *pc, u32 most)
{
  if(t == current)
    return machine_callers(pc, most);
  if(t->state == TASK_RUNNING || t->stack == NULL)
    return 0;
  pc[0] = t->context[0];
  return 1 + unwind(t, (struct place){ .pc = pc[0], .sp = t->context[1] }, pc + 1, most - 1);
}

void
machine_print_callers(const u64 *pc, u32 n)
{
  for(u32 i = 0; i < n && pc[i] != 0; i++)
    print_place(pc[i], true);
}

static void
print_chain(const struct task *t, struct place p)
{
  u64 pc[CHAIN];
  printk("call chain:\n");
  print_place(p.pc, !p.interrupted);
  machine_print_callers(pc, unwind(t, p, pc, count_of(pc)));
}

void
machine_backtrace(const struct trapframe *tf)
{
  print_chain(current, tf ? place_of(tf) : PLACE_OF_CALLER());
}

bool
machine_backtrace_stopped(const struct hart *h)
{
  u64 sp = atomic_load_acq(&h->stopped_sp);
  if(sp != 0)
    print_chain(h->current, (struct place){ .pc = h->stopped_pc, .sp = sp });
  return sp != 0;
}
