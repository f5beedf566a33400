// SPDX-License-Identifier: MIT
//
// restore: the current process is to become one that a checkpoint file tells of, with the
// open files and the current directory that it has, which the program has set up for it.
// All is read, checked and built beside what there is, and waits behind a descriptor.
//
// become: it does.  Nothing can fail any more; so those that belong together wait until all
// have come that far.
//
// Lock: family_lock, while the process changes.

#include <machine.h>
#include <trapframe.h>
#include "kernel/checkpoint/checkpoint.h"
#include "kernel/errno.h"
#include "kernel/exec.h"
#include "kernel/files.h"
#include "kernel/printk.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/string.h"
#include "kernel/syscall.h"
#include "kernel/timespec.h"
#include "mm/local.h"
#include "mm/object.h"
#include "mm/slab.h"
#include "mm/space.h"

enum { SHARED_MAX = 1 << 16 };

struct restore {
  struct ck_plan plan;
  int fd[CK_FILES_MAX];
  struct file *file[CK_FILES_MAX];       // referenced, until pages_open has them
  struct ck_shared *shared;
  struct ck_header header;
  void *records;
  const struct ck_process *process;      // in these, the one to become
  struct runs runs;
  struct space *space;
  struct task **thread;                  // but for the first
  u32 nthreads;
  char why[WHY];
};

static int __attribute__((format(printf, 3, 4)))
refuse(struct restore *x, int err, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  vsnprintk(x->why, sizeof x->why, fmt, ap);
  va_end(ap);
  return err;
}

static void
restore_free(struct restore *x)
{
  for(u32 i = 0; i < x->plan.nfiles; i++)
    file_put(x->file[i]);
  for(u32 i = 0; i < x->nthreads; i++){
    process_unreserve(x->thread[i]);
    task_release(x->thread[i]);
  }
  if(x->space)
    space_put(x->space);
  kfree(x->shared);
  kfree(x->thread);
  kfree(x->records);
  runs_free(&x->runs);
  kfree(x);
}

// ---- Reading ----

static bool
in_file(const struct restore *x, const struct ck_part *part)
{
  enum { PART_MAX = 64 * MiB };
  u64 size = x->file[0]->inode->object.size;
  return part->bytes % 8 == 0 && part->bytes <= PART_MAX && part->offset <= size &&
         part->bytes <= size - part->offset;
}

static int
read_records(struct restore *x)
{
  const struct ck_part *part = &x->header.records;
  if(!in_file(x, part))
    return refuse(x, -EINVAL, "the records are not in the file");
  if((x->records = kmalloc(max(part->bytes, 8UL))) == NULL)
    return -ENOMEM;
  i64 n = file_read_kernel(x->file[0], x->records, part->bytes, part->offset);
  if((u64)n != part->bytes || ck_sum(x->records, part->bytes) != part->sum)
    return n < 0 ? (int)n : refuse(x, -EINVAL, "the records are damaged");
  return 0;
}

// Of the process; its own is before all others.
static const struct ck_record *
next_record(const struct restore *x, const struct ck_record *r, u32 type)
{
  const char *end = (const char *)x->records + x->header.records.bytes;
  r = r ? r : &x->process->record;
  for(const char *p = (const char *)r + r->bytes; p < end; p += r->bytes){
    r = (const struct ck_record *)p;
    if(r->type == type || r->type == CK_PROCESS)
      return r->type == type ? r : NULL;
  }
  return NULL;
}

#define each_record(x, kind, r) \
  r = NULL; (r = (const void *)next_record(x, (const struct ck_record *)r, kind)) != NULL;

// Are records as long as they should be, and their paths ended?  Then the process is
// looked for.
static bool
records_ok(struct restore *x)
{
  static const struct { u32 bytes; bool path; } known[] = {
    [CK_PROCESS] = { sizeof(struct ck_process), true },
    [CK_TASK] = { sizeof(struct ck_task), false },
    [CK_AREA] = { sizeof(struct ck_area), true },
    [CK_FILE] = { sizeof(struct ck_file), true },
    [CK_SIGNAL] = { sizeof(struct ck_signal), false },
    [CK_PIPE] = { sizeof(struct ck_pipe), false },
    [CK_LOCK] = { sizeof(struct ck_lock), false },
  };
  const char *p = x->records;
  u32 processes = 0;
  for(u64 left = x->header.records.bytes; left > 0;){
    const struct ck_record *r = (const struct ck_record *)p;
    if(left < sizeof *r || r->bytes > left || r->bytes % 8 || r->type >= count_of(known) ||
       known[r->type].bytes == 0 || r->bytes < known[r->type].bytes ||
       (known[r->type].path && r->bytes > known[r->type].bytes && p[r->bytes - 1]))
      return false;
    if(r->type == CK_PROCESS && processes++ == x->plan.process)
      x->process = (const struct ck_process *)r;
    p += r->bytes;
    left -= r->bytes;
  }
  return x->process && next_record(x, NULL, CK_TASK) &&
         x->process->exe < x->process->record.bytes - sizeof *x->process;
}

// Runs [i, i + n) of all; those of the process are kept.  *sum goes on.
static int
read_some_runs(struct restore *x, struct ck_run *some, u64 i, u64 n, u64 *sum)
{
  u64 first = x->process->first_run, bytes = n * sizeof *some;
  i64 got = file_read_kernel(x->file[0], some, bytes, x->header.runs.offset + i * sizeof *some);
  if(got != (i64)bytes)
    return got < 0 ? (int)got : -EIO;
  *sum = ck_sum_on(*sum, some, bytes);
  for(u64 k = 0; k < n; k++)
    if(i + k >= first && i + k - first < x->runs.n)
      *run_at(&x->runs, i + k - first) = some[k];
  return 0;
}

static int
read_runs(struct restore *x)
{
  const struct ck_part *part = &x->header.runs;
  const struct ck_process *p = x->process;
  u64 all = part->bytes / sizeof(struct ck_run), sum = part->bytes;
  if(!in_file(x, part) || part->bytes % sizeof(struct ck_run))
    return refuse(x, -EINVAL, "the runs of pages are not in the file");
  if(p->first_run > all || p->nruns > all - p->first_run)
    return refuse(x, -EINVAL, "the records make no sense");
  struct ck_run *some = kmalloc(PAGE_SIZE);
  int err = some ? runs_make(&x->runs, p->nruns) : -ENOMEM;
  for(u64 i = 0; i < all && err == 0; i += RUNS_A_PAGE)
    err = read_some_runs(x, some, i, min(all - i, (u64)RUNS_A_PAGE), &sum);
  kfree(some);
  if(err == 0 && sum != part->sum)
    return refuse(x, -EINVAL, "the runs of pages are damaged");
  return err;
}

static int
read_file(struct restore *x)
{
  struct ck_header *h = &x->header;
  i64 n = file_read_kernel(x->file[0], h, sizeof *h, 0);
  if(n != sizeof *h || memcmp(h->magic, CK_MAGIC, sizeof h->magic) != 0)
    return n < 0 ? (int)n : refuse(x, -EINVAL, "it is no checkpoint");
  if(h->version != CK_VERSION)
    return refuse(x, -EINVAL, "it is of version %u, not %u", h->version, CK_VERSION);
  if(ck_sum(h, offsetof(struct ck_header, sum)) != h->sum)
    return refuse(x, -EINVAL, "its header is damaged");
  int err = read_records(x);
  if(err == 0 && !records_ok(x))
    err = refuse(x, -EINVAL, "the records make no sense");
  return err ? err : read_runs(x);
}

// ---- Memory ----

static int
open_mapped(struct restore *x, const struct ck_area *r, struct file **f)
{
  int err = vfs_open(NULL, r->path, r->open & O_ACCMODE, 0, f);
  if(err)
    return refuse(x, err, "%s, which it maps, cannot be opened", r->path);
  struct inode *i = (*f)->inode;
  bool same = i->object.size == r->size &&
              (u64)i->mtime.sec * SECOND + (u64)i->mtime.nsec == r->mtime;
  if(S_ISREG(i->mode) && (*f)->ops->map && ((r->flags & AREA_SHARED) || same))
    return 0;
  file_put(*f);
  return refuse(x, -EINVAL, "%s, which it maps, has changed", r->path);
}

// => referenced, or NULL
static struct object *
shared_object(const struct restore *x, u64 number)
{
  u64 offset;
  for(u32 i = 0; i < x->plan.nshared; i++)
    if(x->shared[i].number == number)
      return vm_object_at(current->space, x->shared[i].at, &offset);
  return NULL;
}

static int
map_area(struct restore *x, const struct ck_area *r)
{
  struct file *f = NULL;
  struct object *o = NULL;
  u32 flags = MAP_FIXED | MAP_NORESERVE | (r->flags & AREA_SHARED ? MAP_SHARED : MAP_PRIVATE);
  if(r->flags & AREA_MAYWRITE)
    flags |= MAP_MAYWRITE;
  if(r->start >= r->end || r->start == 0)
    return -EINVAL;
  if(r->kind == CK_TRAMPOLINE)
    return signal_map_trampoline(x->space, r->start);
  int err = r->kind == CK_OF_FILE ? open_mapped(x, r, &f) : 0;
  if(err)
    return err;
  if(f)
    o = f->ops->map(f);
  else if(r->shared && (o = shared_object(x, r->shared)) == NULL)
    return refuse(x, -EINVAL, "what it shares at %lx is not there", r->start);
  i64 at = vm_map(x->space, r->start, r->end - r->start, r->prot & 7, flags, o,
                  o ? r->offset : 0, f);
  u32 more = r->flags & (AREA_STACK | AREA_HEAP | AREA_LOCKED | AREA_ONFAULT);
  if(at >= 0 && more)
    at = vm_change_flags(x->space, r->start, r->end - r->start, 0, more, NULL);
  return at < 0 ? (int)at : 0;
}

static int
set_up_space(struct restore *x)
{
  const struct ck_process *p = x->process;
  struct space *s = x->space;
  if(p->brk_start > p->brk || p->brk > USER_TOP)
    return -EINVAL;
  s->brk_start = p->brk_start;
  s->brk = p->brk;
  s->mmap_top = min(p->mmap_top, USER_TOP);
  s->stack_limit = page_up(min(p->stack_limit, USER_TOP));
  s->size_max = p->size_max;
  s->heap_max = p->heap_max;
  s->stack_start = p->stack_start;
  s->arg_start = p->arg_start;
  s->arg_end = p->arg_end;
  s->env_start = p->env_start;
  s->env_end = p->env_end;
  s->future = p->future & (AREA_LOCKED | AREA_ONFAULT);
  s->oom_score_adj = max(-1000, min((i32)p->oom_adj, 1000));
  const char *exe = p->path + p->exe;
  if(*exe && vfs_open(NULL, exe, O_RDONLY, 0, &s->exe))
    s->exe = NULL;                     // nobody needs it to run
  return 0;
}

static int
build_space(struct restore *x)
{
  const struct ck_area *r;
  struct page_store *pages;
  int err = (x->space = space_create()) == NULL ? -ENOMEM : 0;
  if(err)
    return err;
  if(x->plan.name_bytes)
    err = name_from_user(x->plan.name, x->plan.name_bytes, &x->space->saved_as);
  if(err)
    return err;
  for(each_record(x, CK_AREA, r))
    if((err = map_area(x, r)))
      return x->why[0] ? err : refuse(x, err, "there is no room for memory at %lx", r->start);
  err = pages_open(x->file, x->plan.nfiles, &x->runs, &pages);
  memset(x->file, 0, sizeof x->file);
  if(err == 0)
    err = pages_enter(pages, x->space);
  if(err == -EINVAL)
    return refuse(x, err, "the runs of pages make no sense");
  return err ? err : set_up_space(x);
}

// ---- Tasks ----

// => NULL: it begins anew
static i64 (*restart_of(u64 call))(const struct restart *)
{
  return call == SYS_nanosleep || call == SYS_clock_nanosleep ? sleep_on :
         call == SYS_futex ? wait_on_until : call == SYS_rt_sigtimedwait ? sigwait_on : NULL;
}

// A call that had begun goes on, for the time that was left: as restart_syscall would.
static void __attribute__((noreturn))
go_on(void *unused)
{
  struct task *t = current;
  signal_deliver();
  while(t->interrupted == -ERESTART && t->restart.fn){
    i64 r = t->restart.fn(&t->restart);
    t->interrupted = r == -ERESTART || r == -EINTR ? (i32)r : 0;
    if(t->interrupted)
      signal_deliver();
    else
      tf_end_call(t->tf, r);
  }
  t->interrupted = 0;
  user_enter();
}

static void
set_up_task(struct task *t, const struct ck_task *r)
{
  *t->tf = (struct trapframe){ .pc = r->regs[0], .task = t };
  for(u32 k = 1; k < TF_REGISTERS; k++)
    *tf_slot(t->tf, k) = r->regs[k];
  t->fp_used = r->fp_used && machine.fpu;
  memcpy(t->fp, r->fp, sizeof t->fp);
  t->sig_blocked = r->blocked & ~SIGNALS_FORCED;
  t->sig_saved = r->saved;
  t->sig_restore = r->masked;
  t->interrupted = -(i32)r->interrupted;
  t->sigstack = (struct sig_stack){ r->stack_sp, (u32)r->stack_flags, r->stack_size };
  t->clear_tid = r->clear_tid;
  t->robust_list = r->robust_list;
  t->restart = (struct restart){
    .fn = restart_of(r->regs[17]),
    .deadline = r->restart_left == NEVER ? NEVER : machine_time_ns() + r->restart_left,
    .va = r->restart_va, .value = r->restart_value, .bits = r->restart_bits,
  };
  memcpy(t->comm, r->name, sizeof t->comm - 1);
  int least = current->process->uid ? current->nice : NICE_MIN;
  task_set_nice(t, max(min((int)r->nice, NICE_MAX), least));
  atomic_or(&t->notify, NOTIFY_SIGNAL);  // it may be stopped, or a signal may have come already
}

// Those that wait to be taken by t, or (NULL) by any thread.
static void
send_signals(struct restore *x, struct task *t, u32 tid)
{
  const struct ck_signal *r;
  struct siginfo si;
  bool on = spin_lock_irq(&family_lock);
  for(each_record(x, CK_SIGNAL, r)){
    memcpy(&si, r->info, sizeof si);
    if(r->tid == tid && si.signo > 0 && si.signo <= SIGNALS)
      signal_send_locked(current->process, t, &si);
  }
  spin_unlock_irq(&family_lock, on);
}

static int
make_threads(struct restore *x)
{
  const struct ck_task *r;
  u32 n = 0;
  for(each_record(x, CK_TASK, r))
    n++;
  if((x->thread = kzalloc(n * sizeof *x->thread)) == NULL)
    return -ENOMEM;
  r = (const void *)next_record(x, NULL, CK_TASK);
  while((r = (const void *)next_record(x, &r->record, CK_TASK)) != NULL){
    struct task *t = task_create("");
    if(t == NULL)
      return -ENOMEM;
    if(process_reserve(t, r->tid) != 0){
      task_release(t);
      return refuse(x, -EAGAIN, "there is no number for a thread");
    }
    x->thread[x->nthreads++] = t;
  }
  return 0;
}

// => 0, or -EINTR: somebody is killing us
static int
start_thread(struct restore *x, struct task *t, const struct ck_task *r)
{
  struct task *me = current;
  process_get(t->process = me->process);
  files_get(t->files = me->files);
  fs_pos_get(t->fs = me->fs);
  space_get(t->space = me->space);
  context_init_kernel(t, go_on, NULL);
  set_up_task(t, r);
  if(t->tid != r->tid)
    process_reserve(t, r->tid);        // a thread of what we were until now may have had it
  int err = process_enter(t, 0, NULL);
  if(err == 0){
    send_signals(x, t, r->tid);
    task_start(t);
  } else {
    process_unreserve(t);
    task_release(t);
  }
  return err;
}

// ---- Becoming it ----

static void
set_up_actions(const struct ck_process *p)
{
  struct sig_action old;
  for(int sig = 1; sig <= CK_ACTIONS; sig++){
    const u64 *a = p->actions[sig - 1];
    bool ignored = p->ignored & signal_bit(sig);
    struct sig_action act = { ignored ? SIG_IGN : a[0], a[1], a[2] };
    if(!(signal_bit(sig) & SIGNALS_FORCED))
      signal_set_action(sig, &act, &old);
  }
}

static void
set_up_process(struct restore *x)
{
  struct process *me = current->process;
  const struct ck_process *p = x->process;
  bool on = spin_lock_irq(&family_lock);
  if(me->uid == 0){
    me->uid = p->uid;
    me->gid = p->gid;
  }
  memcpy(me->limits, p->limits, sizeof me->limits);
  me->clock_ahead += p->clock - x->plan.clock;
  me->execed = true;
  spin_unlock_irq(&family_lock, on);
  current->files->limit = (u32)min(me->limits[RLIMIT_NOFILE].soft, (u64)FILES_LIMIT_MAX);
}

// As by SIGSTOP, or as it was.
static void
stop_first(struct process *p, const struct ck_process *r, bool tell)
{
  bool on = spin_lock_irq(&family_lock);
  p->stopped = true;
  p->news = tell ? WAIT_STOPPED(SIGSTOP) : (int)r->status;
  if(tell)
    process_news(p);
  atomic_or(&current->notify, NOTIFY_SIGNAL);
  spin_unlock_irq(&family_lock, on);
}

static void __attribute__((noreturn))
become(struct restore *x, u32 keep, u64 how)
{
  struct task *t = current;
  const struct ck_task *r = (const void *)next_record(x, NULL, CK_TASK);
  x->space->pid = t->process->pid;
  struct space *old = space_adopt(x->space);
  fd_close_range(keep, ~0U, false);
  fp_reset();
  set_up_process(x);
  set_up_actions(x->process);            // before it takes signals
  set_up_task(t, r);
  send_signals(x, t, r->tid);
  send_signals(x, NULL, 0);
  local_exec(t->space, old);
  space_put(old);
  if(how & CK_STOP)
    stop_first(t->process, x->process, how & CK_TELL);
  for(u32 i = 0; i < x->nthreads; i++){
    r = (const void *)next_record(x, &r->record, CK_TASK);
    start_thread(x, x->thread[i], r);
  }
  vm_populate_locked(t->space, USER_MIN, USER_TOP - USER_MIN);
  x->space = NULL;                       // the task's
  x->nthreads = 0;
  restore_free(x);
  go_on(NULL);
}

// ---- The calls ----

static int
get_plan(struct restore *x, va_t plan)
{
  struct ck_plan *p = &x->plan;
  if(copy_from_user(p, plan, sizeof *p))
    return -EFAULT;
  if(p->nfiles == 0 || p->nfiles > CK_FILES_MAX || p->nshared > SHARED_MAX){
    p->nfiles = 0;
    return -EINVAL;
  }
  x->shared = kmalloc(max(p->nshared, 1U) * sizeof *x->shared);
  if(x->shared == NULL)
    return -ENOMEM;
  return copy_from_user(x->fd, p->files, p->nfiles * sizeof x->fd[0]) ||
         copy_from_user(x->shared, p->shared, p->nshared * sizeof *x->shared) ? -EFAULT : 0;
}

static int
get_files(struct restore *x)
{
  for(u32 i = 0; i < x->plan.nfiles; i++){
    struct file *f = x->file[i] = fd_file(x->fd[i]);
    if(f == NULL || !S_ISREG(f->inode->mode) || f->inode->object.refs == 0 ||
       (f->flags & O_ACCMODE) == O_WRONLY)
      return -EBADF;
  }
  return 0;
}

static int
prepare(struct restore *x, va_t plan)
{
  struct sig_action same;
  int err = get_plan(x, plan);
  if(err == 0)
    err = get_files(x);
  if(err == 0)
    err = read_file(x);
  if(err == 0)
    err = build_space(x);
  signal_set_action(SIGCHLD, NULL, &same);
  if(err == 0)
    err = signal_set_action(SIGCHLD, &same, &same);    // makes the table
  return err ? err : make_threads(x);
}

static void
prepared_release(struct file *f)
{
  if(f->priv)
    restore_free(f->priv);
}

static const struct file_ops prepared_ops = { .release = prepared_release };

// restore(plan) => a descriptor; or -errno, and why[] may say more
i64
sys_restore(const u64 *a)
{
  struct restore *x = kzalloc(sizeof *x);
  if(x == NULL)
    return -ENOMEM;
  int err = prepare(x, a[0]);
  struct file *f = err ? NULL : file_nameless(&prepared_ops, O_RDWR, x);
  if(f)
    return fd_install(f, 0, O_CLOEXEC);
  if(x->plan.why && copy_to_user(x->plan.why, x->why, min(x->plan.room, (u64)WHY)))
    err = -EFAULT;
  restore_free(x);
  return err ? err : -ENOMEM;
}

// As a process that stands still. => 0 to that; or -errno
static i64
become_another(struct file *f)
{
  int err = frame_is_whole() ? offer(image_of(f)) : -EFRAME;
  file_put(f);
  if(err == 0)
    process_exit(0);
  return err;
}

// become(descriptor, keep, how): descriptors from `keep` on are closed.  => never; or -errno,
// and nothing has changed.  become(descriptor) of a freeze: the process that stands still goes
// on in the place of the caller, who ends
i64
sys_become(const u64 *a)
{
  struct file *f = fd_file((int)a[0]);
  struct restore *x = NULL;
  if(image_of(f))
    return become_another(f);
  int err = f == NULL || f->ops != &prepared_ops ? -EBADF :
            current->process->nthreads > 1 || current->vforked ? -EBUSY : files_unshare();
  if(err == 0 && (x = atomic_swap(&f->priv, NULL)) == NULL)
    err = -EBADF;
  file_put(f);
  if(x)
    become(x, (u32)a[1], a[2]);
  return err;
}
