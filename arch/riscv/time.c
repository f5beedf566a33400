// SPDX-License-Identifier: MIT
//
// Time: the `time` counter all harts share, and each hart's timer, by the Sstc
// extension where the machine has it and by SBI calls elsewhere.

#include <machine.h>
#include "csr.h"
#include "sbi.h"

#define SECOND 1000000000UL

static u64 boot_time;              // the counter at the first question

u64
machine_ticks(void)
{
  u64 now = csr_read(time);
  if(unlikely(boot_time == 0))
    boot_time = now;
  return now - boot_time;
}

static u64 tick_ns;      // of one tick, if that is a whole number; 0 = not known yet

// Seconds and the rest apart, so that no product overflows.
static u64
ns_of(u64 ticks)
{
  u64 rate = machine.timebase;
  if(unlikely(rate == 0))
    return 0;
  if(SECOND % rate == 0)
    tick_ns = SECOND / rate;
  return ticks / rate * SECOND + ticks % rate * SECOND / rate;
}

u64
machine_time_ns(void)
{
  u64 ticks = machine_ticks();
  return likely(tick_ns != 0) ? ticks * tick_ns : ns_of(ticks);
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
  u64 at = ns == ~0UL ? ~0UL : boot_time + ticks_after(ns);
  if(machine.sstc)
    csr_write(CSR_STIMECMP, at);
  else
    sbi_set_timer(at);
}
