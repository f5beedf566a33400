// SPDX-License-Identifier: MIT
//
// A process that stands still takes the place of the caller: it goes on where the caller is,
// with its memory, open files, directory, signal actions and registers, and the caller ends.
// What the process is to others stays: its number, parent, children, group and session.  So
// a program can prepare what a process is to be, and then be that process.
//
// Lock: family_lock, for process->offer and the state of offers.

#include <machine.h>
#include <trapframe.h>
#include "kernel/checkpoint/checkpoint.h"
#include "kernel/errno.h"
#include "kernel/exec.h"
#include "kernel/files.h"
#include "kernel/itimer.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/string.h"
#include "mm/local.h"
#include "mm/slab.h"
#include "mm/space.h"

struct belongings {
  struct space *space;
  struct files *files;
  struct fs_pos *fs;
  struct sig_action *actions;
  u64 ignored, handled;
  u32 uid, gid;
  u64 clock_ahead;
};

struct offer {
  enum { OPEN, TAKEN, REFUSED, DONE } state;
  const struct task *from;
  struct belongings it;
};

static struct waitq answered = WAITQ_INIT(answered);

// The current task, the only one of its process, gets these, and leaves its own there; its
// memory is changed already.  family_lock held
static void
change_locked(struct belongings *b, struct space *old)
{
  struct task *t = current;
  struct process *p = t->process;
  struct belongings mine = {
    old, t->files, t->fs, p->actions, p->sig_ignored, p->sig_handled, p->uid, p->gid,
    p->clock_ahead,
  };
  t->files = b->files;
  t->fs = b->fs;
  p->actions = b->actions;
  p->sig_ignored = b->ignored;
  p->sig_handled = b->handled;
  p->uid = b->uid;
  p->gid = b->gid;
  p->clock_ahead = b->clock_ahead;
  *b = mine;
}

static void
change(struct belongings *b)
{
  struct space *old = space_adopt(b->space);
  bool on = spin_lock_irq(&family_lock);
  change_locked(b, old);
  spin_unlock_irq(&family_lock, on);
}

// ---- Who takes it ----

static void
move_in(struct offer *o)
{
  struct task *t = current;
  struct process *p = t->process;
  struct space *old = space_adopt(o->it.space);
  bool on = spin_lock_irq(&family_lock);
  change_locked(&o->it, old);
  t->sig_blocked = o->from->sig_blocked;       // with the handlers: an alarm would end it
  signals_flush(p, ~0UL);
  itimers_stop(p);
  p->stopped = false;
  p->news = 0;
  spin_unlock_irq(&family_lock, on);
  t->space->pid = p->pid;
  vfork_done(t);
  local_exec(t->space, o->it.space);
  fp_reset();
  t->fp_used = o->from->fp_used;
  memcpy(t->fp, o->from->fp, sizeof t->fp);
  *t->tf = *o->from->tf;
  t->tf->task = t;
  tf_end_call(t->tf, 0);
  t->sigstack = (struct sig_stack){ 0 };
  t->sig_restore = false;
  t->fault.signo = 0;
  t->interrupted = 0;
  t->clear_tid = t->robust_list = 0;
}

static void
answer(struct offer *o, int state)
{
  bool on = spin_lock_irq(&family_lock);
  o->state = state;
  wake_all(&answered);
  spin_unlock_irq(&family_lock, on);
}

static struct offer *
take(struct task *t)
{
  struct process *p = t->process;
  bool on = spin_lock_irq(&family_lock);
  struct offer *o = t->killed ? NULL : p->offer;
  if(o){
    threads_kill_locked(p, t);         // before any of them could go on as it was
    p->offer = NULL;
    o->state = TAKEN;
  }
  spin_unlock_irq(&family_lock, on);
  return o;
}

void
offer_take(void)
{
  struct task *t = current;
  struct offer *o = take(t);
  if(o == NULL)
    return;
  become_only_thread(t->process);
  if(t->killed){
    answer(o, REFUSED);
    return;
  }
  move_in(o);
  struct belongings old = o->it;
  answer(o, DONE);
  space_put(old.space);
  files_put(old.files);
  fs_pos_put(old.fs);
  kfree(old.actions);
  user_enter();
}

// ---- Who offers it ----

// Until it is taken, or p has ended; family_lock held.
static int
await_answer(struct offer *o, struct process *p)
{
  enum { LOOK_NS = 2000000 };
  int err = 0;
  while(o->state == OPEN && err != -EINTR && p->nthreads > 0)
    err = wait_until(&answered, &family_lock, machine_time_ns() + LOOK_NS);
  if(o->state == OPEN)
    p->offer = NULL;
  while(o->state == TAKEN)
    wait_io(&answered, &family_lock);
  return o->state == DONE ? 0 : err == -EINTR ? err : -ESRCH;
}

int
offer(struct freeze *f)
{
  struct frozen *z = list_first(&f->all, struct frozen, link);
  struct process *p = z->process;
  struct offer o = { .from = current };
  if(z->link.next != &f->all || current->process->nthreads > 1 || current->vforked)
    return -EBUSY;
  fp_keep();
  change(&o.it);
  bool on = spin_lock_irq(&family_lock);
  int err = z->stopped && !p->exiting ? 0 : -ESRCH;
  if(err == 0){
    p->offer = &o;
    freeze_end(z);
    err = await_answer(&o, p);
  }
  spin_unlock_irq(&family_lock, on);
  if(err)
    change(&o.it);
  return err;
}
