// SPDX-License-Identifier: MIT
//
// Block devices as files.  Reads and writes go to the device at once, through a
// page; what a mounted file system has in memory does not hear of them.
//
// Locks: the inode's, so that writes to parts of one page leave each other alone.

#include <machine.h>
#include "fs/stat.h"
#include "kernel/block.h"
#include "kernel/errno.h"
#include "kernel/task.h"
#include "mm/slab.h"

// The part of a page of the device that begins at pos, to or from the user.
// `end`: of the device
static int
transfer_part(struct block_device *d, char *page, va_t buf, u64 pos, u64 n, u64 end, bool write)
{
  u64 in_page = pos & PAGE_MASK, sector = (pos - in_page) / SECTOR;
  u32 whole = min((u64)PAGE_SIZE, end - (pos - in_page));
  int e = write && n == whole ? 0 : block_rw(d, BLOCK_READ, sector, page, whole);
  if(e)
    return e;
  if(!write)
    return copy_to_user(buf, page + in_page, n) ? -EFAULT : 0;
  if(copy_from_user(page + in_page, buf, n))
    return -EFAULT;
  return block_rw(d, BLOCK_WRITE, sector, page, whole);
}

static i64
transfer(struct file *f, va_t buf, u64 n, u64 *pos, bool write)
{
  struct block_device *d = f->priv;
  u64 end = d->sectors * SECTOR, done = 0;
  int e = 0;
  if(*pos >= end)
    return write && n > 0 ? -ENOSPC : 0;
  char *page = kmalloc(PAGE_SIZE);
  if(page == NULL)
    return -ENOMEM;
  rw_write_lock(&f->inode->lock);
  n = min(n, end - *pos);
  while(done < n && !current->killed){
    u64 part = min(n - done, PAGE_SIZE - (*pos & PAGE_MASK));
    e = transfer_part(d, page, buf + done, *pos, part, end, write);
    if(e)
      break;
    done += part;
    *pos += part;
  }
  rw_write_unlock(&f->inode->lock);
  kfree(page);
  return done > 0 ? (i64)done : e;
}

static i64
block_read(struct file *f, va_t buf, u64 n, u64 *pos)
{
  return transfer(f, buf, n, pos, false);
}

static i64
block_write(struct file *f, va_t buf, u64 n, u64 *pos)
{
  return transfer(f, buf, n, pos, true);
}

static const struct file_ops block_file_ops = { .read = block_read, .write = block_write };

int
block_file_open(struct file *f, struct inode *i)
{
  struct block_device *d = dev_major(i->rdev) == BLOCK_MAJOR ? block_at(dev_minor(i->rdev)) : NULL;
  if(d == NULL)
    return -ENXIO;
  i->object.size = d->sectors * SECTOR;      // for lseek from the end
  f->priv = d;
  f->ops = &block_file_ops;
  f->seekable = true;
  return 0;
}
