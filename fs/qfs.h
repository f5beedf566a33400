// SPDX-License-Identifier: MIT
//
// qfs in memory.  The format is in qfs_format.h; the parts, from the bottom up:
//
//   qfs_io.c      runs of blocks to and from the device
//   qfs_meta.c    metadata blocks: an object over the device, a page a block
//   qfs_journal.c transactions: what changes together
//   qfs_recover.c the journal after a crash
//   qfs_balloc.c  the block bitmap, and the share counts
//   qfs_map.c     the block tree of a file: page number -> disk block
//   qfs_cut.c     taking blocks out of it again
//   qfs_ialloc.c  the inode file: numbers and places of inodes
//   qfs_inode.c   inodes in memory
//   qfs_file.c    pages of regular files
//   qfs_move.c    pages that become others' at once: holes, shared blocks
//   qfs_dir.c     the B-tree of a directory
//   qfs_namei.c   names: create, link, rename ...
//   qfs_super.c   mounting and the superblock
//
// Every number from the disk is checked where it is used.  What is wrong gives
// -EUCLEAN, what cannot be read -EIO.
//
// Locks, outermost first, below the locks of the inodes:
//   move_lock > a commit > a handle > ialloc_lock > map_lock (of a file before that of the inode
//   file) > scratch_lock > root_lock, bits_lock > log.lock (spinlocks)
// A task may wait for memory with a handle and under the two locks after it: so the
// way of dirty pages to the disk (write_pages) takes none of them, and finds blocks
// without memory.

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
  struct qfs_dinode *disk;       // there; changed with a handle
  u64 parent, entries;           // directories; vfs.lock
  struct frame *top;             // of a directory's tree, pinned, once it was used; bits_lock

  struct sleeplock map_lock;     // whoever changes the block tree; below, and vfs.blocks
  u64 goal;                      // where the next block would be welcome
  struct frame *leaf;            // the block of the tree that was changed last, pinned, or
  u64 leaf_at;                   // NULL; and which of all that point at data it is
  u64 reach;                     // past the last page that was given a block here
  u64 held;                      // pages from here on get none now: some are being moved; or ~0
  struct spinlock root_lock;     // height and root change together
  u32 height;
  u64 cut;                       // as in the format; ~0: nothing is

  u64 changed;                   // the last transaction with a change of it
  u64 needed;                    // and the last without which its data cannot be read
  struct list ordered;           // log.ordered; log.lock
  struct list orphan;            // fs->orphans; bits_lock, and so is
  bool evicted;                  // nobody uses it: to be freed
};

// A run of blocks that the running transaction frees; `shares`: the page of their counts, if
// some may be shared.  Those have one user less then.
struct qfs_freed { struct frame *bitmap, *shares; u64 block; u32 n; bool meta; };

// What belongs to one transaction.
struct qfs_transaction {
  struct frame **page;           // [0]: of the descriptor; then its blocks, pinned.  While it
  u32 n;                         // runs a frame's hint says which it is
  struct qfs_freed *freed;
  u32 nfreed;
  u64 freed_blocks;              // in all
};

// The running transaction, the one before it, which may be under way to the disk, and the
// journal that they go to.
struct qfs_log {
  u64 handles;                   // operations under way; atomic
  u64 most;                      // that there may be, as the transaction has room; 0: closed
  bool going_home;               // all metadata is, and no operation is under way
  u64 running;                   // its number
  u64 done;                      // those before are on the disk
  u64 since;                     // of its first change, or when the last one was over (ns)
  u32 room;                      // blocks it may have
  int err;                       // of the write that failed: no more changes
  u64 at;                        // where in the journal it goes; whoever has the turn
  struct frame *head;            // pinned: the page of the journal's first block

  struct spinlock lock;          // below
  struct waitq changed;          // handles, closed or busy
  bool closed;                   // no operation begins
  bool busy;                     // somebody has the turn to close it
  struct qfs_transaction now, sent;
  struct frame **copy;           // of the pages of the one that is sent, or those themselves
  struct list ordered;           // files whose data goes first; they are referenced
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
  u32 gives_back;                // somebody makes files give up the blocks ahead of their ends
  u64 goal;                      // after the block allocated last
  struct frame *bitmap;          // the block of the bitmap used for that, pinned, or NULL;
  u64 *bits;                     // its bits, those of nbits blocks from first_bit's on
  u64 first_bit, nbits;
  u64 inode_goal;                // no inode number below is free
  struct { u64 n; struct frame *page; } recent[4];  // blocks of the inode file, pinned
  struct list orphans;           // inodes without links, as they are chained on disk

  struct sleeplock ialloc_lock;  // the inode file grows
  struct sleeplock move_lock;    // one file's blocks become another's; who needs them waits

  struct sleeplock scratch_lock; // below
  void *scratch;                 // a page for writing without memory

  struct qfs_log log;
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

// The caller's pin goes.
static inline void
qfs_meta_put(struct frame *f)
{
  frame_unpin(f);
}

// ---- The journal (qfs_journal.c) ----
//
// Metadata changes only between qfs_begin and qfs_end; what is changed there is found
// after a crash altogether or not at all.  Between them a task may wait for memory
// and for the disk, but it begins nothing else, waits for no page of a file and
// puts no inode.

void qfs_log_wake(struct qfs *fs);
int qfs_begin_slow(struct qfs *fs);
bool qfs_worth_again(struct qfs *fs, int e);

static inline void
qfs_end(struct qfs *fs)
{
  if(atomic_add_full(&fs->log.handles, -1UL) == 1 && unlikely(atomic_load(&fs->log.most) == 0))
    qfs_log_wake(fs);
}

// => false: it would have to wait
static inline bool
qfs_try_begin(struct qfs *fs)
{
  if(likely(atomic_add_full(&fs->log.handles, 1) < atomic_load(&fs->log.most)))
    return true;
  qfs_end(fs);
  return false;
}

// => 0, or -EROFS: the journal could not be written.  May wait for a commit
static inline int
qfs_begin(struct qfs *fs)
{
  return likely(qfs_try_begin(fs)) ? 0 : qfs_begin_slow(fs);
}

// Ends an operation that came to e.  => is it worth another try?  -EAGAIN: it did a part
// of the work; -ENOSPC: there may be room after the next commit
static inline bool
qfs_again(struct qfs *fs, int e)
{
  qfs_end(fs);
  return unlikely(e) && qfs_worth_again(fs, e);
}

bool qfs_freed_soon(struct qfs *fs);     // more room after the next commit?

// Wait until an operation may begin, or, if one might, until what was freed is free.
// => 0 or -EROFS
int qfs_settle(struct qfs *fs);

void qfs_log_page(struct qfs *fs, struct frame *f);

// After a change of a pinned block.
static inline void
qfs_meta_dirty(struct qfs *fs, struct frame *f)
{
  if(!atomic_load(&f->hint))
    qfs_log_page(fs, f);
}

// These blocks are free once the transaction is on the disk.
void qfs_log_freed(struct qfs *fs, const struct qfs_freed *r);

// The file's pages are written before the transaction is.
void qfs_log_data(struct qfs *fs, struct qfs_inode *qi);
void qfs_log_data_gone(struct qfs *fs, struct qfs_inode *qi);    // or need not be any more

int qfs_commit(struct qfs *fs, u64 sequence);    // that transaction is on the disk. => or -EIO
int qfs_commit_all(struct qfs *fs);      // all of them are; nothing is done if there is nothing
int qfs_commit_home(struct qfs *fs);     // and where they belong, and the journal is empty
void qfs_commit_old(struct qfs *fs, u64 before);     // as super.commit_old

int qfs_log_open(struct qfs *fs);        // recovers.  => 0, -EUCLEAN, -EROFS, -EIO, -ENOMEM
void qfs_log_close(struct qfs *fs);
int qfs_log_begin_anew(struct qfs *fs);
int qfs_recover(struct qfs *fs);         // (qfs_recover.c)

// The device's cache goes to the disk, if anything was written since last time.
int qfs_flush(struct qfs *fs);

// ---- Blocks (qfs_balloc.c) ----

// A free block, at `goal` or as soon after it as there is one (0: anywhere).
// => the block; -ENOSPC, -EIO, -ENOMEM
i64 qfs_alloc(struct qfs *fs, u64 goal);
i64 qfs_search(struct qfs *fs, u64 goal);

// Take `block` itself, if it is free and the bitmap at hand tells of it.  => done?
static inline bool
qfs_take(struct qfs *fs, u64 block)
{
  bool taken = false;
  spin_lock(&fs->bits_lock);
  if(likely(block - fs->first_bit < fs->nbits)){
    u64 *word = fs->bits + block % QFS_BITS / 64, bit = 1UL << (block % 64);
    taken = !(*word & bit);
    if(likely(taken)){
      *word |= bit;
      fs->free_blocks--;
      fs->goal = block + 1;
      qfs_meta_dirty(fs, fs->bitmap);
    }
  }
  spin_unlock(&fs->bits_lock);
  return taken;
}

// Take up to n blocks from `block` on that are free and neighbours, as long as many more are, and
// as far as one word of the bitmap at hand goes.  => how many
u32 qfs_take_run(struct qfs *fs, u64 block, u32 n);
// Give back n blocks that lie in one bitmap block, and in one of share counts if any block
// is shared (qfs_together), with the next commit; `meta`: they were metadata.
// => 0; -ENOMEM, -EIO: nothing done; -EUCLEAN: some of them were free
int qfs_free(struct qfs *fs, u64 block, u32 n, bool meta);
// One taken under this handle, to which nothing leads yet, is free again at once.  If it
// had to wait for the commit, who finds the disk full would think that waiting helps.
void qfs_untake(struct qfs *fs, u64 block);
// n blocks of one qfs_take_run, of which nobody has found any yet.  => 0, -EIO, -ENOMEM
int qfs_untake_run(struct qfs *fs, u64 block, u32 n);
// As the commit does: in the blocks of bitmap and counts, for all to see, or in copies of them.
// => how many are free now
u32 qfs_free_in(struct qfs *fs, struct frame *bitmap, struct frame *shares,
                const struct qfs_freed *r);

// How many blocks from `block` on qfs_free takes at once, at most.
static inline u32
qfs_together(const struct qfs *fs, u64 block)
{
  u32 unit = fs->sb->shared ? QFS_SHARES : QFS_BITS;
  return unit - block % unit;
}

// The page of the counts of n blocks that lie in one, pinned, if any of them is shared, or NULL.
// => 0, -EIO, -ENOMEM
int qfs_shares(struct qfs *fs, u64 block, u32 n, struct frame **f);
// n blocks have one user more; the page of their counts.
void qfs_share(struct qfs *fs, struct frame *f, u64 block, u32 n);

int qfs_check_used(struct qfs *fs, u64 block);   // => 0, -EUCLEAN if it is free, -EIO, -ENOMEM

void qfs_alloc_end(struct qfs *fs);      // lets its page go

// ---- The block tree (qfs_map.c) ----

struct qfs_run { u64 block; u32 n; };    // block 0: a hole

// Where page `index` of a file is, and how many of the next `max` follow it
// there.  Takes no sleep lock.  `tight`: and needs no memory.
// => 0, -EUCLEAN, -EIO, -ENOMEM
int qfs_map(struct qfs_inode *qi, u64 index, u32 max, bool tight, struct qfs_run *run);

// The same for one page, which gets a block of its own if it has none; f, unless NULL, is that
// page and has its place then.  => the block; -ENOSPC, -EFBIG, -EUCLEAN, -EIO, -ENOMEM, and
// nothing has changed; -EAGAIN: cut first, or wait until none is moved
i64 qfs_map_alloc(struct qfs_inode *qi, u64 index, struct frame *f);

// Pages from `index` on get n blocks that others have, counted in one page, instead of theirs.
// => for how many that was done; or as above.  With a handle, and move_lock
i64 qfs_map_share(struct qfs_inode *qi, u64 index, u64 block, u32 n);

// A regular file that grows page by page is given blocks ahead of its end (object.ahead), which
// are of its leaf.  Those not used yet read as holes; on the disk they are past the cut.
// They are free again.  map_lock, with a handle
void qfs_map_give_back(struct qfs_inode *qi);
void qfs_give_back(struct inode *i);     // inode_ops.give_back

// The first of them, or ~0.
static inline u64
qfs_ahead(const struct qfs_inode *qi)
{
  u64 w = atomic_load(&qi->vfs.object.ahead);
  return w ? (u32)w : QFS_NO_CUT;
}

// A metadata block for it, zeros and dirty.  => 0 and *f pinned; or as above
int qfs_map_new(struct qfs_inode *qi, u64 index, struct frame **f);

// For qfs_cut.c: how many of the bits of a page number choose below a slot at a height; how many
// of n pointers, from the first on, lead on as it does, to the next block each or all to
// nothing; so many blocks more; is there none; another height.  map_lock
static inline u32 qfs_shift(u32 height) { return height * QFS_PTRS_SHIFT; }
u32 qfs_run_length(const u64 *slot, u32 n);
void qfs_map_add(struct qfs_inode *qi, i64 n);
bool qfs_map_empty(const struct qfs_inode *qi);
void qfs_map_height(struct qfs_inode *qi, u32 height);

// Forget the block remembered for the next qfs_map_alloc.  map_lock, or the last user
void qfs_map_forget(struct qfs_inode *qi);

// Every block at or past page `index` is void, and so says the disk.  With a handle.
void qfs_map_void(struct qfs_inode *qi, u64 index);

// What pages [from, to) have is given back, in as many operations as that takes.
// => 0, -ENOMEM, -EIO, -EUCLEAN, -EROFS
int qfs_map_punch(struct qfs_inode *qi, u64 from, u64 to);

// Give back what is void, in as many operations as that takes.
// => 0, or -ENOMEM or, unless it may `wait`, -EBUSY: not all of it yet, the rest goes when
//    somebody comes this way again; or -EIO, -EUCLEAN: so too, or some is lost; -EROFS
enum { QFS_CUT_RUNS = 8 };               // freed in one operation
int qfs_map_cut(struct qfs_inode *qi, bool wait);

// The inode's `cut` on disk follows its cut, size and reach.
void qfs_map_store_cut(struct qfs_inode *qi);

// ---- Inode numbers and places (qfs_ialloc.c) ----

// The place of inode `ino`.  => pinned page and *disk in it; -EUCLEAN: no such number
int qfs_inode_place(struct qfs *fs, u64 ino, struct frame **page, struct qfs_dinode **disk);

// A free number becomes used: that of i, which is in the table then, not ready.  => its place,
// pinned, which holds anything but has mode 0; or -ENOSPC, -EIO, -ENOMEM; -EAGAIN: not at the
// first try
int qfs_ialloc(struct qfs *fs, struct inode *i, struct frame **page, struct qfs_dinode **disk);
// The inode that has it, if it is on the list of orphans, leaves that.  => 0; -ENOMEM, -EIO ...:
// nothing done
int qfs_ifree(struct qfs *fs, u64 ino, struct qfs_inode *orphan);
void qfs_ialloc_end(struct qfs *fs);     // lets its pages go

// ---- Inodes (qfs_inode.c) ----

extern const struct inode_ops qfs_inode_ops;
extern const struct object_ops qfs_file_ops;

void qfs_inode_prepare(struct qfs_inode *qi, struct frame *home, struct qfs_dinode *disk);

// => referenced; -EUCLEAN (what is there is no inode in use), -EIO, -ENOMEM
int qfs_iget(struct qfs *fs, u64 ino, struct inode **out);

// A new inode with a place on disk, but no name yet and nlink 0: qfs_inode_drop undoes it.
// qfs_inode_publish, once it has its name, stores it and declares it ready.
int qfs_inode_new(struct qfs *fs, u32 mode, u64 rdev, struct qfs_inode **out);
void qfs_inode_drop(struct qfs_inode *qi);
void qfs_inode_publish(struct qfs_inode *qi);

// Attributes to the inode's place, in memory; cannot fail, does not sleep.
void qfs_inode_store(struct qfs_inode *qi);
void qfs_inode_touch(struct qfs_inode *dir);     // those that change with a directory's names

void qfs_inode_evict(struct inode *i);
void qfs_inode_free(struct qfs_inode *qi);       // the memory; pages are gone
void qfs_orphan_add(struct qfs_inode *qi);       // the last name is gone
void qfs_orphan_remove(struct qfs *fs, struct qfs_inode *qi);   // bits_lock held
int qfs_orphans_load(struct qfs *fs);    // free what a crash has left.  => 0, -EUCLEAN, -EIO ...
void qfs_orphans_free(struct qfs *fs);   // those that nobody uses, as far as it goes
void qfs_orphans_end(struct qfs *fs);    // their memory
int qfs_truncate(struct inode *i, u64 size);

// ---- Moving pages (qfs_move.c) ----

int qfs_move(struct inode *i, u64 at, u64 n, struct inode *from, u64 off);   // inode_ops.move
int qfs_move_wait(struct qfs_inode *qi);         // until pages may get blocks again.  => 0

// ---- Directories (qfs_dir.c): dir->vfs.lock is held ----

// Where a name is, or could be: entry `slot` of a leaf.
struct qfs_spot { struct frame *leaf; u32 slot, hash; };

// It is pinned, unless it is the root, which the directory keeps.
static inline void
qfs_leaf_put(struct qfs_inode *dir, struct frame *f)
{
  if(f != dir->top)
    qfs_meta_put(f);
}

// => 0 and the spot; -ENOENT, -ENAMETOOLONG, -EUCLEAN ...
int qfs_dir_find(struct qfs_inode *dir, const char *name, u32 len, struct qfs_spot *s);

// Make sure that a name that is not there has room.
// => 0 and its leaf; -EAGAIN: a node was split; -ENOSPC, -ENAMETOOLONG ...
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
