// SPDX-License-Identifier: MIT
//
// System calls about signals.

#include <machine.h>
#include <trapframe.h>
#include "kernel/errno.h"
#include "kernel/pid.h"
#include "kernel/printk.h"
#include "kernel/process.h"
#include "kernel/signal.h"
#include "kernel/string.h"
#include "kernel/syscall.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/space.h"

// ---- Sending ----

static bool
signal_valid(int sig)
{
  return sig >= 0 && sig <= SIGNALS;
}

// What the current task says of a signal it sends.
static struct siginfo
from_me(int sig, int code)
{
  const struct process *p = current->process;
  return (struct siginfo){ .signo = sig, .code = code, .pid = p->pid, .uid = p->uid };
}

// family_lock held; signal 0 is only a question. => 0, -EPERM or -EAGAIN
static int
send_to(struct process *p, const struct siginfo *si)
{
  if(!signal_permitted(p) && !(si->signo == SIGCONT && p->sid == current->process->sid))
    return -EPERM;
  return si->signo ? signal_send_locked(p, NULL, si) : 0;
}

static int
send_to_group(u32 pgid, const struct siginfo *si)
{
  struct pid *group = pid_find(pgid);
  int err = -ESRCH;
  if(!group)
    return err;
  struct process *p;
  list_for(p, &group->group, in_group)
    if(send_to(p, si) == 0)
      err = 0;
    else if(err)
      err = -EPERM;
  return err;
}

// All but init and the caller.
static int
send_to_all(const struct siginfo *si)
{
  int err = -ESRCH;
  for(struct pid *n = pid_next(2); n; n = pid_next(n->nr + 1)){
    struct process *p = n->task ? n->task->process : NULL;
    if(p && p->pid == n->nr && p != current->process && send_to(p, si) == 0)
      err = 0;
  }
  return err;
}

static int
send_to_pid(u32 pid, const struct siginfo *si)
{
  struct pid *n = pid_find(pid);
  if(!n || !n->task)
    return -ESRCH;
  return send_to(n->task->process, si);
}

i64
sys_kill(const u64 *a)
{
  i32 which = (i32)a[0];
  struct siginfo si = from_me((int)a[1], SI_USER);
  int err;
  if(!signal_valid(si.signo))
    return -EINVAL;
  bool on = spin_lock_irq(&family_lock);
  if(which > 0)
    err = send_to_pid((u32)which, &si);
  else if(which == -1)
    err = send_to_all(&si);
  else
    err = send_to_group(which == 0 ? current->process->pgid : -(u32)which, &si);
  spin_unlock_irq(&family_lock, on);
  return err;
}

// tgid 0: of any process.
static int
send_to_thread(u32 tgid, i32 tid, const struct siginfo *si)
{
  int err = -ESRCH;
  if(tid <= 0 || !signal_valid(si->signo))
    return -EINVAL;
  bool on = spin_lock_irq(&family_lock);
  struct pid *n = pid_find((u32)tid);
  struct task *t = n ? n->task : NULL;
  if(t && (tgid == 0 || t->process->pid == tgid)){
    err = signal_permitted(t->process) ? 0 : -EPERM;
    if(err == 0 && si->signo != 0)
      err = signal_send_locked(t->process, t, si);
  }
  spin_unlock_irq(&family_lock, on);
  return err;
}

i64
sys_tkill(const u64 *a)
{
  struct siginfo si = from_me((int)a[1], SI_TKILL);
  return send_to_thread(0, (i32)a[0], &si);
}

i64
sys_tgkill(const u64 *a)
{
  struct siginfo si = from_me((int)a[2], SI_TKILL);
  return (i32)a[0] <= 0 ? -EINVAL : send_to_thread((u32)a[0], (i32)a[1], &si);
}

// What a program says itself; others must not take it for the kernel's or kill's word.
static int
get_siginfo(struct siginfo *si, va_t va, int sig, u32 pid)
{
  if(copy_from_user(si, va, sizeof *si))
    return -EFAULT;
  si->signo = sig;
  return (si->code >= 0 || si->code == SI_TKILL) && pid != current->process->pid ? -EPERM : 0;
}

i64
sys_rt_sigqueueinfo(const u64 *a)
{
  struct siginfo si;
  int err = get_siginfo(&si, a[2], (int)a[1], (u32)a[0]);
  if(err == 0 && ((i32)a[0] <= 0 || !signal_valid(si.signo)))
    err = (i32)a[0] <= 0 ? -ESRCH : -EINVAL;
  if(err)
    return err;
  bool on = spin_lock_irq(&family_lock);
  err = send_to_pid((u32)a[0], &si);
  spin_unlock_irq(&family_lock, on);
  return err;
}

i64
sys_rt_tgsigqueueinfo(const u64 *a)
{
  struct siginfo si;
  if((i32)a[0] <= 0)
    return -EINVAL;
  int err = get_siginfo(&si, a[3], (int)a[2], (u32)a[0]);
  return err ? err : send_to_thread((u32)a[0], (i32)a[1], &si);
}

// ---- Actions ----

static struct object *trampoline;

// One page for all programs, which the first handler of each space maps.
void
signal_start(void)
{
  struct frame *f;
  trampoline = object_create_anon(PAGE_SIZE);
  if(!trampoline || object_page(trampoline, 0, &f) < 0)
    panic("no memory for the signal trampoline");
  memcpy(frame_kva(f), sigframe_trampoline, sizeof sigframe_trampoline);
  object_mark_dirty(trampoline, f);
  pmap_fence_exec();
}

// Threads may come here together: then one mapping is left unused.
int
signal_map_trampoline(struct space *s, va_t va)
{
  object_get(trampoline);
  i64 at = vm_map(s, va, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED | (va ? MAP_FIXED : 0),
                  trampoline, 0, NULL);
  if(at >= 0)
    s->trampoline = (va_t)at;
  return at < 0 ? (int)at : 0;
}

i64
sys_rt_sigaction(const u64 *a)
{
  int sig = (int)a[0];
  struct sig_action act, old;
  if(sig < 1 || sig > SIGNALS || a[3] != sizeof(u64))
    return -EINVAL;
  if(a[1]){
    if(copy_from_user(&act, a[1], sizeof act))
      return -EFAULT;
    if(signal_bit(sig) & SIGNALS_FORCED)
      return -EINVAL;
  }
  struct space *s = current->space;
  int err = a[1] && act.handler > SIG_IGN && !s->trampoline ? signal_map_trampoline(s, 0) : 0;
  if(err == 0)
    err = signal_set_action(sig, a[1] ? &act : NULL, &old);
  if(err)
    return err;
  return a[2] && copy_to_user(a[2], &old, sizeof old) ? -EFAULT : 0;
}

i64
sys_rt_sigreturn(const u64 *a)
{
  u64 mask;
  current->restart.fn = NULL;
  if(sigframe_pop(&mask) < 0)
    user_fault_signal(SIGSEGV, SI_KERNEL, 0);
  else
    signal_block(mask);
  return 0;
}

i64
sys_sigaltstack(const u64 *a)
{
  va_t sp = current->tf->sp;
  struct sig_stack new, old = sigstack_get(sp);
  if(a[0]){
    if(copy_from_user(&new, a[0], sizeof new))
      return -EFAULT;
    int err = sigstack_set(&new, sp);
    if(err)
      return err;
  }
  return a[1] && copy_to_user(a[1], &old, sizeof old) ? -EFAULT : 0;
}
