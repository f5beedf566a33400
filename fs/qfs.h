// SPDX-License-Identifier: MIT
//
// qfs in memory.  The format is in qfs_format.h; the parts, from the bottom up:
//
//   qfs_io.c      runs of blocks to and from the device
//   qfs_meta.c    metadata blocks: an object over the device, a page a block
//   qfs_balloc.c  the block bitmap
//   qfs_map.c     the block tree of a file: page number -> disk block
//   qfs_ialloc.c  the inode file: numbers and places of inodes
//   qfs_inode.c   inodes in memory
//   qfs_file.c    pages of regular files
//   qfs_dir.c     the B-tree of a directory
//   qfs_namei.c   names: create, link, rename ...
//   qfs_super.c   mounting and the superblock
//
// Every number from the disk is checked where it is used.  What is wrong gives
// -EUCLEAN, what cannot be read -EIO.
//
// Locks, outermost first, below the locks of the inodes:
//   ialloc_lock > map_lock (of a file before that of the inode file) > scratch_lock
//   > root_lock, bits_lock (spinlocks)
// A task may wait for memory under the first two: so the way of dirty pages to the
// disk (write_pages) takes neither, and finds blocks without memory.

#pragma once

#include "fs/qfs_format.h"
#include "fs/vfs.h"
#include "kernel/block.h"
#include "kernel/errno.h"
#include "mm/frame.h"
#include "mm/object.h"

struct qfs_inode {
  struct inode vfs;
  struct frame *home;            // pinned: the metadata page the inode is in
  struct qfs_dinode *disk;       // there
  u64 parent, entries;           // directories; vfs.lock
  struct frame *top;             // of a directory's tree, pinned, once it was used; bits_lock

  struct sleeplock map_lock;     // whoever changes the block tree; below, and vfs.blocks
  u64 goal;                      // where the next block would be welcome
  struct frame *leaf;            // the block of the tree that was changed last, pinned, or
  u64 leaf_at;                   // NULL; and which of all that point at data it is
  struct spinlock root_lock;     // height and root change together
  u32 height;

  struct list orphan;            // fs->orphans
};

struct qfs {
  struct super super;
  struct block_device *device;
  struct object meta;            // metadata blocks by block number
  struct frame *sb_page;         // pinned: block 0
  struct qfs_super *sb;          // there
  struct qfs_inode table;        // the inode file

  struct spinlock bits_lock;     // bits of block and inode bitmaps; below
  u64 free_blocks;
  u64 goal;                      // after the block allocated last
  struct frame *bitmap;          // the block of the bitmap used for that, pinned, or NULL,
  u64 bitmap_at;                 // and which it is
  u64 inode_goal;                // no inode number below is free
  struct { u64 n; struct frame *page; } recent[4];  // blocks of the inode file, pinned
  struct list orphans;           // evicted inodes that could not be freed for want of memory

  struct sleeplock ialloc_lock;  // one new inode at a time

  struct sleeplock scratch_lock; // below
  void *scratch;                 // a page for writing without memory
  bool clean;                    // what the superblock on disk says; read without the lock too

  u32 writing;                   // writers of metadata
  u64 flushed;                   // the device's writes when it was flushed last
};

static inline struct qfs_inode *
qfs_inode(struct inode *i)
{
  return container_of(i, struct qfs_inode, vfs);
}

static inline struct qfs *
qfs_of(const struct qfs_inode *qi)
{
  return container_of(qi->vfs.super, struct qfs, super);
}

// Are these blocks that files and directories may be made of?
static inline bool
qfs_blocks_ok(const struct qfs *fs, u64 b, u32 n)
{
  return b >= fs->sb->data_start && b < fs->sb->blocks && n <= fs->sb->blocks - b;
}

static inline bool qfs_block_ok(const struct qfs *fs, u64 b) { return qfs_blocks_ok(fs, b, 1); }

// ---- Runs of blocks (qfs_io.c) ----

enum { QFS_IO_RUNS = 8 };

// Requests in flight together.
struct qfs_io {
  struct qfs *fs;
  enum block_op op;
  int err;                       // the first
  u32 nruns;
  struct block_request runs[QFS_IO_RUNS];
};

void qfs_io_begin(struct qfs_io *io, struct qfs *fs, enum block_op op);
// n blocks from `block`; the list stays valid to the end
void qfs_io_add(struct qfs_io *io, u64 block, struct frame **f, u32 n);
int qfs_io_end(struct qfs_io *io);                                // => 0 or the first -errno

// ---- Metadata blocks (qfs_meta.c) ----

extern const struct object_ops qfs_meta_ops;

// A metadata block, read if need be.  => *f pinned; or -EUCLEAN (no such block), -EIO, -ENOMEM
static inline int
qfs_meta_get(struct qfs *fs, u64 block, struct frame **f)
{
  if(block >= fs->sb->blocks)
    return -EUCLEAN;
  *f = object_peek(&fs->meta, block);
  return likely(*f) ? 0 : object_page(&fs->meta, block, f);
}

// A newly allocated one: zeros and dirty.  => *f pinned, or -ENOMEM
int qfs_meta_new(struct qfs *fs, u64 block, struct frame **f);

// The block is no longer metadata.
void qfs_meta_forget(struct qfs *fs, u64 block);

int qfs_meta_sync(struct qfs *fs);       // all of it is on disk
int qfs_meta_sync_clean(struct qfs *fs); // and the superblock says so, unless it changes already

// The caller's pin goes.
static inline void
qfs_meta_put(struct frame *f)
{
  frame_unpin(f);
}

// After a change of a pinned one.
static inline void
qfs_meta_dirty(struct qfs *fs, struct frame *f)
{
  object_mark_dirty(&fs->meta, f);
}

// ---- Blocks (qfs_balloc.c) ----

// A free block, at `goal` or as soon after it as there is one (0: anywhere).
// => the block; -ENOSPC, -EIO, -ENOMEM
i64 qfs_alloc(struct qfs *fs, u64 goal);

// Give back n blocks that lie in one bitmap block; `meta`: they were metadata.
// => 0; -ENOMEM, -EIO: nothing done; -EUCLEAN: some of them were free
int qfs_free(struct qfs *fs, u64 block, u32 n, bool meta);

int qfs_check_used(struct qfs *fs, u64 block);   // => 0, -EUCLEAN if it is free, -EIO, -ENOMEM

int qfs_count_free(struct qfs *fs);      // count fs->free_blocks anew
void qfs_alloc_end(struct qfs *fs);      // lets its page go

// ---- The block tree (qfs_map.c) ----

struct qfs_run { u64 block; u32 n; };    // block 0: a hole

// Where page `index` of a file is, and how many of the next `max` follow it
// there.  Takes no sleep lock.  `tight`: and needs no memory.
// => 0, -EUCLEAN, -EIO, -ENOMEM
int qfs_map(struct qfs_inode *qi, u64 index, u32 max, bool tight, struct qfs_run *run);

// The same for one page, which gets a block if it has none.
// => 0; -ENOSPC, -EFBIG, -EUCLEAN, -EIO, -ENOMEM, and nothing has changed
int qfs_map_alloc(struct qfs_inode *qi, u64 index);

// A metadata block for it, zeros and dirty.  => 0 and *f pinned; or as above
int qfs_map_new(struct qfs_inode *qi, u64 index, struct frame **f);

// Forget the block remembered for the next qfs_map_alloc.  map_lock, or the last user
void qfs_map_forget(struct qfs_inode *qi);

// Give back every block at or past page `index`.
// => 0, or -ENOMEM: not all of them yet, the rest read as holes and go when
//    somebody comes this way again; or -EIO, -EUCLEAN: so too, or some are lost
int qfs_map_cut(struct qfs_inode *qi, u64 index);

// ---- Inode numbers and places (qfs_ialloc.c) ----

// The place of inode `ino`.  => pinned page and *disk in it; -EUCLEAN: no such number
int qfs_inode_place(struct qfs *fs, u64 ino, struct frame **page, struct qfs_dinode **disk);

// A free number becomes used.  => its place, pinned, which holds anything but has
// mode 0; or -ENOSPC, -EIO, -ENOMEM
int qfs_ialloc(struct qfs *fs, u64 *ino, struct frame **page, struct qfs_dinode **disk);
int qfs_ifree(struct qfs *fs, u64 ino);  // => 0; -ENOMEM, -EIO: nothing done
void qfs_ialloc_end(struct qfs *fs);     // lets its pages go

// ---- Inodes (qfs_inode.c) ----

extern const struct inode_ops qfs_inode_ops;
extern const struct object_ops qfs_file_ops;

void qfs_inode_setup(void);
void qfs_inode_prepare(struct qfs_inode *qi, struct frame *home, struct qfs_dinode *disk);

// => referenced; -EUCLEAN (what is there is no inode in use), -EIO, -ENOMEM
int qfs_iget(struct qfs *fs, u64 ino, struct inode **out);

// A new inode with a place on disk, but no name yet and nlink 0: inode_put undoes it.
// qfs_inode_publish, once it has its name, stores it and makes it known.
int qfs_inode_new(struct qfs *fs, u32 mode, u64 rdev, struct qfs_inode **out);
void qfs_inode_publish(struct qfs_inode *qi);

// Attributes to the inode's place, in memory; cannot fail, does not sleep.
void qfs_inode_store(struct qfs_inode *qi);

void qfs_inode_evict(struct inode *i);
void qfs_inode_free(struct qfs_inode *qi);       // the memory; pages are gone
int qfs_orphans_free(struct qfs *fs);    // try again those that are left.  => 0 or -ENOMEM
int qfs_truncate(struct inode *i, u64 size);

// ---- Directories (qfs_dir.c): dir->vfs.lock is held ----

// Where a name is, or could be: entry `slot` of a pinned leaf.
struct qfs_spot { struct frame *leaf; u32 slot, hash; };

static inline void qfs_spot_put(struct qfs_spot *s) { qfs_meta_put(s->leaf); }

// => 0 and the spot; -ENOENT, -ENAMETOOLONG, -EUCLEAN ...
int qfs_dir_find(struct qfs_inode *dir, const char *name, u32 len, struct qfs_spot *s);

// Make sure that a name that is not there has room.
// => 0 and its leaf; -ENOSPC, -ENAMETOOLONG ...
int qfs_dir_room(struct qfs_inode *dir, const char *name, u32 len, struct qfs_spot *s);

// These cannot fail.  Spots of the same directory are void afterwards, but those
// that qfs_dir_room gave.
void qfs_dir_insert(struct qfs_inode *dir, struct qfs_spot *s, const char *name, u32 len,
                    u32 mode, u64 ino);
void qfs_dir_erase(struct qfs_inode *dir, struct qfs_spot *s);
void qfs_dir_retarget(struct qfs_inode *dir, struct qfs_spot *s, u32 mode, u64 ino);  // spots stay

u64 qfs_dir_ino(const struct qfs_spot *s);
int qfs_dir_list(struct inode *dir, u64 off, struct dir_sink *d);

// ---- Mounting (qfs_super.c) ----

// => 0, -EINVAL (no qfs, or too new), -EUCLEAN, -EIO, -ENOMEM
int qfs_mount_device(struct block_device *d, struct super **out);

void qfs_free_memory(struct qfs *fs);    // the last of it; metadata pages are gone
