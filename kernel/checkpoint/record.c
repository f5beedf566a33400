// SPDX-License-Identifier: MIT
//
// What a process is beside the contents of its memory, as records; or why that cannot be
// said.
//
// Locks: family_lock for what tasks are doing; those of the tables looked at.

#include <machine.h>
#include <trapframe.h>
#include "fs/filelock.h"
#include "fs/stat.h"
#include "kernel/bits.h"
#include "kernel/checkpoint/checkpoint.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/itimer.h"
#include "kernel/pipe.h"
#include "kernel/printk.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/string.h"
#include "kernel/timespec.h"
#include "mm/object.h"
#include "mm/slab.h"
#include "mm/space.h"

// ---- Records ----

static void
add(struct frozen *z, u32 type, void *record, u64 bytes, const char *path, u64 path_bytes)
{
  static const char zeroes[8];
  struct ck_record *r = record;
  u64 all = round_up(bytes + path_bytes, sizeof zeroes);
  *r = (struct ck_record){ .type = type, .bytes = (u32)all };
  text_add_bytes(&z->records, record, bytes);
  text_add_bytes(&z->records, path, path_bytes);
  text_add_bytes(&z->records, zeroes, all - bytes - path_bytes);
}

// Who only looks goes without what cannot be saved.
static int __attribute__((format(printf, 2, 3)))
refuse(struct frozen *z, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  vsnprintk(z->of->why, sizeof z->of->why, fmt, ap);
  va_end(ap);
  return z->of->flags & CK_LOOK ? 0 : -EOPNOTSUPP;
}

// => z->of->path is its name, with its NUL *n bytes; false: it has none any more
static bool
path_of(struct frozen *z, struct inode *i, u64 *n)
{
  i64 len = i->nlink > 0 ? vfs_path_of(i, z->of->path, PATH_MAX) : -ENOENT;
  *n = len < 0 ? 0 : (u64)len + 1;
  return len >= 0;
}

static u64
mtime_of(const struct inode *i)
{
  return (u64)i->mtime.sec * SECOND + (u64)i->mtime.nsec;
}

u64
number_of(const struct freeze *f, const void *thing)
{
  return ((u64)thing ^ f->key[0]) * (f->key[1] | 1);
}

// ---- Memory ----

// => 0: it is in a file, or not shared
static u64
shared_number(struct frozen *z, struct space *s, const struct area *a)
{
  u64 offset;
  if(a->file || !(a->flags & AREA_SHARED) || a->start == s->trampoline)
    return 0;
  struct object *o = vm_object_at(s, a->start, &offset);
  u64 number = o ? number_of(z->of, o) : 0;
  if(o)
    object_put(o);
  return number;
}

static int
add_area(struct frozen *z, struct space *s, const struct area *a)
{
  struct ck_area r = {
    .start = a->start, .end = a->end, .offset = a->offset, .prot = a->prot, .flags = a->flags,
    .kind = a->start == s->trampoline ? CK_TRAMPOLINE : CK_ANONYMOUS,
    .shared = shared_number(z, s, a),
  };
  struct inode *i = a->file ? a->file->inode : NULL;
  u64 n = 0;
  if(a->flags & (AREA_DONTFORK | AREA_WIPEONFORK))
    return refuse(z, "the memory at %lx is not for children (madvise)", a->start);
  if(i){
    bool named = path_of(z, i, &n);
    if(!S_ISREG(i->mode))
      return refuse(z, "it maps %s, a device", named ? z->of->path : "a device");
    if(!named)
      return refuse(z, "it maps, at %lx, a file that is deleted", a->start);
    r.kind = CK_OF_FILE;
    r.open = a->file->flags & O_ACCMODE;
    r.size = i->object.size;
    r.mtime = mtime_of(i);
  }
  add(z, CK_AREA, &r, sizeof r, z->of->path, n);
  return 0;
}

static int
add_areas(struct frozen *z, struct space *s)
{
  struct area a;
  int err = 0;
  for(va_t va = 0; err == 0 && vm_area_at(s, va, &a); va = a.end){
    err = add_area(z, s, &a);
    file_put(a.file);
  }
  return err;
}

// Another process that runs in the same memory would go on changing it.
static int
check_alone(struct frozen *z, struct process *p, struct space *s)
{
  struct task *t;
  u32 other = 0;
  bool vforked = false;
  for(u32 tid = 1; (t = task_next(tid)) != NULL; tid = t->tid + 1, task_put(t)){
    if(atomic_load(&t->space) == s && t->process != p)
      other = t->process->pid;
    vforked |= t->process == p && t->vforked;
  }
  return vforked ? refuse(z, "it is the child of a vfork") :
         other ? refuse(z, "it shares its memory with process %u", other) : 0;
}

// ---- Open files ----

static const char *
kind_name(const struct inode *i)
{
  return S_ISFIFO(i->mode) ? "a pipe" : S_ISCHR(i->mode) || S_ISBLK(i->mode) ? "a device" :
         S_ISREG(i->mode) || S_ISDIR(i->mode) ? "deleted" : "an eventfd, an epoll or the like";
}

// What can be opened again, or made.  => or -1
static int
kind_of(const struct frozen *z, const struct file *f, bool named)
{
  enum { TERMINALS = 5, MEMORY = 1, MEMORY_NULL = 3 };
  const struct inode *i = f->inode;
  if(S_ISCHR(i->mode) && dev_major(i->rdev) == TERMINALS)
    return CK_TERMINAL;
  if(S_ISCHR(i->mode) && i->rdev == dev_make(MEMORY, MEMORY_NULL))
    return CK_NULL;
  if(S_ISFIFO(i->mode) && !named)
    return (z->of->flags & CK_TREE) && (f->flags & O_ACCMODE) != O_RDWR ? CK_END_OF_PIPE : -1;
  return !named ? -1 : S_ISREG(i->mode) ? CK_REGULAR : S_ISDIR(i->mode) ? CK_DIRECTORY : -1;
}

// All that is in a pipe, if this is the first end of it that is met.
static void
add_pipe(struct frozen *z, struct inode *i)
{
  struct text data = { 0 };
  if(pipe_peek(i, z->of->key[0], &data)){
    struct ck_pipe r = { .number = i->ino, .bytes = data.len };
    add(z, CK_PIPE, &r, sizeof r, data.s, data.len);
  }
  z->records.failed |= data.failed;
  text_free(&data);
}

// Those that can be put on again by way of this descriptor.
static void
add_locks(struct frozen *z, struct files *fs, u32 fd, struct file *f)
{
  struct filelock l;
  u32 mode = f->flags & O_ACCMODE;
  for(u32 n = 0; filelock_nth(f->inode, n, &l); n++){
    struct ck_lock r = {
      .fd = fd, .kind = l.kind, .type = l.type, .first = l.first, .last = l.last,
    };
    if((l.owner == fs || l.owner == f) &&
       (l.kind == LOCK_WHOLE || mode != (l.type == F_RDLCK ? O_WRONLY : O_RDONLY)))
      add(z, CK_LOCK, &r, sizeof r, NULL, 0);
  }
}

static int
add_file(struct frozen *z, struct files *fs, u32 fd, struct file *f)
{
  u64 n;
  bool named = path_of(z, f->inode, &n);
  int kind = kind_of(z, f, named);
  if(kind < 0 || f->reserves || f->inode->super->uncached)
    return refuse(z, "descriptor %u, %s, is %s", fd, named ? z->of->path : "without a name",
                  kind < 0 ? kind_name(f->inode) : "not to be opened again");
  struct ck_file r = {
    .fd = fd, .kind = (u32)kind, .open = f->flags, .cloexec = bits_get(fs->cloexec, fd),
    .number = number_of(z->of, f), .pos = kind == CK_END_OF_PIPE ? f->inode->ino : f->pos,
  };
  add(z, CK_FILE, &r, sizeof r, z->of->path, n);
  add_locks(z, fs, fd, f);
  if(kind == CK_END_OF_PIPE && z->stopped)
    add_pipe(z, f->inode);
  return 0;
}

static int
add_files(struct frozen *z, struct task *t)
{
  struct files *fs = task_files(t);
  int err = fs ? 0 : -ESRCH;
  for(u32 fd = 0; fs && fd < fs->size && err == 0; fd++){
    struct file *f = files_at(fs, fd);
    if(f){
      err = add_file(z, fs, fd, f);
      file_put(f);
    }
  }
  files_put(fs);
  return err;
}

// ---- Tasks and signals; family_lock held ----

static void
add_task(struct frozen *z, struct task *t)
{
  u64 deadline = t->restart.deadline;
  struct ck_task r = {
    .tid = t->tid, .fp_used = t->fp_used, .regs = { t->tf->pc },
    .blocked = t->sig_blocked, .pending = t->pending.set, .saved = t->sig_saved,
    .interrupted = (u32)-t->interrupted, .masked = t->sig_restore,
    .stack_sp = t->sigstack.sp, .stack_flags = t->sigstack.flags, .stack_size = t->sigstack.size,
    .clear_tid = t->clear_tid, .robust_list = t->robust_list,
    .restart_left = deadline == NEVER ? NEVER : deadline - min(deadline, machine_time_ns()),
    .restart_va = t->restart.va, .restart_value = t->restart.value,
    .restart_bits = t->restart.bits, .nice = (u32)t->nice,
  };
  for(u32 x = 1; x < TF_REGISTERS; x++)
    r.regs[x] = tf_register(t->tf, x);
  memcpy(r.fp, t->fp, sizeof r.fp);
  memcpy(r.name, t->comm, sizeof r.name);
  add(z, CK_TASK, &r, sizeof r, NULL, 0);
}

static void
add_signals(struct frozen *z, u32 tid, const struct sigpending *pending)
{
  const struct queued *q;
  list_for(q, &pending->queue, link){
    struct ck_signal r = { .tid = tid };
    _Static_assert(sizeof r.info == sizeof q->info, "struct siginfo");
    memcpy(r.info, &q->info, sizeof r.info);
    add(z, CK_SIGNAL, &r, sizeof r, NULL, 0);
  }
}

// The leader first: the number of the process is its.
static int
add_tasks(struct frozen *z, struct process *p)
{
  struct task *t;
  bool on = spin_lock_irq(&family_lock);
  int err = p->parked == p->nthreads && p->nthreads > 0 && !p->exiting ? 0 : -ESRCH;
  if(err == 0){
    list_for(t, &p->threads, in_process){
      add_task(z, t);
      add_signals(z, t->tid, &t->pending);
    }
    add_signals(z, 0, &p->pending);
  }
  spin_unlock_irq(&family_lock, on);
  return err;
}

// ---- The process ----

static void
note_space(struct ck_process *r, const struct space *s)
{
  r->brk_start = s->brk_start;
  r->brk = s->brk;
  r->mmap_top = s->mmap_top;
  r->stack_limit = s->stack_limit;
  r->size_max = s->size_max;
  r->heap_max = s->heap_max;
  r->trampoline = s->trampoline;
  r->stack_start = s->stack_start;
  r->arg_start = s->arg_start;
  r->arg_end = s->arg_end;
  r->env_start = s->env_start;
  r->env_end = s->env_end;
  r->future = s->future;
  r->oom_adj = (u32)s->oom_score_adj;
}

static void
note_process(struct ck_process *r, struct process *p, u64 since)
{
  bool on = spin_lock_irq(&family_lock);
  r->pid = p->pid;
  r->ppid = p->ppid;
  r->pgid = p->pgid;
  r->sid = p->sid;
  r->state = p->zombie ? CK_ZOMBIE : p->stopped ? CK_STOPPED : CK_RUNS;
  r->status = (u32)(p->zombie ? p->exit_status : p->news);
  r->uid = p->uid;
  r->gid = p->gid;
  r->threads = p->nthreads;
  r->ignored = p->sig_ignored;
  r->handled = p->sig_handled;
  memcpy(r->limits, p->limits, sizeof r->limits);
  if(p->actions)
    memcpy(r->actions, p->actions, sizeof r->actions);
  itimers_read(p, r->timers);
  r->clock = since + p->clock_ahead;
  spin_unlock_irq(&family_lock, on);
}

// The names of the current directory and of the program, one behind the other.
static int
note_places(struct frozen *z, struct ck_process *r, struct task *t, struct space *s, u64 *n)
{
  struct fs_pos *fs = task_fs(t);
  if(fs == NULL)
    return -ESRCH;
  struct inode *cwd = fs_pos_cwd(fs);
  r->umask = fs->umask;
  bool named = path_of(z, cwd, &r->exe);
  inode_put(cwd);
  fs_pos_put(fs);
  if(!named)
    return refuse(z, "its current directory is deleted");
  i64 len = s->exe ? vfs_path_of(s->exe->inode, z->of->path + r->exe, PATH_MAX - r->exe) : 0;
  r->last = r->exe + (len > 0 ? (u64)len : 0) + 1;
  if(len <= 0)
    z->of->path[r->exe] = '\0';
  bool on = spin_lock_irq(&family_lock);
  const struct space *then = s->since ? s->since : s;
  const char *last = then->saved_as ? then->saved_as : "";
  *n = r->last + strlcpy(z->of->path + r->last, last, PATH_MAX - r->last) + 1;
  spin_unlock_irq(&family_lock, on);
  return *n <= PATH_MAX ? 0 : refuse(z, "the names of its files are too long");
}

// s: NULL of a zombie, of which there is no more to say.
static int
add_process(struct frozen *z, struct process *p, struct space *s)
{
  struct ck_process *r = kzalloc(sizeof *r);
  u64 n = 2;
  int err = 0;
  if(r == NULL)
    return -ENOMEM;
  note_process(r, p, z->of->since);
  if(s){
    note_space(r, s);
    err = note_places(z, r, p->leader, s, &n);
  } else {
    memset(z->of->path, 0, n);
  }
  if(err == 0)
    add(z, CK_PROCESS, r, sizeof *r, z->of->path, n);
  kfree(r);
  return err;
}

int
record_process(struct frozen *z, struct space *s, bool stopped)
{
  struct process *p = z->process;
  int err = s ? check_alone(z, p, s) : p->zombie ? 0 : -ESRCH;
  if(err == -ESRCH && !p->exiting)
    refuse(z, "its first thread has ended");
  if(err == 0)
    err = add_process(z, p, s);
  if(err == 0 && s)
    err = add_areas(z, s);
  if(err == 0 && s)
    err = add_files(z, p->leader);
  if(err == 0 && s && stopped)
    err = add_tasks(z, p);
  return err ? err : z->records.failed ? -ENOMEM : 0;
}
