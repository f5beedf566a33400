// SPDX-License-Identifier: MIT
//
// Stopping the machine: one task runs a function while every other hart waits at
// a point where it holds no spinlock.  For checks of the whole system.
//
// A hart that is asked to stop waits at its next pass through the scheduler,
// where preemption is on.  The caller's own hart does not pass there: preemption
// is off.  Callers take turns by a sleep lock, and waiting for that is a pass.

#include <machine.h>
#include "kernel/sched.h"

u64 machine_stopping;               // a caller waits, or runs its function
static u64 stopped;                 // harts that wait
static struct sleeplock turn = SLEEPLOCK_INIT(turn, "stop_machine");

// Interrupts off.
void
stop_here(void)
{
  u64 me = 1UL << this_hart()->index;
  atomic_or(&stopped, me);
  while(atomic_load_acq(&machine_stopping))
    machine_relax();
  atomic_and(&stopped, ~me);
}

// Those harts among others: one that has just come online may have stopped as well.
static void
wait_for(u64 harts)
{
  while((atomic_load_acq(&stopped) & harts) != harts)
    machine_relax();
}

static void
wait_for_none(void)
{
  while(atomic_load_acq(&stopped) != 0)
    machine_relax();
}

void
stop_machine(void (*fn)(void *), void *arg)
{
  sleep_lock(&turn);
  preempt_off();
  u64 others = atomic_load(&harts_online) & ~(1UL << this_hart()->index);
  atomic_swap(&machine_stopping, 1);
  if(others != 0)
    machine_ipi(others);
  wait_for(others);
  fn(arg);
  atomic_store_rel(&machine_stopping, 0);
  wait_for_none();
  preempt_on();
  sleep_unlock(&turn);
}
