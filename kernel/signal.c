// SPDX-License-Identifier: MIT
//
// Sending signals.  One that ends a process does so when it is sent, if some
// thread does not block it: the threads are marked killed and woken, and go on
// their way to user mode.  The others become pending, and a thread that may take
// them is told to look.
//
// Lock: family_lock, for all of it.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/pid.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/signal.h"

// ---- Telling a thread ----

void
signal_tell(struct task *t, enum sleep_kind kind)
{
  atomic_or(&t->notify, NOTIFY_SIGNAL);
  task_interrupt(t, kind);
  struct hart *h = atomic_load(&t->hart);
  if(atomic_load(&h->current) == t && h != this_hart())
    machine_ipi(1UL << h->index);        // if it is in user mode it looks at once
}

static void
kill_thread(struct task *t)
{
  t->killed = true;
  signal_tell(t, SLEEP_KILLABLE);
}

void
threads_kill_locked(struct process *p, const struct task *spare)
{
  struct task *t;
  list_for(t, &p->threads, in_process)
    if(t != spare)
      kill_thread(t);
}

void
process_kill_locked(struct process *p, int status, const struct task *spare)
{
  if(p->exiting)
    return;
  p->exiting = true;
  p->exit_status = status;
  threads_kill_locked(p, spare);
}

// ---- What goes with a signal ----

void
siginfo_child(struct siginfo *si, u32 pid, u32 uid, int status)
{
  int low = status & 0x7f, high = status >> 8 & 0xff;
  *si = (struct siginfo){ .signo = SIGCHLD, .pid = pid, .uid = uid };
  si->code = status == WAIT_CONTINUED ? CLD_CONTINUED : low == 0x7f ? CLD_STOPPED :
             low ? CLD_KILLED : CLD_EXITED;
  si->status = status == WAIT_CONTINUED ? SIGCONT : low == 0 || low == 0x7f ? high : low;
}

// ---- Sending ----

static bool
takes(const struct task *t, int sig)
{
  return !(t->sig_blocked & ~t->sig_waited & signal_bit(sig)) &&
         (!t->process->stopped || sig == SIGKILL);
}

static struct task *
thread_that_takes(struct process *p, int sig)
{
  struct task *t;
  list_for(t, &p->threads, in_process)
    if(takes(t, sig))
      return t;
  return NULL;
}

// By t, or if that is NULL, by all threads of p.
static bool
is_blocked(const struct process *p, const struct task *t, int sig)
{
  if(t)
    return t->sig_blocked & signal_bit(sig);
  list_for(t, &p->threads, in_process)
    if(!(t->sig_blocked & signal_bit(sig)))
      return false;
  return true;
}

void
signals_flush(struct process *p, u64 set)
{
  struct task *t;
  sigpending_flush(&p->pending, set);
  list_for(t, &p->threads, in_process)
    sigpending_flush(&t->pending, set);
}

void
signals_retell(struct process *p)
{
  struct task *t;
  list_for(t, &p->threads, in_process)
    if(p->pending.set & ~(t->sig_blocked & ~t->sig_waited))
      signal_tell(t, SLEEP_SIGNALS);
}

static void
go_on(struct process *p)
{
  signals_flush(p, SIGNALS_STOP);
  if(!p->stopped)
    return;
  p->stopped = false;
  p->news = WAIT_CONTINUED;
  process_news(p);
  wake_all(&p->child_event);
}

// Does it end the process, as nobody has asked for anything else?
static bool
is_fatal(const struct process *p, const struct task *taker, int sig)
{
  return !(p->sig_handled & signal_bit(sig)) && !(SIGNALS_STOP & signal_bit(sig)) &&
         !(taker->sig_waited & signal_bit(sig));
}

int
signal_send_locked(struct process *p, struct task *t, const struct siginfo *si)
{
  int sig = si->signo;
  if(sig == SIGCONT)
    go_on(p);
  if(signal_bit(sig) & SIGNALS_STOP)
    signals_flush(p, signal_bit(SIGCONT));
  if(p->zombie || p->exiting)
    return 0;
  if((signals_dropped(p) & signal_bit(sig)) && !is_blocked(p, t, sig))
    return 0;
  struct task *taker = t ? (takes(t, sig) ? t : NULL) : thread_that_takes(p, sig);
  if(taker && is_fatal(p, taker, sig)){
    process_kill_locked(p, sig, NULL);
    return 0;
  }
  int err = sigpending_add(t ? &t->pending : &p->pending, si);
  if(taker && err == 0)
    signal_tell(taker, SLEEP_SIGNALS);
  return err;
}

void
signal_send_kernel(struct process *p, int sig)
{
  signal_send_locked(p, NULL, &(struct siginfo){ .signo = sig, .code = SI_KERNEL });
}

bool
signal_permitted(const struct process *p)
{
  u32 uid = current->process->uid;
  return uid == 0 || uid == p->uid;
}

int
signal_send_group_locked(u32 pgid, int sig)
{
  struct pid *group = pid_find(pgid);
  struct process *p;
  if(!group || list_empty(&group->group))
    return -ESRCH;
  list_for(p, &group->group, in_group)
    signal_send_kernel(p, sig);
  return 0;
}

void
signal_raise(int sig)
{
  struct process *p = current->process;
  bool on = spin_lock_irq(&family_lock);
  signal_send_locked(p, current, &(struct siginfo){ .signo = sig, .pid = p->pid, .uid = p->uid });
  spin_unlock_irq(&family_lock, on);
}
