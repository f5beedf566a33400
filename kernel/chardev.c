// SPDX-License-Identifier: MIT
//
// The register of character devices, and those that are only memory: null,
// zero, full, random.  The list grows at boot and is read without a lock.

#include <machine.h>
#include "fs/stat.h"
#include "kernel/chardev.h"
#include "kernel/errno.h"
#include "kernel/job.h"
#include "kernel/list.h"
#include "kernel/printk.h"
#include "kernel/random.h"
#include "kernel/task.h"
#include "mm/slab.h"


static struct list devices = LIST_INIT(devices);

void
chardev_register(u32 major, u32 minor, const char *name, u32 mode, const struct file_ops *ops)
{
  struct chardev *d = kmalloc(sizeof *d);
  if(d == NULL)
    panic("no memory for device %s", name);
  *d = (struct chardev){ .major = major, .minor = minor, .mode = mode, .name = name, .ops = ops };
  list_append(&devices, &d->link);
}

struct chardev *
chardev_at(u32 k)
{
  struct chardev *d;
  list_for(d, &devices, link)
    if(k-- == 0)
      return d;
  return NULL;
}

int
chardev_open(struct file *f, struct inode *i)
{
  struct chardev *d;
  list_for(d, &devices, link)
    if(d->major == dev_major(i->rdev) && d->minor == dev_minor(i->rdev)){
      f->ops = d->ops;
      f->seekable = d->ops->no_position;
      bool none = i->rdev == DEV_TTY && terminal_session() < 0;
      return none ? -ENXIO : d->ops->open ? d->ops->open(f) : 0;
    }
  return -ENXIO;
}

// ---- Devices that are only memory ----

static i64
read_nothing(struct file *f, va_t buf, u64 n, u64 *pos)
{
  return 0;
}

static i64
read_zeroes(struct file *f, va_t buf, u64 n, u64 *pos)
{
  u64 left = zero_user(buf, n);
  return left == n && n > 0 ? -EFAULT : (i64)(n - left);
}

static i64
read_random(struct file *f, va_t buf, u64 n, u64 *pos)
{
  u8 some[128];
  u64 done = 0;
  while(done < n && !signal_pending()){
    u64 now = min(n - done, sizeof some);
    random_bytes(some, now);
    if(copy_to_user(buf + done, some, now))
      return done > 0 ? (i64)done : -EFAULT;
    done += now;
  }
  return done > 0 || n == 0 ? (i64)done : -EINTR;
}

static i64
write_away(struct file *f, va_t buf, u64 n, u64 *pos)
{
  return n;
}

static i64
write_full(struct file *f, va_t buf, u64 n, u64 *pos)
{
  return -ENOSPC;
}

static const struct file_ops null_ops = {
  .read = read_nothing, .write = write_away, .no_position = true,
};
static const struct file_ops zero_ops = {
  .read = read_zeroes, .write = write_away, .maps_zeroes = true, .no_position = true,
};
static const struct file_ops full_ops = {
  .read = read_zeroes, .write = write_full, .no_position = true,
};
static const struct file_ops random_ops = {
  .read = read_random, .write = write_away, .no_position = true,
};

void
memory_devices_init(void)
{
  chardev_register(1, 3, "null", 0666, &null_ops);
  chardev_register(1, 5, "zero", 0666, &zero_ops);
  chardev_register(1, 7, "full", 0666, &full_ops);
  chardev_register(1, 8, "random", 0666, &random_ops);
  chardev_register(1, 9, "urandom", 0666, &random_ops);
}
