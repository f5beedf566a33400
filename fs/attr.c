// SPDX-License-Identifier: MIT
//
// Attributes of inodes: size, mode, owner, times.  Under the inode's lock.

#include "fs/attr.h"
#include "fs/stat.h"
#include "kernel/errno.h"
#include "kernel/string.h"

void
inode_stat(struct inode *i, struct kstat *st)
{
  memset(st, 0, sizeof *st);
  rw_read_lock(&i->lock);
  st->dev = i->super->dev;
  st->ino = i->ino;
  st->mode = i->mode;
  st->nlink = i->nlink;
  st->uid = i->uid;
  st->gid = i->gid;
  st->rdev = i->rdev;
  st->size = i->object.size;
  st->blksize = PAGE_SIZE;
  st->blocks = i->blocks;
  st->atime = i->atime;
  st->mtime = i->mtime;
  st->ctime = i->ctime;
  rw_read_unlock(&i->lock);
}

void
inode_modified(struct inode *i)
{
  time_now(&i->mtime);
  i->ctime = i->mtime;
  i->dirty = true;
}

void
inode_changed(struct inode *i)
{
  time_now(&i->ctime);
  i->dirty = true;
}

int
inode_update(struct inode *i)
{
  if(!i->dirty)
    return 0;
  i->dirty = false;
  int e = i->ops->update ? i->ops->update(i) : 0;
  if(e)
    i->dirty = true;
  return e;
}

int
vfs_truncate(struct inode *i, u64 size)
{
  if(S_ISDIR(i->mode))
    return -EISDIR;
  if(!S_ISREG(i->mode) || i->object.refs == 0)
    return -EINVAL;
  if(i->super->read_only)
    return -EROFS;
  if(size > FILE_SIZE_MAX)
    return -EFBIG;
  rw_write_lock(&i->lock);
  object_truncate(&i->object, size);
  int e = i->ops->truncate(i, size);
  inode_modified(i);
  rw_write_unlock(&i->lock);
  return e;
}

// Attributes that were changed under the lock go to the disk.
static int
changed(struct inode *i)
{
  inode_changed(i);
  int e = inode_update(i);
  rw_write_unlock(&i->lock);
  return e;
}

static int
begin_change(struct inode *i)
{
  if(i->super->read_only)
    return -EROFS;
  rw_write_lock(&i->lock);
  return 0;
}

int
inode_chmod(struct inode *i, u32 mode)
{
  int e = begin_change(i);
  if(e)
    return e;
  i->mode = (i->mode & S_IFMT) | (mode & MODE_BITS);
  return changed(i);
}

int
inode_chown(struct inode *i, u32 uid, u32 gid)
{
  int e = begin_change(i);
  if(e)
    return e;
  if(uid != ID_KEEP)
    i->uid = uid;
  if(gid != ID_KEEP)
    i->gid = gid;
  return changed(i);
}

int
inode_set_times(struct inode *i, const struct timespec *atime, const struct timespec *mtime)
{
  int e = begin_change(i);
  if(e)
    return e;
  if(atime)
    i->atime = *atime;
  if(mtime)
    i->mtime = *mtime;
  return changed(i);
}
