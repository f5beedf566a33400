// SPDX-License-Identifier: MIT
//
// clone: a new task, which copies or shares what the flags say.  fork, vfork and
// threads are all this.
//
// Everything that can fail is done before the child becomes visible.

#include <machine.h>
#include <trapframe.h>
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/fork.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "fs/vfs.h"
#include "mm/space.h"

// A thread shares its process's ignored signals, so CLONE_SIGHAND comes with it.
static bool
flags_ok(u64 flags)
{
  u64 threads = CLONE_THREAD | CLONE_SIGHAND;
  if((flags & ~(CLONE_KNOWN | CLONE_CLEAR_SIGHAND)) ||
     ((flags & CLONE_CLEAR_SIGHAND) && (flags & CLONE_SIGHAND)))
    return false;
  if(flags & threads)
    return (flags & threads) == threads && (flags & CLONE_VM);
  return (flags & CLONE_SIGNAL) == SIGCHLD || (flags & CLONE_SIGNAL) == 0;
}

// ---- What the child gets ----

static struct space *
child_space(struct space *s, u64 flags)
{
  struct space *copy = NULL;
  if(!(flags & CLONE_VM))
    return space_fork(s, &copy) == 0 ? copy : NULL;
  return space_get(s);
}

// => a task that nobody knows yet, or NULL without memory
static struct task *
make_child(u64 flags)
{
  struct task *me = current;
  struct task *t = task_create(me->comm);
  if(!t)
    return NULL;
  t->process = flags & CLONE_THREAD ? process_get(me->process) : process_create(me->process);
  t->files = flags & CLONE_FILES ? files_get(me->files) : files_copy(me->files);
  t->fs = flags & CLONE_FS ? fs_pos_get(me->fs) : fs_pos_copy(me->fs);
  if(t->process && t->files && t->fs)
    t->space = child_space(me->space, flags);
  if(!t->space){
    task_release(t);
    return NULL;
  }
  t->harts = me->harts;
  t->nice = me->nice;
  t->quantum = me->quantum;
  t->sig_blocked = me->sig_blocked;
  if(flags & CLONE_CLEAR_SIGHAND)
    signal_exec(t);
  if((flags & (CLONE_VM | CLONE_VFORK)) != CLONE_VM)
    t->sigstack = me->sigstack;
  fp_fork(t);
  return t;
}

// ---- How it begins ----

// A child that has to tell its own memory who it is (CLONE_CHILD_SETTID).
static void
start_with_tid(void *address)
{
  store_user_u32((va_t)address, current->tid);
  user_enter();
}

static void
set_registers(struct task *t, const struct clone_args *c)
{
  struct trapframe tf = *current->tf;
  tf_set_return(&tf, 0);
  if(c->stack != 0)
    tf_set_sp(&tf, c->stack);
  if(c->flags & CLONE_SETTLS)
    tf_set_tls(&tf, c->tls);
  if(!(c->flags & CLONE_CHILD_SETTID)){
    context_init_user(t, &tf);
    return;
  }
  context_init_kernel(t, start_with_tid, (void *)c->child_tid);
  *t->tf = tf;
  t->tf->task = t;
}

// A killed parent does not wait: its space stays as long as the child needs it.
static void
wait_for_vfork(struct task *child)
{
  bool on = spin_lock_irq(&family_lock);
  while(child->vforked && wait_on(&current->process->child_event, &family_lock) == 0)
    ;
  spin_unlock_irq(&family_lock, on);
}

i64
task_clone(const struct clone_args *c)
{
  if(!flags_ok(c->flags))
    return -EINVAL;
  struct task *t = make_child(c->flags);
  if(!t)
    return -ENOMEM;
  set_registers(t, c);
  if(c->flags & CLONE_CHILD_CLEARTID)
    t->clear_tid = c->child_tid;
  bool vforked = t->vforked = c->flags & CLONE_VFORK;
  int err = process_enter(t, 0, current->process);
  if(err){
    task_release(t);
    return err;
  }
  u32 tid = t->tid;
  if(c->flags & CLONE_PARENT_SETTID)
    store_user_u32(c->parent_tid, tid);
  if(vforked)
    task_get(t);
  trace(FORK, tid, c->flags);
  task_start(t);
  if(vforked){
    wait_for_vfork(t);
    task_put(t);
  }
  return tid;
}
