// SPDX-License-Identifier: MIT
//
// Open directories.

#include "fs/vfs.h"
#include "kernel/errno.h"

static i64
directory_read(struct file *f, va_t buf, u64 n, u64 *pos)
{
  return -EISDIR;
}

static int
directory_readdir(struct file *f, struct dir_sink *d)
{
  struct inode *i = f->inode;
  rw_read_lock(&i->lock);
  int e = i->nlink == 0 ? -ENOENT : i->ops->readdir(i, f->pos, d);
  rw_read_unlock(&i->lock);
  return e;
}

const struct file_ops directory_file_ops = {
  .read = directory_read,
  .readdir = directory_readdir,
};
