// SPDX-License-Identifier: MIT
//
// Out of memory: somebody has to go.  mm/oom.c says who; here its processes are
// killed, and their pages taken away at once: they may be asleep in the kernel for long.
// Before another one is chosen they are waited for, so that what else they have comes back.
//
// Lock: family_lock.

#include <machine.h>
#include "kernel/lock.h"
#include "kernel/oom.h"
#include "kernel/printk.h"
#include "kernel/process.h"
#include "kernel/signal.h"
#include "mm/frame.h"
#include "mm/reaper.h"
#include "mm/space.h"
#include "mm/swap.h"

// A victim that does not go within this time is no reason not to take another.
enum { PATIENCE_NS = 1000000000 };

enum { PICTURE_NS = 1000000000 };     // between two pictures

static struct waitq gone = WAITQ_INIT(gone);
static u32 victims;                // tasks killed for memory that still hold some, and who chooses

// All tasks of a space. => how many there were; *others: some that must not be killed
static u32
kill_tasks(struct space *s, bool *others)
{
  u32 n = 0;
  struct task *t;
  for(u32 tid = 1; (t = task_next(tid)) != NULL; tid = t->tid + 1, task_put(t)){
    bool on = spin_lock_irq(&family_lock);
    if(t->space == s && t->process == init_process){
      *others = true;
    } else if(t->space == s){
      if(!t->process->exiting)
        printk("killed process %u (%s): out of memory\n", t->process->pid, t->comm);
      process_kill_locked(t->process, SIGKILL, NULL);
      if(!t->oom_victim){
        t->oom_victim = true;
        victims++;
      }
      n++;
    }
    spin_unlock_irq(&family_lock, on);
  }
  return n;
}

// => how many there were
static u32
count_victims(int more)
{
  bool on = spin_lock_irq(&family_lock);
  u32 before = victims;
  victims += (u32)more;
  if(more < 0)
    wake_all(&gone);
  spin_unlock_irq(&family_lock, on);
  return before;
}

void
oom_victim_gone(struct task *t)
{
  t->oom_victim = false;
  count_victims(-1);
}

// => false if the time is over and a victim is still there
static bool
wait_for_victims(void)
{
  u64 deadline = machine_time_ns() + PATIENCE_NS;
  int err = 0;
  bool on = spin_lock_irq(&family_lock);
  while(victims > 0 && err == 0 && !current->killed)
    err = wait_until(&gone, &family_lock, deadline);
  bool done = victims == 0 || current->killed;
  spin_unlock_irq(&family_lock, on);
  return done;
}

// Who asked, and what memory was used for; one victim soon after another changes little.
static void
picture(void)
{
  static u64 next;
  struct frame_census c;
  if(machine_time_ns() < next)
    return;
  next = machine_time_ns() + PICTURE_NS;
  frame_census(&c);
  const u64 kib = PAGE_SIZE / KiB, *held = c.held;
  printk("out of memory: %s (%u) asked for some; of %lu KiB free %lu, private %lu, files and "
         "shared %lu, kernel %lu, tables %lu; of %lu KiB of swap free %lu\n",
         current->comm, current->process ? current->process->pid : 0, frames_total() * kib,
         frames_free() * kib, held[KIND_ANON] * kib, held[KIND_OBJECT] * kib,
         (held[KIND_KERNEL] + held[KIND_SLAB]) * kib, held[KIND_TABLE] * kib, swap_total * kib,
         swap_free * kib);
}

// => is somebody killed?
static bool
choose_and_kill(void)
{
  struct space *s = oom_victim();
  bool others = false;
  if(!s)
    return false;
  u64 score = oom_score(s);
  s->doomed = true;
  picture();
  u32 n = kill_tasks(s, &others);
  if(n > 0){
    vm_count(VM_OOM_KILL);
    trace(OOM_KILL, s->pid, score);
    if(!others)
      space_strip(s);
  }
  space_put(s);
  return n > 0;
}

bool
oom_kill(void)
{
  if(count_victims(1) > 0){
    count_victims(-1);
    if(wait_for_victims() || memory_reclaim())
      return true;
    count_victims(1);
  }
  bool killed = choose_and_kill();
  count_victims(-1);
  return killed;
}
