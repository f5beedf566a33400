// SPDX-License-Identifier: MIT
//
// Receiving signals, on the way to user mode: each that is due is taken, and has
// its default action, or a frame is made for its handler on the user's stack.
//
// Lock: family_lock.  Masks are changed by their task only.

#include <machine.h>
#include <trapframe.h>
#include "kernel/errno.h"
#include "kernel/itimer.h"
#include "kernel/job.h"
#include "kernel/printk.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/signal.h"

// ---- What is due ----

u64
signals_deliverable(const struct task *t)
{
  return (t->pending.set | t->process->pending.set) & ~t->sig_blocked;
}

bool
signal_pending(void)
{
  struct task *t = current;
  struct process *p = t->process;
  return t->killed || p->stopped || p->frozen || t->fault.signo || t->sig_restore ||
         itimers_due(p) || signals_deliverable(t) != 0;
}

bool
signal_ignored(int sig)
{
  return (current->process->sig_ignored | current->sig_blocked) & signal_bit(sig);
}

// What the task blocks from now on others have to take.
static void
block_locked(struct task *t, u64 set)
{
  u64 more = set & ~t->sig_blocked;
  t->sig_blocked = set & ~SIGNALS_FORCED;
  if(signals_deliverable(t))
    atomic_or(&t->notify, NOTIFY_SIGNAL);
  if(t->process->pending.set & more)
    signals_retell(t->process);
}

void
signal_block(u64 set)
{
  bool on = spin_lock_irq(&family_lock);
  block_locked(current, set);
  spin_unlock_irq(&family_lock, on);
}

int
signal_mask_for_call(va_t va, u64 size)
{
  u64 set;
  if(size != sizeof set)
    return -EINVAL;
  if(copy_from_user(&set, va, sizeof set))
    return -EFAULT;
  current->sig_saved = current->sig_blocked;
  current->sig_restore = true;
  signal_block(set);
  return 0;
}

i64
signal_mask_back(i64 result)
{
  if(result != -EINTR && result != -ENOHANDLER){
    current->sig_restore = false;
    signal_block(current->sig_saved);
  }
  return result;
}

// ---- Default actions ----

static void
stop(struct process *p, int sig)
{
  if(sig != SIGSTOP && group_is_orphaned(p->pgid))
    return;
  p->stopped = true;
  p->news = WAIT_STOPPED(sig);
  process_news(p);
  struct task *t;
  list_for(t, &p->threads, in_process)
    if(t != current)
      signal_tell(t, SLEEP_SIGNALS);
}

static void
default_action(struct process *p, int sig)
{
  if(signals_dropped(p) & signal_bit(sig))
    return;
  if(signal_bit(sig) & SIGNALS_STOP)
    stop(p, sig);
  else
    process_kill_locked(p, sig, NULL);
}

// ---- Handlers ----

static bool
take_signal(struct task *t, struct siginfo *si)
{
  if(t->fault.signo){
    *si = t->fault;
    t->fault.signo = 0;
    return true;
  }
  bool taken = sigpending_take(&t->pending, ~t->sig_blocked, si) ||
               sigpending_take(&t->process->pending, ~t->sig_blocked, si);
  if(taken)
    trace(SIGNAL, si, 0);
  return taken;
}

// Take signals until one has a handler. => true, and which one; else nothing is due
static bool
next_handler(struct siginfo *si, struct sig_action *act)
{
  struct task *t = current;
  struct process *p = t->process;
  bool found = false;
  bool on = spin_lock_irq(&family_lock);
  atomic_and(&t->notify, ~(u32)NOTIFY_SIGNAL);
  itimers_send(p);
  while(!found && !t->killed){
    if(p->frozen){
      freeze_here(p);
    } else if(p->offer){
      break;
    } else if(p->stopped){
      wait_stopped(&p->child_event, &family_lock);
    } else if(!take_signal(t, si)){
      break;
    } else if(!(p->sig_handled & signal_bit(si->signo))){
      default_action(p, si->signo);
    } else {
      found = true;
      *act = p->actions[si->signo - 1];
      if(act->flags & SA_RESETHAND){
        p->actions[si->signo - 1].handler = SIG_DFL;
        p->sig_handled &= ~signal_bit(si->signo);
      }
    }
  }
  spin_unlock_irq(&family_lock, on);
  return found;
}

// The call that was interrupted is over, or is to be made again after the handler.
static void
settle_call(struct task *t, const struct sig_action *act)
{
  if(t->interrupted && !(t->interrupted == -EINTR && (act->flags & SA_RESTART)))
    tf_end_call(t->tf, -EINTR);
  t->interrupted = 0;
}

static void
enter(const struct siginfo *si, const struct sig_action *act)
{
  struct task *t = current;
  u64 own = act->flags & SA_NODEFER ? 0 : signal_bit(si->signo);
  settle_call(t, act);
  if(sigframe_push(si, act, t->sig_restore ? t->sig_saved : t->sig_blocked) < 0){
    if(si->signo == SIGSEGV)             // there is no telling it
      signal_set_action(SIGSEGV, &(struct sig_action){ SIG_DFL, 0, 0 }, &(struct sig_action){ 0 });
    user_fault_signal(SIGSEGV, SI_KERNEL, 0);
    return;
  }
  t->sig_restore = false;
  sigstack_disarm();
  signal_block(t->sig_blocked | act->mask | own);
}

void
signal_deliver(void)
{
  struct task *t = current;
  struct siginfo si;
  struct sig_action act;
  do {
    while(next_handler(&si, &act))
      enter(&si, &act);
    if(t->process->offer)
      offer_take();
    if(t->sig_restore){
      t->sig_restore = false;
      signal_block(t->sig_saved);
    }
  } while(!t->killed && signal_pending());
  if(t->killed)
    exit_killed();
}

// A fault cannot be ignored or put off: then it ends the process.
void
user_fault_signal(int sig, int code, va_t addr)
{
  struct task *t = current;
  struct process *p = t->process;
  struct siginfo si = { .signo = sig, .code = code, .addr = addr };
  trace(SIGNAL, &si, 0);
  bool on = spin_lock_irq(&family_lock);
  if((p->sig_handled & ~t->sig_blocked & signal_bit(sig)) && sig != SIGKILL){
    t->fault = si;
    atomic_or(&t->notify, NOTIFY_SIGNAL);
  } else {
    if(sig == SIGKILL && !p->exiting)          // for want of memory
      printk("killed process %u (%s): out of memory, and no other may be\n", p->pid, t->comm);
    process_kill_locked(p, sig, NULL);
  }
  spin_unlock_irq(&family_lock, on);
}
