// SPDX-License-Identifier: MIT
//
// Time: the `time` counter all harts share, and each hart's timer, by the Sstc
// extension where the machine has it and by SBI calls elsewhere.

#include <machine.h>
#include "csr.h"
#include "sbi.h"

#define SECOND 1000000000UL

u64 machine_boot_ticks, machine_tick_ns;

u64
machine_ticks(void)
{
  u64 now = csr_read(time);
  if(unlikely(machine_boot_ticks == 0))
    machine_boot_ticks = now;
  return now - machine_boot_ticks;
}

// Seconds and the rest apart, so that no product overflows.
u64
machine_slow_time_ns(void)
{
  u64 ticks = machine_ticks(), rate = machine.timebase;
  if(rate == 0)
    return 0;
  if(SECOND % rate == 0)
    machine_tick_ns = SECOND / rate;
  return ticks / rate * SECOND + ticks % rate * SECOND / rate;
}

static u64
ticks_after(u64 ns)
{
  u64 rest = ns % SECOND * machine.timebase;
  return ns / SECOND * machine.timebase + (rest + SECOND - 1) / SECOND;
}

void
machine_timer_set(u64 ns)
{
  u64 at = ns == ~0UL ? ~0UL : machine_boot_ticks + ticks_after(ns);
  if(machine.sstc)
    csr_write(CSR_STIMECMP, at);
  else
    sbi_set_timer(at);
}
