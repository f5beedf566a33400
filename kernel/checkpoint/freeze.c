// SPDX-License-Identifier: MIT
//
// Freezing: the threads of a process wait on their way to user mode, where they hold
// nothing and all of their registers are in memory, while its memory is cloned as for a
// fork and the rest noted; then they go on.  What is too much for a moment, to write it
// all out, is done from the clone.
//
// Lock: family_lock, for process->frozen and ->parked.

#include <machine.h>
#include "kernel/checkpoint/checkpoint.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/slab.h"
#include "mm/space.h"

static struct waitq parked = WAITQ_INIT(parked);

// ---- Stopping ----

void
freeze_here(struct process *p)
{
  fp_keep();
  p->parked++;
  wake_all(&parked);
  wait_stopped(&p->child_event, &family_lock);
  p->parked--;
}

// Until all are there.  A thread that was just made has not been told yet, one that
// leaves tells nobody: so have a look now and then.
static int
wait_for_threads(struct process *p)
{
  enum { LOOK_NS = 2000000 };
  struct task *t;
  int err = 0;
  while(p->parked < p->nthreads && err != -EINTR){
    list_for(t, &p->threads, in_process)
      signal_tell(t, SLEEP_SIGNALS);
    wake_all(&p->child_event);         // who is stopped already
    err = wait_until(&parked, &family_lock, machine_time_ns() + LOOK_NS);
  }
  return err == -EINTR ? err : p->nthreads == 0 || p->exiting ? -ESRCH : 0;
}

static void
go_on(struct process *p)
{
  bool on = spin_lock_irq(&family_lock);
  p->frozen = false;
  wake_all(&p->child_event);
  spin_unlock_irq(&family_lock, on);
}

static int
stop(struct process *p)
{
  bool on = spin_lock_irq(&family_lock);
  int err = p->frozen ? -EBUSY : 0;
  if(err == 0){
    p->frozen = true;
    err = wait_for_threads(p);
    if(err)
      p->frozen = false;
  }
  wake_all(&p->child_event);
  spin_unlock_irq(&family_lock, on);
  return err;
}

// ---- Cloning ----

// A page of shared memory becomes one of the clone's own, at va.
static int
copy_page(struct object *o, u64 index, struct space *clone, va_t va)
{
  struct frame *from, *to;
  int err = object_page(o, index, &from);
  if(err)
    return err;
  err = space_pin(clone, va, ACCESS_WRITE, &to);
  if(err == 0){
    page_copy(frame_kva(to), frame_kva(from));
    frame_put(to, PIN_1);
  }
  frame_put(from, PIN_1);
  return err;
}

static int
copy_pages(struct object *o, const struct area *a, struct space *clone)
{
  u64 base = a->offset >> PAGE_SHIFT, end = base + ((a->end - a->start) >> PAGE_SHIFT);
  for(u64 i = base;; i++){
    spin_lock(&o->lock);
    bool there = radix_next(&o->pages, &i, false) != 0;
    spin_unlock(&o->lock);
    if(!there || i >= end)
      return 0;
    int err = copy_page(o, i, clone, a->start + ((i - base) << PAGE_SHIFT));
    if(err && err != -ERANGE)
      return err;
  }
}

static int
copy_shared(struct space *s, const struct area *a, struct space *clone)
{
  u64 offset;
  struct object *o = vm_object_at(s, a->start, &offset);
  if(o == NULL)
    return -EFAULT;
  i64 r = vm_map(clone, a->start, a->end - a->start, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, NULL, 0, NULL);
  int err = r < 0 ? (int)r : copy_pages(o, a, clone);
  object_put(o);
  return err;
}

// Shared memory that is in no file: others may change it as soon as anybody runs.
static int
copy_all_shared(struct space *s, struct space *clone)
{
  struct area a;
  int err = 0;
  for(va_t va = 0; err == 0 && vm_area_at(s, va, &a); va = a.end){
    if((a.flags & AREA_SHARED) && a.file == NULL && a.start != s->trampoline)
      err = copy_shared(s, &a, clone);
    file_put(a.file);
  }
  return err;
}

static int
clone_space(struct frozen *z, struct space *s)
{
  int err = space_fork(s, &z->space);
  if(err)
    return err;
  z->space->pid = s->pid;
  z->space->oom_score_adj = OOM_NEVER;
  return copy_all_shared(s, z->space);
}


// ---- The call ----

// First as it runs: who cannot be saved is not even stopped.
static int
freeze(struct frozen *z, struct process *p, struct space *s)
{
  int err = record_process(z, p, s, false);
  text_free(&z->records);
  if(err || (err = stop(p)))
    return err;
  u64 since = machine_time_ns();
  err = record_process(z, p, s, true);
  if(err == 0)
    err = clone_space(z, s);
  if(err == 0 && z->remember)
    z->since = changes_from(s, z->space);
  go_on(p);
  if(err == 0)
    ((struct ck_process *)z->records.s)->frozen_ns = machine_time_ns() - since;
  return err;
}

static int
freeze_task(struct frozen *z, struct task *t)
{
  struct process *p = t->process;
  struct space *s = task_space(t);
  int err = s == NULL ? -ESRCH : p == current->process || p == init_process ? -EINVAL :
            !signal_permitted(p) ? -EPERM : 0;
  z->path = kmalloc(PATH_MAX);
  if(err == 0)
    err = z->path ? freeze(z, p, s) : -ENOMEM;
  if(s)
    space_put(s);
  return err;
}

static int
install(struct frozen *z)
{
  struct file *f = image_file(z);
  return f ? fd_install(f, 0, O_CLOEXEC) : -ENOMEM;
}

// freeze(pid, why, room, remember) => a descriptor, see format.h; or -errno, and why[] may say more
i64
sys_freeze(const u64 *a)
{
  struct task *t = task_find((u32)a[0]);
  struct frozen *z = t ? kzalloc(sizeof *z) : NULL;
  if(z)
    z->remember = a[3];
  int err = t == NULL ? -ESRCH : z == NULL ? -ENOMEM : freeze_task(z, t);
  task_put(t);
  if(err == 0)
    return install(z);
  if(z){
    if(a[1] && copy_to_user(a[1], z->why, min(a[2], (u64)WHY)))
      err = -EFAULT;
    frozen_free(z);
  }
  return err;
}
