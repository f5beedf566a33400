// SPDX-License-Identifier: MIT
//
// Harts: their registers, how the others are started (SBI HSM), interrupted
// (SBI IPI) and, for a panic, stopped.

#include <machine.h>
#include <pmap.h>
#include "kernel/printk.h"
#include "kernel/task.h"
#include "csr.h"
#include "discover.h"
#include "harts.h"
#include "sbi.h"
#include "trap.h"
#include "unwind.h"

void secondary_entry(void);        // entry.S
void hart_enter(void);

u64 secondary_satp;                // what entry.S loads
const u64 hart_size = sizeof(struct hart);
static u32 stopped;

void
hart_init(void)
{
  enum { ALL_COUNTERS = 7 };       // cycle, time, instret
  csr_write(sstatus, SSTATUS_SUM_ALWAYS);
  csr_write(scounteren, ALL_COUNTERS);
  machine_timer_set(~0UL);
  csr_write(sie, SIE_SSIE | SIE_STIE | SIE_SEIE);
}

// A started hart's first C function, on its idle task.
void
hart_enter(void)
{
  hart_init();
  hart_main();
}

void
machine_start_harts(void)
{
  secondary_satp = pmap_kernel_satp();
  for(u32 i = 1; i < nharts; i++){
    i64 err = sbi_hart_start(machine.hart_ids[i], image_pa(secondary_entry));
    if(err)
      printk("hart %u does not start: SBI error %ld\n", machine.hart_ids[i], err);
  }
}

void
machine_ipi(u64 mask)
{
  atomic_fence();                  // what the IPI announces is stored first
  sbi_send_ipi(mask);
}

// ---- Waiting ----

void
machine_idle(void)
{
  __asm__ volatile("wfi" ::: "memory");
  intr_restore(true);
  intr_save();
}

void
machine_relax(void)
{
  __asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010" ::: "memory");   // pause (Zihintpause)
  machine_stop_check();
}

// ---- Stopping ----
//
// There is no interrupt that cannot be masked.  A hart stops at the IPI or, with
// interrupts off, in the spin loop where it must end up waiting for a hart that
// has stopped already.

void
machine_stop_check(void)
{
  if(likely(!atomic_load(&stopped)))
    return;
  struct place p = PLACE_OF_CALLER();
  this_hart()->stopped_pc = p.pc;
  atomic_store_rel(&this_hart()->stopped_sp, p.sp);
  machine_halt();
}

// As long as it takes one that hears the IPI.
static void
wait_for_stop(u64 others)
{
  u64 deadline = machine_time_ns() + 100 * 1000 * 1000;
  for(u32 i = 0; i < nharts; i++)
    while((others >> i & 1) && !atomic_load_acq(&harts[i].stopped_sp) &&
          machine_time_ns() < deadline)
      ;
}

void
machine_ipi_nmi_stop(void)
{
  u64 others = 0;
  for(u32 i = 0; i < nharts; i++)
    if(i != this_hart()->index)
      others |= 1UL << i;
  atomic_store(&stopped, 1);
  machine_ipi(others);
  wait_for_stop(harts_online & others);
}
