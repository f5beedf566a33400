// SPDX-License-Identifier: MIT
//
// eventfd: a number in the kernel.  Writing adds to it, reading takes it away, or
// one of it; either waits as long as that is not possible.
//
// Lock: e->lock.

#include <machine.h>
#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/poll.h"
#include "kernel/syscall.h"
#include "mm/slab.h"

enum { EFD_SEMAPHORE = 1 };
#define COUNT_MAX (~0UL - 1)

struct eventfd {
  struct spinlock lock;
  u64 count;
  bool semaphore;
  struct waitq changed;
  struct poll_source news;
};

// Wait until the number can be changed by `by`: up to COUNT_MAX, down to 0.
static int
await(struct file *f, struct eventfd *e, u64 by, bool up)
{
  int err = 0;
  while(err == 0 && (up ? e->count > COUNT_MAX - by : e->count < by))
    err = f->flags & O_NONBLOCK ? -EAGAIN : wait_intr(&e->changed, &e->lock);
  return err;
}

static i64
changed(struct eventfd *e, u32 what)
{
  wake_all(&e->changed);
  poll_notify(&e->news, what);
  return sizeof e->count;
}

static i64
eventfd_read(struct file *f, va_t buf, u64 n, u64 *pos)
{
  struct eventfd *e = f->priv;
  u64 taken = 1;
  if(n < sizeof taken)
    return -EINVAL;
  spin_lock(&e->lock);
  int err = await(f, e, taken, false);
  if(err == 0){
    taken = e->semaphore ? 1 : e->count;
    e->count -= taken;
  }
  spin_unlock(&e->lock);
  if(err)
    return err;
  changed(e, POLLOUT);
  return copy_to_user(buf, &taken, sizeof taken) ? -EFAULT : (i64)sizeof taken;
}

static i64
eventfd_write(struct file *f, va_t buf, u64 n, u64 *pos)
{
  struct eventfd *e = f->priv;
  u64 more;
  if(n < sizeof more)
    return -EINVAL;
  if(copy_from_user(&more, buf, sizeof more))
    return -EFAULT;
  if(more > COUNT_MAX)
    return -EINVAL;
  spin_lock(&e->lock);
  int err = await(f, e, more, true);
  if(err == 0)
    e->count += more;
  spin_unlock(&e->lock);
  return err ? err : changed(e, POLLIN);
}

static u32
eventfd_poll(struct file *f, struct poll_wait *w)
{
  struct eventfd *e = f->priv;
  poll_add(&e->news, w);
  u64 count = atomic_load(&e->count);
  return (count > 0 ? POLLIN : 0) | (count < COUNT_MAX ? POLLOUT : 0);
}

static void
eventfd_release(struct file *f)
{
  kfree(f->priv);
}

static const struct file_ops eventfd_ops = {
  .read = eventfd_read,
  .write = eventfd_write,
  .poll = eventfd_poll,
  .release = eventfd_release,
};

i64
sys_eventfd2(const u64 *a)
{
  if(a[1] & ~(u64)(O_CLOEXEC | O_NONBLOCK | EFD_SEMAPHORE))
    return -EINVAL;
  struct eventfd *e = kzalloc(sizeof *e);
  struct file *f = e ? file_nameless(&eventfd_ops, O_RDWR | (a[1] & O_NONBLOCK), e) : NULL;
  if(f == NULL){
    kfree(e);
    return -ENOMEM;
  }
  spin_init(&e->lock, "eventfd");
  waitq_init(&e->changed);
  poll_source_init(&e->news);
  e->count = (u32)a[0];
  e->semaphore = a[1] & EFD_SEMAPHORE;
  return fd_install(f, 0, a[1] & O_CLOEXEC);
}
