// SPDX-License-Identifier: MIT
//
// The inode file: where inode n is, and which numbers are free.  It grows by a
// block when no inode is free, by a bitmap block at every 32768th.
//
// Locks: ialloc_lock for finding a number, bits_lock for the bits themselves.

#include "fs/qfs.h"

enum { GROUP_BLOCKS = QFS_INODE_GROUP / QFS_INODES_PER_BLOCK };

static u64
table_blocks(const struct qfs *fs)
{
  return fs->table.vfs.object.size / QFS_BLOCK;
}

// Where a block is remembered.  The inode file never shrinks, so that it stays true.
static u32
recent_slot(u64 n)
{
  return n % GROUP_BLOCKS ? 1 + n % (count_of(((struct qfs *)0)->recent) - 1) : 0;
}

// => pinned, or NULL
static struct frame *
recall(struct qfs *fs, u64 n)
{
  u32 i = recent_slot(n);
  spin_lock(&fs->bits_lock);
  struct frame *f = fs->recent[i].n == n ? fs->recent[i].page : NULL;
  if(f)
    frame_get(f, PIN_1);
  spin_unlock(&fs->bits_lock);
  return f;
}

static void
remember(struct qfs *fs, u64 n, struct frame *f)
{
  u32 i = recent_slot(n);
  frame_get(f, PIN_1);
  spin_lock(&fs->bits_lock);
  struct frame *old = fs->recent[i].page;
  fs->recent[i].n = n;
  fs->recent[i].page = f;
  spin_unlock(&fs->bits_lock);
  if(old)
    qfs_meta_put(old);
}

void
qfs_ialloc_end(struct qfs *fs)
{
  for(u32 i = 0; i < count_of(fs->recent); i++)
    if(fs->recent[i].page)
      qfs_meta_put(fs->recent[i].page);
}

// Block n of the inode file.  => pinned; -EUCLEAN if it is a hole
static int
table_get(struct qfs *fs, u64 n, struct frame **f)
{
  struct qfs_run run;
  *f = recall(fs, n);
  if(*f)
    return 0;
  int e = qfs_map(&fs->table, n, 1, false, &run);
  if(e == 0)
    e = run.block ? qfs_meta_get(fs, run.block, f) : -EUCLEAN;
  if(e == 0)
    remember(fs, n, *f);
  return e;
}

// Block n of the inode file, or the first past its end, which is then part of it.
// ialloc_lock is held.  => pinned
static int
table_make(struct qfs *fs, u64 n, struct frame **f)
{
  struct qfs_inode *t = &fs->table;
  u64 block;
  if(n < table_blocks(fs))
    return table_get(fs, n, f);
  int e = qfs_map_alloc(t, n, &block);
  if(e == 0)
    e = qfs_meta_new(fs, block, f);
  if(e)
    return e;
  t->vfs.object.size = (n + 1) * QFS_BLOCK;
  t->vfs.dirty = true;
  return 0;
}

static bool
is_number(const struct qfs *fs, u64 ino)
{
  return ino % QFS_INODE_GROUP >= QFS_INODES_PER_BLOCK &&
         ino / QFS_INODES_PER_BLOCK < table_blocks(fs);
}

static struct qfs_dinode *
in_page(struct frame *f, u64 ino)
{
  return (struct qfs_dinode *)frame_kva(f) + ino % QFS_INODES_PER_BLOCK;
}

int
qfs_inode_place(struct qfs *fs, u64 ino, struct frame **page, struct qfs_dinode **disk)
{
  if(!is_number(fs, ino))
    return -EUCLEAN;
  int e = table_get(fs, ino / QFS_INODES_PER_BLOCK, page);
  if(e == 0)
    *disk = in_page(*page, ino);
  return e;
}

static int
bitmap_get(struct qfs *fs, u64 group, struct frame **f)
{
  int e = table_make(fs, group * GROUP_BLOCKS, f);
  if(e == 0)
    *(u16 *)frame_kva(*f) |= (1U << QFS_INODES_PER_BLOCK) - 1;   // the bitmap itself
  return e;
}

// The number that a group's bitmap offers: not below inode_goal, and past the
// group if it is full.
static u64
offer(struct qfs *fs, u64 group, const struct frame *bitmap)
{
  u64 first = group * QFS_INODE_GROUP;
  u32 from = max(fs->inode_goal, first) - first;
  return first + qfs_find_zero(frame_kva(bitmap), from, QFS_INODE_GROUP);
}

// Take `ino` if it is still what the bitmap offers.
static bool
take(struct qfs *fs, u64 group, struct frame *bitmap, u64 ino)
{
  u64 *bits = frame_kva(bitmap), i = ino % QFS_INODE_GROUP;
  bool in_group = ino / QFS_INODE_GROUP == group;
  spin_lock(&fs->bits_lock);
  bool same = fs->inode_goal / QFS_INODE_GROUP == group && offer(fs, group, bitmap) == ino;
  if(same)
    fs->inode_goal = ino + in_group;
  if(same && in_group)
    bits[i / 64] |= 1UL << (i % 64);
  spin_unlock(&fs->bits_lock);
  qfs_meta_dirty(fs, bitmap);
  return same && in_group;
}

// One try for the lowest free number.  => 0; -EAGAIN: the group is full, or the
// place was taken: either way inode_goal knows; -ENOSPC ...
static int
take_number(struct qfs *fs, u64 *ino, struct frame **page, struct qfs_dinode **disk)
{
  u64 group = atomic_load(&fs->inode_goal) / QFS_INODE_GROUP;
  struct frame *bitmap;
  int e = bitmap_get(fs, group, &bitmap);
  if(e)
    return e;
  *ino = offer(fs, group, bitmap);
  bool in_group = *ino / QFS_INODE_GROUP == group;
  if(in_group)
    e = table_make(fs, *ino / QFS_INODES_PER_BLOCK, page);
  bool taken = e == 0 && take(fs, group, bitmap, *ino);
  qfs_meta_put(bitmap);
  if(e || !in_group)
    return e ? e : -EAGAIN;
  *disk = in_page(*page, *ino);
  if(taken && (*disk)->mode == 0)
    return 0;
  qfs_meta_put(*page);           // a corrupt bitmap: the inode there keeps its place
  return -EAGAIN;
}

int
qfs_ialloc(struct qfs *fs, u64 *ino, struct frame **page, struct qfs_dinode **disk)
{
  int e;
  sleep_lock(&fs->ialloc_lock);
  do
    e = take_number(fs, ino, page, disk);
  while(e == -EAGAIN);
  sleep_unlock(&fs->ialloc_lock);
  return e;
}

int
qfs_ifree(struct qfs *fs, u64 ino)
{
  struct frame *f;
  int e = table_get(fs, ino / QFS_INODE_GROUP * GROUP_BLOCKS, &f);
  if(e)
    return e;
  u64 *bits = frame_kva(f), i = ino % QFS_INODE_GROUP;
  spin_lock(&fs->bits_lock);
  bits[i / 64] &= ~(1UL << (i % 64));
  fs->inode_goal = min(fs->inode_goal, ino);
  spin_unlock(&fs->bits_lock);
  qfs_meta_dirty(fs, f);
  qfs_meta_put(f);
  return 0;
}
