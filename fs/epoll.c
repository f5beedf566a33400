// SPDX-License-Identifier: MIT
//
// epoll: waiting for any of many files that are named beforehand.  A watch hangs on
// the source of its file for as long as both are there.  When the source has news the
// watch becomes a candidate; who waits asks the candidates only.
//
// Locks: `watching`, one for all, guards every watch and keeps its file from going;
// then ep->lock, interrupts off, for the candidates, which news come to in any context.

#include <machine.h>
#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/poll.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/timespec.h"
#include "kernel/user_path.h"
#include "mm/slab.h"

enum { CTL_ADD = 1, CTL_DEL = 2, CTL_MOD = 3, NEST_MAX = 5, EVENTS_MAX = 1 << 27 };

#define EPOLLONESHOT (1U << 30)
#define EPOLLET      (1U << 31)
#define HOW          0xf0000000U       // not events, but how they are told

struct epoll_event { u32 events, pad; u64 data; };

struct epoll {
  struct file *file;                   // its own, not referenced
  struct list watches;
  struct spinlock lock;
  struct list candidates;
  struct waitq waiters;
  struct poll_source news;
};

struct watch {
  struct epoll *epoll;
  struct file *file;                   // not referenced: it takes its watches with it
  int fd;
  u32 events;
  u64 data;
  struct poll_wait wait;
  struct list in_epoll, in_file;
  struct list candidate;               // linked to itself if it is none
  struct list again;                   // to be one again, see collect()
};

static struct sleeplock watching = SLEEPLOCK_INIT(watching, "epoll");
static const struct file_ops epoll_ops;

// ---- Candidates ----

// => whether it was none
static bool
enter(struct watch *w)
{
  struct epoll *ep = w->epoll;
  bool on = spin_lock_irq(&ep->lock);
  bool new = list_empty(&w->candidate);
  if(new)
    list_append(&ep->candidates, &w->candidate);
  spin_unlock_irq(&ep->lock, on);
  return new;
}

// The first, or w: it is none any more. => or NULL
static struct watch *
take(struct epoll *ep, struct watch *w)
{
  bool on = spin_lock_irq(&ep->lock);
  if(w == NULL && !list_empty(&ep->candidates))
    w = list_first(&ep->candidates, struct watch, candidate);
  if(w)
    list_remove(&w->candidate);
  spin_unlock_irq(&ep->lock, on);
  return w;
}

static void
tell(struct poll_wait *wait, u32 what)
{
  struct watch *w = wait->who;
  if((poll_normal(what) & w->events) && enter(w)){
    wake_all(&w->epoll->waiters);
    poll_notify(&w->epoll->news, POLLIN);
  }
}

static u32
ask(const struct watch *w)
{
  return poll_normal(w->file->ops->poll(w->file, NULL)) & w->events & ~HOW;
}

// Of what is ready; those that stay so are candidates again. => events, or -EFAULT
static i64
collect(struct epoll *ep, va_t to, u64 max)
{
  struct watch *w;
  struct list again = LIST_INIT(again);
  u64 n = 0;
  i64 e = 0;
  sleep_lock(&watching);
  while(n < max && e == 0 && (w = take(ep, NULL)) != NULL){
    struct epoll_event ev = { .events = ask(w), .data = w->data };
    if(ev.events == 0)
      continue;
    e = copy_to_user(to + n * sizeof ev, &ev, sizeof ev) ? -EFAULT : 0;
    n += e == 0;
    if(e == 0 && (w->events & EPOLLONESHOT))
      w->events &= HOW;
    else if(e || !(w->events & EPOLLET))
      list_append(&again, &w->again);
  }
  while(!list_empty(&again)){
    w = list_first(&again, struct watch, again);
    list_remove(&w->again);
    enter(w);
  }
  sleep_unlock(&watching);
  return n > 0 ? (i64)n : e;
}

// ---- Watches; `watching` held ----

static struct watch *
find(struct epoll *ep, struct file *f, int fd)
{
  struct watch *w;
  list_for(w, &f->watches, in_file)
    if(w->epoll == ep && w->fd == fd)
      return w;
  return NULL;
}

static void
drop(struct watch *w)
{
  poll_wait_done(&w->wait);
  take(w->epoll, w);
  list_remove(&w->in_epoll);
  list_remove(&w->in_file);
  kfree(w);
}

// How many epolls are one inside the other from f on; too many if one is ep.
static u32
depth_below(const struct file *f, const struct epoll *ep)
{
  const struct epoll *inner = f->priv;
  const struct watch *w;
  u32 depth = 0;
  if(f->ops != &epoll_ops)
    return 0;
  if(inner == ep)
    return NEST_MAX;
  list_for(w, &inner->watches, in_epoll)
    depth = max(depth, depth_below(w->file, ep));
  return depth + 1;
}

static u32
depth_above(const struct epoll *ep)
{
  const struct watch *w;
  u32 depth = 0;
  list_for(w, &ep->file->watches, in_file)
    depth = max(depth, depth_above(w->epoll));
  return depth + 1;
}

static void
set(struct watch *w, const struct epoll_event *ev)
{
  w->events = ev->events | POLLERR | POLLHUP;
  w->data = ev->data;
  tell(&w->wait, ~0U);                 // it may be ready already
}

static int
add(struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev)
{
  if(depth_below(f, ep) + depth_above(ep) > NEST_MAX)
    return -ELOOP;
  struct watch *w = kzalloc(sizeof *w);
  if(w == NULL)
    return -ENOMEM;
  w->epoll = ep;
  w->file = f;
  w->fd = fd;
  list_init(&w->candidate);
  list_append(&ep->watches, &w->in_epoll);
  list_append(&f->watches, &w->in_file);
  poll_wait_init(&w->wait, tell, w);
  f->ops->poll(f, &w->wait);
  set(w, ev);
  return 0;
}

static int
control(struct epoll *ep, u32 op, struct file *f, int fd, const struct epoll_event *ev)
{
  struct watch *w = find(ep, f, fd);
  if(op == CTL_ADD)
    return w ? -EEXIST : add(ep, f, fd, ev);
  if(w == NULL)
    return -ENOENT;
  if(op == CTL_DEL)
    drop(w);
  else
    set(w, ev);
  return 0;
}

void
epoll_forget(struct file *f)
{
  sleep_lock(&watching);
  while(!list_empty(&f->watches))
    drop(list_first(&f->watches, struct watch, in_file));
  sleep_unlock(&watching);
}

// ---- The file ----

// Ready if one of the candidates is; the others are none.
static u32
epoll_poll(struct file *f, struct poll_wait *wait)
{
  struct epoll *ep = f->priv;
  struct watch *w;
  bool nested = sleep_held(&watching);
  poll_add(&ep->news, wait);
  if(!nested)
    sleep_lock(&watching);
  while((w = take(ep, NULL)) != NULL && ask(w) == 0)
    ;
  if(w)
    enter(w);
  if(!nested)
    sleep_unlock(&watching);
  return w ? POLLIN : 0;
}

static void
epoll_release(struct file *f)
{
  struct epoll *ep = f->priv;
  sleep_lock(&watching);
  while(!list_empty(&ep->watches))
    drop(list_first(&ep->watches, struct watch, in_epoll));
  sleep_unlock(&watching);
  kfree(ep);
}

static const struct file_ops epoll_ops = { .poll = epoll_poll, .release = epoll_release };

// ---- The calls ----

i64
sys_epoll_create1(const u64 *a)
{
  if(a[0] & ~(u64)O_CLOEXEC)
    return -EINVAL;
  struct epoll *ep = kzalloc(sizeof *ep);
  struct file *f = ep ? file_nameless(&epoll_ops, O_RDWR, ep) : NULL;
  if(f == NULL){
    kfree(ep);
    return -ENOMEM;
  }
  ep->file = f;
  list_init(&ep->watches);
  spin_init(&ep->lock, "epoll candidates");
  list_init(&ep->candidates);
  waitq_init(&ep->waiters);
  poll_source_init(&ep->news);
  return fd_install(f, 0, a[0] & O_CLOEXEC);
}

i64
sys_epoll_ctl(const u64 *a)
{
  struct epoll_event ev = { 0 };
  u32 op = (u32)a[1];
  if(op != CTL_DEL && copy_from_user(&ev, a[3], sizeof ev))
    return -EFAULT;
  struct fd_ref ep = fd_get(a[0]), f = fd_get(a[2]);
  i64 e = 0;
  if(ep.file == NULL || f.file == NULL)
    e = -EBADF;
  else if(f.file->ops->poll == NULL)
    e = -EPERM;
  else if(ep.file->ops != &epoll_ops || ep.file == f.file || op < CTL_ADD || op > CTL_MOD)
    e = -EINVAL;
  if(e == 0){
    sleep_lock(&watching);
    e = control(ep.file->priv, op, f.file, (int)a[2], &ev);
    sleep_unlock(&watching);
  }
  fd_put(ep);
  fd_put(f);
  return e;
}

// a: ., where the events go, how many, deadline
static i64
await(struct file *f, const u64 *a)
{
  struct epoll *ep = f->priv;
  i64 n;
  int e = 0;
  if(f->ops != &epoll_ops)
    return -EINVAL;
  while((n = collect(ep, a[1], a[2])) == 0 && e == 0){
    bool on = spin_lock_irq(&ep->lock);
    while(list_empty(&ep->candidates) && e == 0)
      e = wait_until(&ep->waiters, &ep->lock, a[3]);
    spin_unlock_irq(&ep->lock, on);
  }
  return n ? n : e == -ETIMEDOUT ? 0 : e == -EINTR ? -ENOHANDLER : e;
}

static i64
wait_masked(const u64 *a, u64 deadline)
{
  if((i32)a[2] <= 0 || (i32)a[2] > EVENTS_MAX)
    return -EINVAL;
  int e = a[4] ? signal_mask_for_call(a[4], a[5]) : 0;
  if(e)
    return e;
  const u64 b[] = { a[0], a[1], (u32)a[2], deadline };
  i64 n = on_file(b, await);
  return a[4] ? signal_mask_back(n) : n;
}

i64
sys_epoll_pwait(const u64 *a)
{
  i32 ms = (i32)a[3];
  return wait_masked(a, ms < 0 ? NEVER : machine_time_ns() + (u64)ms * (SECOND / 1000));
}

i64
sys_epoll_pwait2(const u64 *a)
{
  u64 deadline;
  int e = timespec_get_deadline(a[3], &deadline);
  return e ? e : wait_masked(a, deadline);
}
