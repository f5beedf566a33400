// SPDX-License-Identifier: MIT
//
// System calls about signals.  Handlers cannot be installed yet: rt_sigaction
// knows SIG_DFL and SIG_IGN and answers -ENOSYS to the rest.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/pid.h"
#include "kernel/process.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"

// ---- Sending ----

static bool
signal_valid(int sig)
{
  return sig >= 0 && sig <= SIGNALS;
}

// family_lock held. => 0 or -EPERM
static int
send_to(struct process *p, int sig)
{
  if(!signal_permitted(p))
    return -EPERM;
  if(sig != 0)
    signal_send_locked(p, sig);
  return 0;
}

static int
send_to_group(u32 pgid, int sig)
{
  struct pid *group = pid_find(pgid);
  int err = -ESRCH;
  if(!group)
    return err;
  struct process *p;
  list_for(p, &group->group, in_group)
    if(send_to(p, sig) == 0)
      err = 0;
    else if(err)
      err = -EPERM;
  return err;
}

// All but init and the caller.
static int
send_to_all(int sig)
{
  int err = -ESRCH;
  for(struct pid *n = pid_next(2); n; n = pid_next(n->nr + 1)){
    struct process *p = n->task ? n->task->process : NULL;
    if(p && p->pid == n->nr && p != current->process && send_to(p, sig) == 0)
      err = 0;
  }
  return err;
}

static int
send_to_pid(u32 pid, int sig)
{
  struct pid *n = pid_find(pid);
  if(!n || !n->task)
    return -ESRCH;
  return send_to(n->task->process, sig);
}

i64
sys_kill(const u64 *a)
{
  i32 which = (i32)a[0];
  int sig = (int)a[1];
  if(!signal_valid(sig))
    return -EINVAL;
  bool on = spin_lock_irq(&family_lock);
  int err;
  if(which > 0)
    err = send_to_pid((u32)which, sig);
  else if(which == -1)
    err = send_to_all(sig);
  else
    err = send_to_group(which == 0 ? current->process->pgid : (u32)-which, sig);
  spin_unlock_irq(&family_lock, on);
  return err;
}

// tgid 0: of any process.
static int
send_to_thread(u32 tgid, i32 tid, int sig)
{
  int err = -ESRCH;
  if(tid <= 0 || !signal_valid(sig))
    return -EINVAL;
  bool on = spin_lock_irq(&family_lock);
  struct pid *n = pid_find((u32)tid);
  struct task *t = n ? n->task : NULL;
  if(t && (tgid == 0 || t->process->pid == tgid)){
    err = signal_permitted(t->process) ? 0 : -EPERM;
    if(err == 0 && sig != 0)
      signal_send_task_locked(t, sig);
  }
  spin_unlock_irq(&family_lock, on);
  return err;
}

i64
sys_tkill(const u64 *a)
{
  return send_to_thread(0, (i32)a[0], (int)a[1]);
}

i64
sys_tgkill(const u64 *a)
{
  return (i32)a[0] <= 0 ? -EINVAL : send_to_thread((u32)a[0], (i32)a[1], (int)a[2]);
}

// ---- Receiving ----

struct sigaction { u64 handler, flags, mask; };

i64
sys_rt_sigaction(const u64 *a)
{
  int sig = (int)a[0];
  if(sig < 1 || sig > SIGNALS || a[3] != sizeof(u64))
    return -EINVAL;
  struct sigaction act = { 0 }, old = {
    .handler = current->process->sig_ignored & signal_bit(sig) ? SIG_IGN : SIG_DFL,
  };
  if(a[1]){
    if(copy_from_user(&act, a[1], sizeof act))
      return -EFAULT;
    if(act.handler != SIG_DFL && act.handler != SIG_IGN)
      return -ENOSYS;
    if(signal_bit(sig) & SIGNALS_FORCED)
      return -EINVAL;
    signal_ignore(sig, act.handler == SIG_IGN);
  }
  if(a[2] && copy_to_user(a[2], &old, sizeof old))
    return -EFAULT;
  return 0;
}

enum { SIG_BLOCK = 0, SIG_UNBLOCK = 1, SIG_SETMASK = 2 };

i64
sys_rt_sigprocmask(const u64 *a)
{
  u64 old = current->sig_blocked, set;
  if(a[3] != sizeof set)
    return -EINVAL;
  if(a[1]){
    if(copy_from_user(&set, a[1], sizeof set))
      return -EFAULT;
    switch((int)a[0]){
    case SIG_BLOCK:
      signal_block(old | set);
      break;
    case SIG_UNBLOCK:
      signal_block(old & ~set);
      break;
    case SIG_SETMASK:
      signal_block(set);
      break;
    default:
      return -EINVAL;
    }
  }
  return a[2] && copy_to_user(a[2], &old, sizeof old) ? -EFAULT : 0;
}

i64
sys_rt_sigpending(const u64 *a)
{
  u64 set = (current->sig_pending | current->process->sig_pending) & current->sig_blocked;
  if(a[1] > sizeof set)
    return -EINVAL;
  return copy_to_user(a[0], &set, a[1]) ? -EFAULT : 0;
}
