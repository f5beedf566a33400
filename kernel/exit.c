// SPDX-License-Identifier: MIT
//
// The end of tasks and processes.
//
// A task gives up what it holds while it can still sleep, then leaves its
// process, and with the last switch its stack; the leader's record stays until
// the process has been waited for.

#include <machine.h>
#include <pmap.h>
#include "kernel/files.h"
#include "kernel/futex.h"
#include "kernel/printk.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "fs/vfs.h"
#include "mm/space.h"

// The thread's address for set_tid_address or CLONE_CHILD_CLEARTID tells those
// that share the space that it has gone.
static void
clear_tid(struct task *t)
{
  if(t->clear_tid != 0 && t->space && atomic_load(&t->space->refs) > 1){
    if(store_user_u32(t->clear_tid, 0) == 0)
      futex_wake(t->clear_tid, 1);
  }
}

void
vfork_done(struct task *t)
{
  if(!t->vforked)
    return;
  bool on = spin_lock_irq(&family_lock);
  t->vforked = false;
  if(t->process->parent)
    wake_all(&t->process->parent->child_event);
  spin_unlock_irq(&family_lock, on);
}

static void
leave_space(struct task *t)
{
  struct space *s = t->space;
  if(!s)
    return;
  bool on = spin_lock_irq(&family_lock);
  t->space = NULL;
  pmap_switch(&s->pmap, NULL);
  spin_unlock_irq(&family_lock, on);
  vfork_done(t);
  space_put(s);
}

static void
leave_files(struct task *t)
{
  struct files *files = t->files;
  struct fs_pos *fs = t->fs;
  bool on = spin_lock_irq(&family_lock);
  t->files = NULL;
  t->fs = NULL;
  spin_unlock_irq(&family_lock, on);
  files_put(files);
  fs_pos_put(fs);
}

// Nothing can go on without init; its status becomes the machine's.
static void
init_exited(int status)
{
  printk("init has exited with status %d, signal %d\n", status >> 8 & 0xff, status & 0x7f);
  vfs_end();
  machine_poweroff(status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff);
}

static void __attribute__((noreturn))
exit_current(void)
{
  struct task *t = current;
  if(t->process == init_process && t->process->nthreads == 1)
    init_exited(t->process->exit_status);
  trace(EXIT, t->process->exit_status, 0);
  robust_list_exit(t);
  clear_tid(t);
  leave_files(t);
  leave_space(t);
  if(t->oom_victim)
    oom_victim_gone(t);
  bool on = spin_lock_irq(&family_lock);
  preempt_off();
  process_leave(t);
  t->state = TASK_ZOMBIE;
  spin_unlock_irq(&family_lock, on);
  schedule_zombie();
}

void
exit_killed(void)
{
  exit_current();
}

void
process_exit(int status)
{
  bool on = spin_lock_irq(&family_lock);
  process_kill_locked(current->process, status, current);
  spin_unlock_irq(&family_lock, on);
  exit_current();
}

// If nobody ends the whole process, the leader's status is the process's.
void
task_exit(int status)
{
  struct process *p = current->process;
  bool on = spin_lock_irq(&family_lock);
  if(current == p->leader && !p->exiting)
    p->exit_status = status;
  spin_unlock_irq(&family_lock, on);
  exit_current();
}
