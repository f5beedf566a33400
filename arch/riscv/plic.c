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
  const char *name;
  u64 count;                            // all the boot hart's, harts[0]
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
irq_register(u32 irq, const char *name, void (*fn)(void *), void *arg)
{
  if(irq == 0 || irq > plic.lines)
    return -EINVAL;
  bool on = spin_lock_irq(&plic_lock);
  bool taken = handlers[irq].fn != NULL;
  if(!taken){
    handlers[irq].arg = arg;
    handlers[irq].name = name;
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
    if(fn){
      handlers[irq].count++;
      fn(handlers[irq].arg);
    }
    *reg(CLAIM(plic.context)) = irq;
  }
}

// ---- What has come, for /proc ----

static u64
device_interrupts(const struct irq_info *i, u32 hart)
{
  return hart == 0 ? atomic_load(&handlers[i->line].count) : 0;
}

static u64
timer_interrupts(const struct irq_info *i, u32 hart)
{
  return atomic_load(&harts[hart].timer_interrupts);
}

static u64
ipis(const struct irq_info *i, u32 hart)
{
  return atomic_load(&harts[hart].ipis);
}

static const struct irq_info of_harts[] = {
  { .label = "TIM", .name = "timer", .count = timer_interrupts },
  { .label = "IPI", .name = "from other harts", .count = ipis },
};

bool
irq_info(u32 k, struct irq_info *i)
{
  for(u32 line = 1; line <= plic.lines; line++)
    if(atomic_load_acq(&handlers[line].fn) && k-- == 0){
      *i = (struct irq_info){ .name = handlers[line].name, .line = line,
                              .count = device_interrupts };
      return true;
    }
  if(k >= count_of(of_harts))
    return false;
  *i = of_harts[k];
  return true;
}
