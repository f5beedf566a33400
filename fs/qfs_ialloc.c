// SPDX-License-Identifier: MIT
//
// The inode file: where inode n is, and which numbers are free.  It grows by a
// block when no inode is free, by a bitmap block at every 32768th.
//
// Locks: bits_lock for the bits and what is at hand, ialloc_lock for growing.

#include "fs/qfs.h"
#include "kernel/bits.h"

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

// The page of a block, as long as bits_lock is held; NULL if it is not at hand.
static struct frame *
at_hand(struct qfs *fs, u64 n)
{
  u32 i = recent_slot(n);
  return fs->recent[i].n == n ? fs->recent[i].page : NULL;
}

// => pinned, or NULL
static struct frame *
recall(struct qfs *fs, u64 n)
{
  spin_lock(&fs->bits_lock);
  struct frame *f = at_hand(fs, n);
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

// The first block past the end becomes part of the inode file.  => pinned; -EAGAIN: it is by now
static int
grow(struct qfs *fs, u64 n, struct frame **f)
{
  struct qfs_inode *t = &fs->table;
  sleep_lock(&fs->ialloc_lock);
  int e = n < table_blocks(fs) ? -EAGAIN : qfs_map_new(t, n, f);
  if(e == 0){
    t->vfs.object.size = (n + 1) * QFS_BLOCK;
    qfs_inode_store(t);
  }
  sleep_unlock(&fs->ialloc_lock);
  return e;
}

// For the next try: block n, or the first past the end, is at hand, or nearly so.
// => -EAGAIN, or what is in the way
static __attribute__((noinline)) int
bring(struct qfs *fs, u64 n)
{
  struct frame *f;
  int e = n < table_blocks(fs) ? table_get(fs, n, &f) : grow(fs, n, &f);
  if(e == 0)
    qfs_meta_put(f);
  return e ? e : -EAGAIN;
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

// ---- Numbers ----

// The lowest free number of a group that is not below inode_goal; past the group
// if it is full.  The bitmap's own place is no inode's.
static u64
offer(struct qfs *fs, u64 group, u64 *bits)
{
  u64 first = group * QFS_INODE_GROUP;
  u32 from = max(fs->inode_goal, first) - first;
  bits[0] |= (1UL << QFS_INODES_PER_BLOCK) - 1;
  return first + bits_find(bits, from, QFS_INODE_GROUP, false);
}

// Take the lowest free number with what is at hand; bits_lock held.
// => its page, pinned; or NULL: block *need of the inode file has to be at hand
//    first, or nothing, for the group was full and the next one is due
static struct frame *
take(struct qfs *fs, u64 *ino, u64 *need)
{
  u64 group = fs->inode_goal / QFS_INODE_GROUP;
  struct frame *bitmap = at_hand(fs, *need = group * GROUP_BLOCKS);
  if(bitmap == NULL)
    return NULL;
  u64 *bits = frame_kva(bitmap), i = *ino = offer(fs, group, bits);
  struct frame *page = NULL;
  if(i / QFS_INODE_GROUP == group){
    page = at_hand(fs, *need = i / QFS_INODES_PER_BLOCK);
    if(page == NULL)
      return NULL;
    frame_get(page, PIN_1);
    bits[i % QFS_INODE_GROUP / 64] |= 1UL << (i % 64);
    qfs_meta_dirty(fs, bitmap);
    i++;
  }
  fs->inode_goal = i;
  return page;
}

int
qfs_ialloc(struct qfs *fs, struct inode *i, struct frame **page, struct qfs_dinode **disk)
{
  u64 need;
  spin_lock(&fs->bits_lock);
  struct frame *f = take(fs, &i->ino, &need);
  spin_unlock(&fs->bits_lock);
  if(unlikely(f == NULL))
    return bring(fs, need);
  *page = f;
  *disk = in_page(f, i->ino);
  if((*disk)->mode == 0 && inode_enter_new(i))
    return 0;
  qfs_meta_put(f);               // the inode there keeps its place, whatever the disk says
  return -EAGAIN;
}

// => false if the bitmap with it is not at hand
static bool
give(struct qfs *fs, u64 ino, struct qfs_inode *orphan)
{
  u64 i = ino % QFS_INODE_GROUP;
  spin_lock(&fs->bits_lock);
  struct frame *bitmap = at_hand(fs, ino / QFS_INODE_GROUP * GROUP_BLOCKS);
  if(bitmap){
    ((u64 *)frame_kva(bitmap))[i / 64] &= ~(1UL << (i % 64));
    fs->inode_goal = min(fs->inode_goal, ino);
    if(orphan){
      orphan->disk->mode = 0;      // who finds the number free finds nobody there
      qfs_meta_dirty(fs, orphan->home);
      qfs_orphan_remove(fs, orphan);
    }
    qfs_meta_dirty(fs, bitmap);
  }
  spin_unlock(&fs->bits_lock);
  return bitmap != NULL;
}

int
qfs_ifree(struct qfs *fs, u64 ino, struct qfs_inode *orphan)
{
  while(unlikely(!give(fs, ino, orphan))){
    int e = bring(fs, ino / QFS_INODE_GROUP * GROUP_BLOCKS);
    if(e != -EAGAIN)
      return e;
  }
  return 0;
}
