// SPDX-License-Identifier: MIT
//
// System calls about the signal mask, and waiting for signals.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/timespec.h"

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
  u64 set = (current->pending.set | current->process->pending.set) & current->sig_blocked;
  if(a[1] > sizeof set)
    return -EINVAL;
  return copy_to_user(a[0], &set, a[1]) ? -EFAULT : 0;
}

i64
sys_rt_sigsuspend(const u64 *a)
{
  struct waitq q = WAITQ_INIT(q);
  int err = signal_mask_for_call(a[0], a[1]);
  if(err)
    return err;
  while(wait_intr(&q, NULL) == 0)
    ;
  return -ENOHANDLER;
}

// Take a signal of the set, or wait until there is one. => 0, -EINTR or -EAGAIN
static int
take_or_wait(u64 set, u64 deadline, struct siginfo *si)
{
  struct task *t = current;
  struct waitq q = WAITQ_INIT(q);
  int err = 0;
  bool on = spin_lock_irq(&family_lock);
  t->sig_waited = set;
  while(!sigpending_take(&t->pending, set, si) &&
        !sigpending_take(&t->process->pending, set, si)){
    if(err == 0 && signal_pending())
      err = -EINTR;
    if(err)
      break;
    atomic_and(&t->notify, ~(u32)NOTIFY_SIGNAL);
    err = wait_until(&q, &family_lock, deadline);
    if(err == -EINTR)
      err = 0;                     // for one of the set, perhaps
    else if(err == -ETIMEDOUT)
      err = -EAGAIN;
  }
  t->sig_waited = 0;
  atomic_or(&t->notify, NOTIFY_SIGNAL);
  spin_unlock_irq(&family_lock, on);
  return err;
}

// Interrupted, it goes on with the same deadline.
i64
sigwait_on(const struct restart *r)
{
  struct siginfo si;
  current->restart = *r;
  int err = take_or_wait(r->bits & ~SIGNALS_FORCED, r->deadline, &si);
  if(err)
    return err == -EINTR ? -ERESTART : err;
  if(r->va && (zero_user(r->va, SIGINFO_SIZE) || copy_to_user(r->va, &si, sizeof si)))
    return -EFAULT;
  return si.signo;
}

i64
sys_rt_sigtimedwait(const u64 *a)
{
  struct restart r = { .fn = sigwait_on, .va = a[1] };
  if(a[3] != sizeof r.bits)
    return -EINVAL;
  if(copy_from_user(&r.bits, a[0], sizeof r.bits))
    return -EFAULT;
  int err = timespec_get_deadline(a[2], &r.deadline);
  return err ? err : sigwait_on(&r);
}
