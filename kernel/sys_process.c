// SPDX-License-Identifier: MIT
//
// System calls about processes: life, family, identity.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/exec.h"
#include "kernel/files.h"
#include "kernel/fork.h"
#include "kernel/job.h"
#include "kernel/pid.h"
#include "kernel/printk.h"
#include "kernel/process.h"
#include "kernel/reap.h"
#include "kernel/rusage.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/string.h"
#include "kernel/syscall.h"
#include "kernel/user_path.h"
#include "fs/vfs.h"
#include "mm/slab.h"

// ---- Life ----

i64
sys_exit(const u64 *a)
{
  task_exit(WAIT_EXITED((int)a[0]));
}

i64
sys_exit_group(const u64 *a)
{
  process_exit(WAIT_EXITED((int)a[0]));
}

bool
frame_is_whole(void)
{
  if(atomic_and(&current->notify, ~(u32)NOTIFY_WHOLE) & NOTIFY_WHOLE)
    return true;
  atomic_or(&current->notify, NOTIFY_WHOLE);
  return false;
}

// riscv's order: flags, stack, parent_tid, tls, child_tid.
i64
sys_clone(const u64 *a)
{
  struct clone_args c = {
    .flags = (u32)a[0], .stack = a[1], .parent_tid = a[2], .tls = a[3], .child_tid = a[4],
  };
  return frame_is_whole() ? task_clone(&c) : -EFRAME;
}

// Linux's struct clone_args, which may be longer if the rest is 0.
i64
sys_clone3(const u64 *a)
{
  enum { FLAGS, PIDFD, CHILD_TID, PARENT_TID, EXIT_SIGNAL, STACK, STACK_SIZE, TLS, LATER };
  enum { MAX = 64 };
  u64 v[MAX] = { 0 };
  if(!frame_is_whole())
    return -EFRAME;
  if(a[1] < LATER * sizeof(u64) || a[1] > sizeof v)
    return a[1] > sizeof v ? -E2BIG : -EINVAL;
  if(copy_from_user(v, a[0], a[1]))
    return -EFAULT;
  for(u32 k = LATER; k < MAX; k++)
    if(v[k])
      return -E2BIG;
  if((v[FLAGS] & (CLONE_SIGNAL | CLONE_DETACHED)) || v[EXIT_SIGNAL] & ~(u64)CLONE_SIGNAL ||
     !v[STACK] != !v[STACK_SIZE])
    return -EINVAL;
  struct clone_args c = {
    .flags = v[FLAGS] | v[EXIT_SIGNAL], .stack = v[STACK] + v[STACK_SIZE],
    .parent_tid = v[PARENT_TID], .child_tid = v[CHILD_TID], .tls = v[TLS],
  };
  return task_clone(&c);
}

i64
sys_execve(const u64 *a)
{
  const u64 b[] = { (u64)AT_FDCWD, a[0], a[1], a[2], 0 };
  return sys_execveat(b);
}

// What is named from a descriptor on, or is one, is found below /proc, and known by
// that name.
i64
sys_execveat(const u64 *a)
{
  int dir = (int)a[0];
  if(a[4] & ~(u64)AT_EMPTY_PATH)
    return -EINVAL;
  char *path = kmalloc(PATH_MAX);
  if(!path)
    return -ENOMEM;
  char first = 0;
  bool from = dir != AT_FDCWD && copy_from_user(&first, a[1], 1) == 0 && first != '/';
  int n = from ? snprintk(path, PATH_MAX, "/proc/self/fd/%d%s", dir, first ? "/" : "") : 0;
  i64 r = copy_str_from_user(path + n, a[1], PATH_MAX - n);
  if(r == 0 && !(a[4] & AT_EMPTY_PATH))
    r = -ENOENT;
  if(r >= 0 && from && fd_get_cloexec(dir) < 0)
    r = -EBADF;
  if(r >= 0)
    r = exec_user(path, a[2], a[3]);
  kfree(path);
  return r;
}

static int
put_usage(va_t va, const struct child_news *n)
{
  struct rusage usage;
  rusage_set(&usage, &n->used);
  return va && copy_to_user(va, &usage, sizeof usage) ? -EFAULT : 0;
}

// pid: of one child, -1 any, 0 of the caller's group, or -pgid
i64
sys_wait4(const u64 *a)
{
  i32 which = (i32)a[0];
  u32 options = (u32)a[2];
  struct child_news n;
  if(options & ~(u32)(WNOHANG | WUNTRACED | WCONTINUED | WTHREADS))
    return -EINVAL;
  if((u32)which == 1U << 31)           // no number of a group
    return -ESRCH;
  int err = child_wait(which > 0 ? P_PID : which == -1 ? P_ALL : P_PGID,
                       which > 0 ? (u32)which : -(u32)which, options | WEXITED, &n);
  if(err || n.pid == 0)
    return err;
  if(a[1] && store_user_u32(a[1], (u32)n.status) < 0)
    return -EFAULT;
  err = put_usage(a[3], &n);
  return err ? err : (i64)n.pid;
}

i64
sys_waitid(const u64 *a)
{
  u32 kind = (u32)a[0], options = (u32)a[3];
  struct siginfo si = { 0 };
  struct child_news n;
  if((options & ~(u32)(WNOHANG | WSTOPPED | WEXITED | WCONTINUED | WNOWAIT | WTHREADS)) ||
     !(options & (WSTOPPED | WEXITED | WCONTINUED)))
    return -EINVAL;
  if(kind > P_PGID || (kind != P_ALL && (i32)a[1] < (kind == P_PID)))
    return -EINVAL;
  int err = child_wait(kind, (u32)a[1], options, &n);
  if(err)
    return err;
  if(n.pid != 0)
    siginfo_child(&si, n.pid, n.uid, n.status);
  if(a[2] && copy_to_user(a[2], &si, offsetof(struct siginfo, utime)))
    return -EFAULT;
  return n.pid ? put_usage(a[4], &n) : 0;
}

// ---- Identity ----

i64 sys_getpid(const u64 *a) { return current->process->pid; }
i64 sys_getppid(const u64 *a) { return current->process->ppid; }
i64 sys_gettid(const u64 *a) { return current->tid; }

// Who is root has all capabilities and keeps them, who is not has none (capget(2)).
enum { CAP_VERSION = 0x20080522 };

struct cap_header { u32 version, pid; };
struct cap_word { u32 effective, permitted, inheritable; };
struct cap_data { struct cap_word word[2]; };

static struct cap_data
capabilities(const struct process *p)
{
  u64 all = p->uid == 0 ? ALL_CAPS : 0;
  return (struct cap_data){ { { (u32)all, (u32)all, 0 }, { all >> 32, all >> 32, 0 } } };
}

// => 0; of a caller that asks which version there is, or knows another, it is told
static int
cap_version(va_t header, struct cap_header *h)
{
  if(copy_from_user(h, header, sizeof *h))
    return -EFAULT;
  if(h->version == CAP_VERSION)
    return 0;
  return store_user_u32(header, CAP_VERSION) ? -EFAULT : -EINVAL;
}

i64
sys_capget(const u64 *a)
{
  struct cap_header h;
  int e = cap_version(a[0], &h);
  if(e)
    return e == -EINVAL && a[1] == 0 ? 0 : e;
  struct task *t = task_find(h.pid ? h.pid : current->process->pid);
  if(t == NULL)
    return -ESRCH;
  struct cap_data d = capabilities(t->process);
  task_put(t);
  return copy_to_user(a[1], &d, sizeof d) ? -EFAULT : 0;
}

i64
sys_capset(const u64 *a)
{
  struct cap_header h;
  struct cap_data d, have = capabilities(current->process);
  int e = cap_version(a[0], &h);
  if(e)
    return e;
  if(copy_from_user(&d, a[1], sizeof d))
    return -EFAULT;
  u32 *high = &d.word[1].effective;
  for(u32 k = 0; k < sizeof d.word[1] / sizeof *high; k++)
    high[k] &= (u32)(ALL_CAPS >> 32);
  bool other = h.pid && h.pid != current->process->pid;
  return other || memcmp(&d, &have, sizeof d) ? -EPERM : 0;
}

i64
sys_set_tid_address(const u64 *a)
{
  current->clear_tid = a[0];
  return current->tid;
}

// ---- Groups and sessions ----

// The process with this pid, 0 = the caller's; family_lock held. => or NULL
static struct process *
process_of(u32 pid)
{
  if(pid == 0 || pid == current->process->pid)
    return current->process;
  struct pid *n = pid_find(pid);
  return n && n->task && n->task->process->pid == pid ? n->task->process : NULL;
}

i64
sys_setpgid(const u64 *a)
{
  i64 r = -ESRCH;
  if((i32)((u32)a[1] ? a[1] : a[0]) < 0)
    return -EINVAL;
  bool on = spin_lock_irq(&family_lock);
  struct process *p = process_of((u32)a[0]), *me = current->process;
  if(p && (p == me || p->parent == me))
    r = p != me && p->execed ? -EACCES : process_set_group(p, a[1] ? (u32)a[1] : p->pid);
  spin_unlock_irq(&family_lock, on);
  return r;
}

static i64
number_of(u64 pid, bool session)
{
  bool on = spin_lock_irq(&family_lock);
  struct process *p = process_of((u32)pid);
  i64 r = p ? (i64)(session ? p->sid : p->pgid) : -ESRCH;
  spin_unlock_irq(&family_lock, on);
  return r;
}

i64 sys_getpgid(const u64 *a) { return number_of(a[0], false); }
i64 sys_getsid(const u64 *a) { return number_of(a[0], true); }

i64
sys_setsid(const u64 *a)
{
  struct process *p = current->process;
  bool on = spin_lock_irq(&family_lock);
  i64 r = process_new_session(p);
  spin_unlock_irq(&family_lock, on);
  return r ? r : p->sid;
}

// ---- The rest ----

enum {
  PR_SET_PDEATHSIG = 1, PR_GET_PDEATHSIG = 2, PR_SET_NAME = 15, PR_GET_NAME = 16,
  PR_SET_CHILD_SUBREAPER = 36, PR_GET_CHILD_SUBREAPER = 37,
};

i64
sys_prctl(const u64 *a)
{
  struct task *t = current;
  char name[sizeof t->comm] = { 0 };
  switch((int)a[0]){
  case PR_SET_PDEATHSIG:
    if(a[1] > SIGNALS)
      return -EINVAL;
    t->process->death_signal = a[1];
    return 0;
  case PR_SET_CHILD_SUBREAPER:
    t->process->adopts = a[1] != 0;
    return 0;
  case PR_GET_CHILD_SUBREAPER:
    return store_user_u32(a[1], t->process->adopts);
  case PR_GET_PDEATHSIG:
    return store_user_u32(a[1], t->process->death_signal);
  case PR_SET_NAME: {
    i64 n = copy_str_from_user(name, a[1], sizeof name - 1);
    if(n == -EFAULT)
      return n;
    strlcpy(t->comm, name, sizeof t->comm);
    return 0;
  }
  case PR_GET_NAME:
    strlcpy(name, t->comm, sizeof name);
    return copy_to_user(a[1], name, sizeof name) ? -EFAULT : 0;
  default:
    return -EINVAL;
  }
}
