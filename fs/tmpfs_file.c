// SPDX-License-Identifier: MIT
//
// Pages of files in a tmpfs: charged to it when they are first written to.

#include "fs/tmpfs.h"
#include "kernel/errno.h"

enum { BLOCKS_A_PAGE = PAGE_SIZE / 512, BATCH = 64 };

static struct tmpfs_inode *
inode_of(struct object *o)
{
  return container_of(o, struct tmpfs_inode, vfs.object);
}

// fs->lock held
static int
charge(struct tmpfs *fs, struct tmpfs_inode *ti, u64 index)
{
  if(radix_get(&ti->charged, index))
    return 0;
  if(fs->pages >= fs->pages_max)
    return -ENOSPC;
  int e = radix_insert(&ti->charged, index, index + 1, false);
  if(e == 0){
    fs->pages++;
    ti->vfs.blocks += BLOCKS_A_PAGE;
  }
  return e;
}

static int
page_mkwrite(struct object *o, struct frame *f)
{
  struct tmpfs_inode *ti = inode_of(o);
  struct tmpfs *fs = tmpfs_of(&ti->vfs);
  spin_lock(&fs->lock);
  int e = charge(fs, ti, f->index);
  if(e == 0)
    frame_placed(f);
  spin_unlock(&fs->lock);
  return e;
}

// Some of the pages [first, end) are charged no more. => false: there were none
static bool
uncharge_some(struct tmpfs *fs, struct tmpfs_inode *ti, u64 first, u64 end)
{
  u64 which[BATCH], index = first;
  spin_lock(&fs->lock);
  u32 n = radix_gather(&ti->charged, &index, end - 1, false, which, BATCH);
  for(u32 k = 0; k < n; k++)
    radix_remove(&ti->charged, which[k] - 1);
  fs->pages -= n;
  ti->vfs.blocks -= n * BLOCKS_A_PAGE;
  spin_unlock(&fs->lock);
  return n > 0;
}

int
tmpfs_truncate(struct inode *i, u64 size)
{
  while(uncharge_some(tmpfs_of(i), tmpfs_inode(i), page_up(size) >> PAGE_SHIFT, ~0UL))
    ;
  return 0;
}

int
tmpfs_move(struct inode *i, u64 at, u64 n, struct inode *from, u64 off)
{
  if(from)
    return -EOPNOTSUPP;
  object_remove(&i->object, at, at + n);
  while(uncharge_some(tmpfs_of(i), tmpfs_inode(i), at, at + n))
    ;
  return 0;
}

static void
release(struct object *o)
{
  object_destroy(o);
  tmpfs_inode_free(inode_of(o));
}

const struct object_ops tmpfs_file_ops = { .page_mkwrite = page_mkwrite, .release = release };
