// SPDX-License-Identifier: MIT
//
// Copies of files that share their blocks until one side writes: FICLONE, cp --reflink.
//
// Locks: those of both inodes.

#include "fs/vfs.h"
#include "kernel/errno.h"

static int
check(struct file *to, struct file *from)
{
  struct inode *t = to->inode, *f = from->inode;
  if(t->super != f->super)
    return -EXDEV;
  if(!S_ISREG(t->mode) || !S_ISREG(f->mode))
    return S_ISDIR(t->mode) || S_ISDIR(f->mode) ? -EISDIR : -EINVAL;
  if((from->flags & O_ACCMODE) == O_WRONLY || (to->flags & O_ACCMODE) == O_RDONLY ||
     (to->flags & O_APPEND))
    return -EBADF;
  return t->ops->move ? 0 : -EOPNOTSUPP;
}

// Whole pages; the last one may be less if it is the last of both.
static int
check_range(struct inode *t, u64 at, struct inode *f, u64 off, u64 n)
{
  u64 size = f->object.size;
  if(off > size || n > size - off || ((off | at) & PAGE_MASK))
    return -EINVAL;
  if((n & PAGE_MASK) && (off + n < size || at + n < t->object.size))
    return -EINVAL;
  if(f == t && at < off + n && off < at + n)
    return -EINVAL;
  if(at > FILE_SIZE_MAX - n)
    return -EFBIG;
  return f->object.fixed || t->object.fixed ? -ETXTBSY : 0;
}

int
inode_clone(struct inode *t, u64 at, struct inode *f, u64 off, u64 n)
{
  if(n == 0 && off < f->object.size)
    n = f->object.size - off;
  int e = check_range(t, at, f, off, n);
  if(e || n == 0)
    return e;
  if(at > t->object.size)
    e = object_extend(&t->object, at);
  if(e == 0)
    e = t->ops->move(t, at >> PAGE_SHIFT, page_up(n) >> PAGE_SHIFT, f, off >> PAGE_SHIFT);
  if(e)
    t->ops->truncate(t, t->object.size);         // what was shared beyond the end
  else if(at + n > t->object.size)
    object_truncate(&t->object, at + n);
  inode_modified(t);
  return e;
}

int
vfs_clone(struct file *to, u64 at, struct file *from, u64 off, u64 n)
{
  int e = check(to, from);
  if(e)
    return e;
  inode_lock_both(to->inode, from->inode);
  e = inode_clone(to->inode, at, from->inode, off, n);
  inode_unlock_both(to->inode, from->inode);
  return e;
}
