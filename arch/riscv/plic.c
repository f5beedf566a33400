// SPDX-License-Identifier: MIT
//
// The PLIC (RISC-V Platform-Level Interrupt Controller specification 1.0).  All
// lines go to the boot hart's supervisor context.
//
// Handlers are registered under the lock and never removed, so the interrupt
// path reads them without it.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/lock.h"
#include "kernel/printk.h"
#include "mm/slab.h"
#include "mm/vmap.h"
#include "discover.h"
#include "plic.h"

// Offsets of the registers.
#define PRIORITY(line)      (4UL * (line))
#define ENABLE(ctx, line)   (0x2000UL + 0x80 * (ctx) + 4 * ((line) / 32))
#define THRESHOLD(ctx)      (0x200000UL + 0x1000UL * (ctx))
#define CLAIM(ctx)          (THRESHOLD(ctx) + 4)

struct handler {
  void (*fn)(void *);
  void *arg;
};

static struct plic_facts plic;
static u8 *registers;
static struct handler *handlers;        // by line, 0..plic.lines
static struct spinlock plic_lock = SPINLOCK_INIT("plic");

static volatile u32 *
reg(u64 offset)
{
  return (volatile u32 *)(registers + offset);
}

void
plic_init(void)
{
  bool found = discover_plic(&plic);
  u64 used = THRESHOLD(plic.context) + PAGE_SIZE;
  if(!found || plic.size < used)
    panic("the device tree names no PLIC, or a short one");
  handlers = kzalloc((plic.lines + 1) * sizeof *handlers);
  registers = vmap_device(plic.base, used);
  if(handlers == NULL || registers == NULL)
    panic("no memory for the PLIC");
  for(u32 line = 1; line <= plic.lines; line++)
    *reg(PRIORITY(line)) = 0;
  *reg(THRESHOLD(plic.context)) = 0;
}

int
irq_register(u32 irq, void (*fn)(void *), void *arg)
{
  if(irq == 0 || irq > plic.lines)
    return -EINVAL;
  bool on = spin_lock_irq(&plic_lock);
  bool taken = handlers[irq].fn != NULL;
  if(!taken){
    handlers[irq].arg = arg;
    atomic_store_rel(&handlers[irq].fn, fn);
    *reg(PRIORITY(irq)) = 1;
    *reg(ENABLE(plic.context, irq)) |= 1U << (irq % 32);
  }
  spin_unlock_irq(&plic_lock, on);
  return taken ? -EBUSY : 0;
}

void
plic_interrupt(void)
{
  u32 irq;
  while((irq = *reg(CLAIM(plic.context))) != 0){
    void (*fn)(void *) = irq <= plic.lines ? atomic_load_acq(&handlers[irq].fn) : NULL;
    if(fn)
      fn(handlers[irq].arg);
    *reg(CLAIM(plic.context)) = irq;
  }
}
