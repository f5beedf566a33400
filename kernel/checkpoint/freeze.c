// SPDX-License-Identifier: MIT
//
// Freezing: the threads of a process, or of a whole tree, wait on their way to user mode,
// where they hold nothing and all of their registers are in memory, while their memory is
// cloned as for a fork and the rest noted; then they go on.  What is too much for a moment,
// to write it all out, is done from the clones.
//
// Lock: family_lock, for process->frozen and ->parked.

#include <machine.h>
#include "kernel/checkpoint/checkpoint.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/printk.h"
#include "kernel/process.h"
#include "kernel/random.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/slab.h"
#include "mm/space.h"

// Shared memory, and which of its pages somebody has a copy of.
struct copied { struct object *object; struct radix pages; };

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

// Until all are there, or the process has ended.  A thread that was just made has not been
// told yet, one that leaves tells nobody: so have a look now and then.
static int
wait_for_threads(struct process *p)
{
  enum { LOOK_NS = 2000000 };
  struct task *t;
  int err = 0;
  while((p->parked < p->nthreads || (p->exiting && !p->zombie)) && err != -EINTR){
    list_for(t, &p->threads, in_process)
      signal_tell(t, SLEEP_SIGNALS);
    wake_all(&p->child_event);         // who is stopped already
    err = wait_until(&parked, &family_lock, machine_time_ns() + LOOK_NS);
  }
  return err == -EINTR ? err : 0;
}

void
freeze_end(struct frozen *z)
{
  if(z->stopped){
    z->stopped = z->process->frozen = false;
    wake_all(&z->process->child_event);
  }
}

static int
stop(struct frozen *z)
{
  struct process *p = z->process;
  bool on = spin_lock_irq(&family_lock);
  int err = p->frozen ? -EBUSY : 0;
  if(err == 0){
    p->frozen = z->stopped = true;
    err = wait_for_threads(p);
    if(err)
      freeze_end(z);
  }
  spin_unlock_irq(&family_lock, on);
  return err;
}

// ---- Who ----

static int
add(struct freeze *f, struct process *p)
{
  struct frozen *z = kzalloc(sizeof *z);
  if(z == NULL)
    return -ENOMEM;
  z->of = f;
  z->process = p;
  process_get(p);
  list_append(&f->all, &z->link);
  return 0;
}

static int
add_children(struct freeze *f, struct process *p)
{
  struct process *child;
  int err = 0;
  bool on = spin_lock_irq(&family_lock);
  list_for(child, &p->children, sibling)
    if(err == 0)
      err = add(f, child);
  spin_unlock_irq(&family_lock, on);
  return err;
}

static int
check(struct freeze *f, struct process *p)
{
  if(p == current->process && (f->flags & CK_TREE))
    snprintk(f->why, sizeof f->why, "the one that asks is among them");
  return p == current->process || p == init_process || p->immune ? -EINVAL :
         signal_permitted(p) ? 0 : -EPERM;
}

// Who is stopped has no more children than are found now: so the tree is whole in the end.
static int
gather(struct freeze *f, struct process *root, bool stopping)
{
  struct frozen *z;
  int err = add(f, root);
  list_for(z, &f->all, link){
    if(err == 0)
      err = check(f, z->process);
    if(err == 0 && stopping)
      err = stop(z);
    if(err == 0 && (f->flags & CK_TREE))
      err = add_children(f, z->process);
  }
  return err;
}

static void
let_go(struct freeze *f)
{
  struct frozen *z;
  bool on = spin_lock_irq(&family_lock);
  list_for(z, &f->all, link)
    freeze_end(z);
  spin_unlock_irq(&family_lock, on);
}

static void
drop(struct frozen *z)
{
  list_remove(&z->link);
  text_free(&z->records);
  if(z->space)
    space_put(z->space);
  if(z->since)
    space_put(z->since);
  process_put(z->process);
  kfree(z);
}

static void
forget(struct freeze *f)
{
  struct frozen *z, *next;
  let_go(f);
  list_for_safe(z, next, &f->all, link)
    drop(z);
}

// Those that ended on the way and that nobody waits for.
static void
drop_reaped(struct freeze *f)
{
  struct frozen *z, *next;
  list_for_safe(z, next, &f->all, link)
    if(z->process->zombie && list_empty(&z->process->sibling))
      drop(z);
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

static struct copied *
copied_of(struct freeze *f, struct object *o)
{
  struct copied *c = (struct copied *)radix_get(&f->copied, knum(o));
  if(c || (c = kzalloc(sizeof *c)) == NULL)
    return c;
  if(radix_insert(&f->copied, knum(o), (u64)c, false) != 0){
    kfree(c);
    return NULL;
  }
  c->object = o;
  object_get(o);
  return c;
}

// Those that nobody has a copy of yet.
static int
copy_pages(struct freeze *f, struct object *o, const struct area *a, struct space *clone)
{
  u64 base = a->offset >> PAGE_SHIFT, end = base + ((a->end - a->start) >> PAGE_SHIFT);
  struct copied *c = copied_of(f, o);
  if(c == NULL)
    return -ENOMEM;
  for(u64 i = base;; i++){
    spin_lock(&o->lock);
    bool there = radix_next(&o->pages, &i, false) != 0;
    spin_unlock(&o->lock);
    if(!there || i >= end)
      return 0;
    int err = radix_insert(&c->pages, i, 1, false);
    if(err == 0)
      err = copy_page(o, i, clone, a->start + ((i - base) << PAGE_SHIFT));
    if(err && err != -EEXIST && err != -ERANGE)
      return err;
  }
}

static int
copy_shared(struct freeze *f, struct space *s, const struct area *a, struct space *clone)
{
  u64 offset, size = a->end - a->start;
  struct object *o = vm_object_at(s, a->start, &offset);
  if(o == NULL)
    return -EFAULT;
  i64 r = vm_map(clone, a->start, size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, NULL, 0, NULL);
  int err = r < 0 ? (int)r : copy_pages(f, o, a, clone);
  object_put(o);
  return err;
}

// Shared memory that is in no file: others may change it as soon as anybody runs.
static int
copy_all_shared(struct freeze *f, struct space *s, struct space *clone)
{
  struct area a;
  int err = 0;
  for(va_t va = 0; err == 0 && vm_area_at(s, va, &a); va = a.end){
    if((a.flags & AREA_SHARED) && a.file == NULL && a.start != s->trampoline)
      err = copy_shared(f, s, &a, clone);
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
  return copy_all_shared(z->of, s, z->space);
}

// ---- The call ----

// Of those that run some may have gone meanwhile.
static int
note(struct frozen *z, bool stopped)
{
  struct space *s = task_space(z->process->leader);
  bool first = z->link.prev == &z->of->all;
  int err = s == NULL && first && z->process->zombie ? -ESRCH : record_process(z, s, stopped);
  if(err == 0 && s && stopped)
    err = clone_space(z, s);
  if(s)
    space_put(s);
  return err == -ESRCH && !first && !stopped ? 0 : err;
}

static int
note_all(struct freeze *f, bool stopped)
{
  struct frozen *z;
  int err = 0;
  list_for(z, &f->all, link)
    if(err == 0)
      err = note(z, stopped);
  return err;
}

static void
remember_all(struct freeze *f)
{
  struct frozen *z;
  list_for(z, &f->all, link){
    struct space *s = z->space ? task_space(z->process->leader) : NULL;
    if(s){
      z->since = changes_from(s, f->flags & CK_REMEMBER ? z->space : NULL);
      space_put(s);
    }
  }
}

// First as they run: who cannot be saved is not even stopped.
static int
freeze(struct freeze *f, struct process *root)
{
  struct frozen *z;
  int err = gather(f, root, false);
  if(err == 0)
    err = note_all(f, false);
  if(err || (f->flags & (CK_LOOK | CK_STAY)) == CK_LOOK)
    return err;
  forget(f);
  err = gather(f, root, true);
  drop_reaped(f);
  if(f->flags & CK_LOOK)
    return err;
  f->since = machine_time_ns();
  if(err == 0)
    err = note_all(f, true);
  if(err == 0 && (f->flags & (CK_REMEMBER | CK_STAY)))
    remember_all(f);
  if(!(f->flags & CK_STAY))
    let_go(f);
  u64 pause = machine_time_ns() - f->since;
  list_for(z, &f->all, link)
    if(err == 0)
      ((struct ck_process *)z->records.s)->frozen_ns = pause;
  return err;
}

void
freeze_free(struct freeze *f)
{
  struct copied *c;
  forget(f);
  for(u64 i = 0; (c = (struct copied *)radix_next(&f->copied, &i, false)) != NULL;){
    radix_remove(&f->copied, i);
    radix_destroy(&c->pages);
    object_put(c->object);
    kfree(c);
  }
  kfree(f->path);
  kfree(f);
}

static struct freeze *
freeze_create(u64 flags)
{
  struct freeze *f = kzalloc(sizeof *f);
  if(f == NULL || (f->path = kmalloc(PATH_MAX)) == NULL){
    kfree(f);
    return NULL;
  }
  list_init(&f->all);
  f->flags = flags;
  random_bytes(f->key, sizeof f->key);
  return f;
}

// freeze(pid, why, room, flags) => a descriptor, see format.h; or -errno, and why[] may say more
i64
sys_freeze(const u64 *a)
{
  struct task *t = task_find((u32)a[0]);
  struct freeze *f = t ? freeze_create(a[3]) : NULL;
  int err = t == NULL ? -ESRCH : f == NULL ? -ENOMEM :
            a[3] & ~(CK_REMEMBER | CK_TREE | CK_STAY | CK_LOOK) ? -EINVAL : freeze(f, t->process);
  task_put(t);
  if(err == 0){
    struct file *file = image_file(f);
    return file ? fd_install(file, 0, O_CLOEXEC) : -ENOMEM;
  }
  if(f){
    if(a[1] && copy_to_user(a[1], f->why, min(a[2], (u64)WHY)))
      err = -EFAULT;
    freeze_free(f);
  }
  return err;
}
