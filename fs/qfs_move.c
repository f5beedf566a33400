// SPDX-License-Identifier: MIT
//
// Pages of a file that become others' at once: holes, or pages of another file, whose blocks
// both share until one of them is written to.
//
// While it goes on no page of the files gets a block: no page that is there becomes dirty, for
// none has its place any more, and none is read that would have.
//
// Locks: those of the inodes are held, for writing; move_lock.

#include "fs/qfs.h"

static void
hold(struct qfs_inode *qi, u64 from)
{
  sleep_lock(&qi->map_lock);
  qfs_map_forget(qi);
  atomic_store(&qi->held, from);
  sleep_unlock(&qi->map_lock);
}

int
qfs_move_wait(struct qfs_inode *qi)
{
  struct qfs *fs = qfs_of(qi);
  sleep_lock(&fs->move_lock);
  sleep_unlock(&fs->move_lock);
  return 0;
}

// What leads to pages of `to` from those of `from`, as far as one operation goes; up to n.
// => for how many, or -errno
static i64
share_some(struct qfs_inode *to, u64 at, struct qfs_inode *from, u64 off, u32 n)
{
  struct qfs *fs = qfs_of(to);
  struct qfs_run run;
  i64 r = qfs_map(from, off, n, false, &run);
  if(r == 0 && run.block == 0)
    r = qfs_map_punch(to, at, at + run.n);
  if(r || run.block == 0)
    return r ? r : run.n;
  n = min(run.n, QFS_SHARES - (u32)(run.block % QFS_SHARES));
  do {
    r = qfs_begin(fs);
    if(r)
      return r;
    r = qfs_map_share(to, at, run.block, n);
    if(r > 0){
      to->reach = max(to->reach, at + r);
      if(to->disk->cut == QFS_NO_CUT)
        qfs_map_store_cut(to);
      to->changed = to->needed = fs->log.running;
    }
  } while(qfs_again(fs, r < 0 ? (int)r : 0));
  return r;
}

static int
share(struct qfs_inode *to, u64 at, struct qfs_inode *from, u64 off, u64 n)
{
  i64 r = 0;
  for(u64 done = 0; done < n && r >= 0; done += r > 0 ? r : 0)
    r = share_some(to, at + done, from, off + done, min(n - done, (u64)QFS_SHARES));
  return r < 0 ? (int)r : 0;
}

// Everything that is in memory of pages that will be shared is on the disk, and stores to
// them will ask for a place.
static int
settle_pages(struct object *o, u64 off, u64 n)
{
  object_unplace(o, off, off + n);
  return object_sync(o, off << PAGE_SHIFT, (off + n) << PAGE_SHIFT);
}

static int
move(struct qfs_inode *to, u64 at, u64 n, struct qfs_inode *from, u64 off)
{
  struct object *o = &to->vfs.object;
  int e = from ? settle_pages(&from->vfs.object, off, n) : 0;
  if(e)
    return e;
  object_remove(o, at, at + n);
  e = from ? share(to, at, from, off, n) : qfs_map_punch(to, at, at + n);
  object_remove(o, at, at + n);  // what was read meanwhile
  return e;
}

int
qfs_move(struct inode *i, u64 at, u64 n, struct inode *source, u64 off)
{
  struct qfs_inode *to = qfs_inode(i), *from = source ? qfs_inode(source) : NULL;
  struct qfs *fs = qfs_of(to);
  if(from && fs->sb->shares_blocks == 0)
    return -EOPNOTSUPP;
  qfs_give_back(i);
  if(from)
    qfs_give_back(source);
  int e = qfs_map_cut(to, true);
  if(e)
    return e;
  sleep_lock(&fs->move_lock);
  hold(to, from == to ? min(at, off) : at);
  if(from && from != to)
    hold(from, off);
  e = move(to, at, n, from, off);
  hold(to, QFS_NO_CUT);
  if(from)
    hold(from, QFS_NO_CUT);
  sleep_unlock(&fs->move_lock);
  return e;
}
