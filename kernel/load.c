// SPDX-License-Identifier: MIT
//
// Suspending tasks for load control.  They wait on their way to user mode, where they
// hold nothing: what they wait for in the kernel comes first.
//
// Never suspended are init, the leaders of sessions, such as the shell, and the first
// process of the job in the terminal's foreground.
//
// Lock: family_lock.

#include "kernel/load.h"
#include <machine.h>
#include "kernel/job.h"
#include "kernel/lock.h"
#include "kernel/process.h"
#include "mm/space.h"

static struct waitq resumed = WAITQ_INIT(resumed);

static void
for_each_task(void (*fn)(struct task *t, u64 arg), u64 arg)
{
  struct task *t;
  for(u32 tid = 1; (t = task_next(tid)) != NULL; tid = t->tid + 1, task_put(t)){
    bool on = spin_lock_irq(&family_lock);
    if(t->space)
      fn(t, arg);
    spin_unlock_irq(&family_lock, on);
  }
}

static void
spare(struct task *t, u64 round)
{
  if(t->process == init_process || job_is_led_by(t->process))
    t->space->load_spared = round;
}

void
load_survey(u64 round)
{
  for_each_task(spare, round);
}

static void
tell(struct task *t, u64 unused)
{
  if(!t->space->suspended || (atomic_or(&t->notify, NOTIFY_LOAD) & NOTIFY_LOAD))
    return;
  struct hart *h = atomic_load(&t->hart);
  if(atomic_load(&h->current) == t && h != this_hart())
    machine_ipi(1UL << h->index);
}

void
load_tell(void)
{
  for_each_task(tell, 0);
  bool on = spin_lock_irq(&family_lock);
  wake_all(&resumed);
  spin_unlock_irq(&family_lock, on);
}

void
load_wait(void)
{
  bool on = spin_lock_irq(&family_lock);
  while(atomic_load(&current->space->suspended) && wait_on(&resumed, &family_lock) == 0)
    ;
  spin_unlock_irq(&family_lock, on);
}
