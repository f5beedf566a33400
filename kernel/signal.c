// SPDX-License-Identifier: MIT
//
// Signals and their default actions: nothing, stop, continue, or end.  There are
// no handlers, so a signal that ends a process does so when it is sent: its
// threads are marked killed and woken, and go on their way to user mode.
//
// What is blocked waits in a pending set; what stops waits there too, until a
// thread meets it on the way to user mode.
//
// Lock: family_lock, for all of it.

#include "kernel/errno.h"
#include "kernel/pid.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/signal.h"

// ---- Telling a thread ----

static void
tell(struct task *t, enum sleep_kind kind)
{
  atomic_or(&t->notify, NOTIFY_SIGNAL);
  task_interrupt(t, kind);
}

static void
kill_thread(struct task *t)
{
  t->killed = true;
  tell(t, SLEEP_KILLABLE);
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

// Blocked signals wait, and so do all but SIGKILL while the process is stopped.
static bool
takes(const struct task *t, int sig)
{
  return !(t->sig_blocked & signal_bit(sig)) && (!t->process->stopped || sig == SIGKILL);
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

static void
go_on(struct process *p)
{
  p->sig_pending &= ~SIGNALS_STOP;
  if(!p->stopped)
    return;
  p->stopped = false;
  p->news = WAIT_CONTINUED;
  process_news(p);
  wake_all(&p->child_event);
}

// What a signal does the moment it is sent.  t: a thread that takes it.
static void
act(struct process *p, struct task *t, u64 *pending, int sig)
{
  if(signal_bit(sig) & SIGNALS_STOP){
    *pending |= signal_bit(sig);
    tell(t, SLEEP_SIGNALS);
  } else {
    process_kill_locked(p, sig, NULL);
  }
}

static bool
is_dropped(struct process *p, int sig)
{
  u64 dropped = (p->sig_ignored | SIGNALS_HARMLESS) & ~SIGNALS_FORCED;
  return p->zombie || p->exiting || p->immune || (dropped & signal_bit(sig));
}

void
signal_send_locked(struct process *p, int sig)
{
  if(sig == SIGCONT)
    go_on(p);
  if(is_dropped(p, sig))
    return;
  struct task *t = thread_that_takes(p, sig);
  if(t)
    act(p, t, &p->sig_pending, sig);
  else
    p->sig_pending |= signal_bit(sig);
}

void
signal_send_task_locked(struct task *t, int sig)
{
  if(sig == SIGCONT)
    go_on(t->process);
  if(is_dropped(t->process, sig))
    return;
  if(takes(t, sig))
    act(t->process, t, &t->sig_pending, sig);
  else
    t->sig_pending |= signal_bit(sig);
}

bool
signal_permitted(const struct process *p)
{
  u32 uid = current->process->uid;
  return uid == 0 || uid == p->uid;
}

int
signal_send(struct process *p, int sig)
{
  if(sig < 0 || sig > SIGNALS)
    return -EINVAL;
  bool on = spin_lock_irq(&family_lock);
  if(sig != 0)
    signal_send_locked(p, sig);
  spin_unlock_irq(&family_lock, on);
  return 0;
}

int
signal_send_group(u32 pgid, int sig)
{
  bool on = spin_lock_irq(&family_lock);
  struct pid *group = pid_find(pgid);
  bool empty = !group || list_empty(&group->group);
  if(!empty && sig != 0){
    struct process *p;
    list_for(p, &group->group, in_group)
      signal_send_locked(p, sig);
  }
  spin_unlock_irq(&family_lock, on);
  return empty ? -ESRCH : 0;
}

// ---- Receiving ----

static u64
deliverable(const struct task *t)
{
  return (t->sig_pending | t->process->sig_pending) & ~t->sig_blocked;
}

bool
signal_pending(void)
{
  return current->killed || current->process->stopped || deliverable(current) != 0;
}

bool
signal_ignored(int sig)
{
  u64 out = current->process->sig_ignored | current->sig_blocked;
  return out & signal_bit(sig);
}

void
signal_block(u64 set)
{
  struct task *t = current;
  bool on = spin_lock_irq(&family_lock);
  t->sig_blocked = set & ~SIGNALS_FORCED;
  if(deliverable(t))
    atomic_or(&t->notify, NOTIFY_SIGNAL);
  spin_unlock_irq(&family_lock, on);
}

void
signal_ignore(int sig, bool ignore)
{
  struct process *p = current->process;
  bool on = spin_lock_irq(&family_lock);
  if(ignore){
    p->sig_ignored |= signal_bit(sig);
    p->sig_pending &= ~signal_bit(sig);
    current->sig_pending &= ~signal_bit(sig);
  } else {
    p->sig_ignored &= ~signal_bit(sig);
  }
  spin_unlock_irq(&family_lock, on);
}

// The lowest signal that is due, no longer pending. => 0 if there is none
static int
take_signal(struct task *t)
{
  u64 due = deliverable(t);
  int sig = 1;
  if(due == 0)
    return 0;
  while(!(due & signal_bit(sig)))
    sig++;
  if(t->sig_pending & signal_bit(sig))
    t->sig_pending &= ~signal_bit(sig);
  else
    t->process->sig_pending &= ~signal_bit(sig);
  return sig;
}

// Nobody who could continue the group is left: no member's parent is in the same
// session but another group.
static bool
is_orphaned(u32 pgid)
{
  struct process *p;
  list_for(p, &pid_find(pgid)->group, in_group)
    if(p->parent && p->parent->pgid != pgid && p->parent->sid == p->sid)
      return false;
  return true;
}

static void
stop(struct process *p, int sig)
{
  if(sig != SIGSTOP && is_orphaned(p->pgid))
    return;
  p->stopped = true;
  p->news = WAIT_STOPPED(sig);
  process_news(p);
  struct task *t;
  list_for(t, &p->threads, in_process)
    if(t != current)
      tell(t, SLEEP_SIGNALS);
}

static void
default_action(struct process *p, int sig)
{
  if((p->sig_ignored | SIGNALS_HARMLESS) & ~SIGNALS_FORCED & signal_bit(sig))
    return;
  if(signal_bit(sig) & SIGNALS_STOP)
    stop(p, sig);
  else
    process_kill_locked(p, sig, NULL);
}

void
signal_deliver(void)
{
  struct task *t = current;
  struct process *p = t->process;
  bool on = spin_lock_irq(&family_lock);
  atomic_and(&t->notify, ~(u32)NOTIFY_SIGNAL);
  while(!t->killed){
    int sig;
    if(p->stopped)
      wait_stopped(&p->child_event, &family_lock);
    else if((sig = take_signal(t)) != 0)
      default_action(p, sig);
    else
      break;
  }
  spin_unlock_irq(&family_lock, on);
  if(t->killed)
    exit_killed();
}

// A fault cannot be ignored or put off.
void
user_fault_signal(int sig, int code, va_t addr)
{
  bool on = spin_lock_irq(&family_lock);
  process_kill_locked(current->process, sig, NULL);
  spin_unlock_irq(&family_lock, on);
}
