// SPDX-License-Identifier: MIT
//
// Attributes of inodes: size, mode, owner, times.  Under the inode's lock.

#include "fs/attr.h"
#include "fs/stat.h"
#include "kernel/block.h"
#include "kernel/errno.h"

void
inode_stat(struct inode *i, struct kstat *st)
{
  rw_read_lock(&i->lock);
  u64 blocks = i->blocks - object_ahead(&i->object) * (PAGE_SIZE / 512);
  *st = (struct kstat){
    .dev = i->super->dev, .ino = i->ino, .mode = i->mode, .nlink = i->nlink, .uid = i->uid,
    .gid = i->gid, .rdev = i->rdev, .pad1 = 0, .size = i->object.size, .blksize = PAGE_SIZE,
    .pad2 = 0, .blocks = blocks, .atime = i->atime, .mtime = i->mtime, .ctime = i->ctime,
    .unused = { 0, 0 },
  };
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
  u64 size = i->object.size;
  int e = i->ops->update ? i->ops->update(i) : 0;
  if(e)
    i->dirty = true;
  else
    i->stored_size = size;
  return e;
}

int
inode_claim(struct inode *i, int what)
{
  i32 n = atomic_load(&i->writers);
  while(what > 0 ? n >= 0 : n <= 0)
    if(__atomic_compare_exchange_n(&i->writers, &n, n + what, false, __ATOMIC_RELAXED,
                                   __ATOMIC_RELAXED))
      return 0;
  return -ETXTBSY;
}

void
inode_unclaim(struct inode *i, int what)
{
  atomic_add(&i->writers, -what);
}

int
file_reserve(struct file *f)
{
  struct inode *i = f->inode;
  int e = -EINVAL;
  if(S_ISBLK(i->mode)){
    e = block_hold(f->priv) ? 0 : -EBUSY;
  } else if(S_ISREG(i->mode) && i->object.refs > 0){
    rw_write_lock(&i->lock);           // no write is half-way
    e = object_fix(&i->object);
    rw_write_unlock(&i->lock);
  }
  f->reserves = e == 0;
  return e;
}

void
file_unreserve(struct file *f)
{
  if(S_ISBLK(f->inode->mode))
    block_let_go(f->priv);
  else
    object_unfix(&f->inode->object);
}

int
inode_seal(struct inode *i, u32 seals)
{
  int e = 0;
  rw_write_lock(&i->lock);             // no write is half-way
  if(!i->seals || (seals & ~(u32)F_SEAL_ALL))
    e = -EINVAL;
  else if(i->seals & F_SEAL_SEAL)
    e = -EPERM;
  else if((seals & ~i->seals & F_SEAL_WRITE) && object_fix(&i->object))
    e = -EBUSY;
  else
    i->seals |= seals;
  rw_write_unlock(&i->lock);
  return e;
}

static int
truncate_locked(struct inode *i, u64 size)
{
  int e = 0;
  bool more = size > i->object.size, less = size < i->object.size;
  if(i->seals & ((more ? F_SEAL_GROW : 0) | (less ? F_SEAL_SHRINK : 0)))
    return -EPERM;
  if(i->object.fixed && !i->seals)
    return -ETXTBSY;
  if(more)
    e = object_extend(&i->object, size);
  else
    object_truncate(&i->object, size);
  if(e == 0)
    e = i->ops->truncate(i, size);
  inode_modified(i);
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
  int e = truncate_locked(i, size);
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
  if(!S_ISDIR(i->mode))                // the new owner has promised nothing
    i->mode &= ~(S_ISUID | (i->mode & S_IXGRP ? S_ISGID : 0));
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
