// SPDX-License-Identifier: MIT
//
// Taking blocks out of the block tree of a file: all past a page, or those of a range, a few
// runs in each operation.
//
// Lock: map_lock.

#include "fs/qfs.h"
#include "kernel/string.h"

struct cut {
  struct qfs_inode *qi;
  struct qfs *fs;
  bool meta;                     // the blocks are metadata, not pages of the file
  u32 runs;                      // that may still be freed in this operation
  int err;                       // the first that was not lack of memory
};

static bool
unfinished(int e)
{
  return e == -ENOMEM || e == -EAGAIN;
}

// Free a run of blocks and forget the pointers to it.
// => 0, or nothing done: -ENOMEM, or -EAGAIN: it is for the next operation
static int
free_run(struct cut *c, u64 *slot, u32 n, bool meta)
{
  int e = -EUCLEAN;
  if(c->runs == 0)
    return -EAGAIN;
  c->runs--;
  if(qfs_blocks_ok(c->fs, slot[0], n))
    e = qfs_free(c->fs, slot[0], n, meta);
  if(e == -ENOMEM)
    return e;
  c->err = c->err ? c->err : e;
  memset(slot, 0, n * sizeof(u64));
  qfs_map_add(c->qi, -(i64)n);
  return 0;
}

static int cut_slots(struct cut *c, struct frame *page, u64 *slot, u32 n, u32 height, u64 from,
                     u64 to);

// Cut pages [from, to) below the block *slot of the tree; free it too if they are `all` of
// them.  A block that is free already has been here before: a knot in the tree.
// => 0; -ENOMEM, -EAGAIN: go on later; or the error that keeps a block from being cut in
//    the middle
static int
cut_node(struct cut *c, u64 *slot, u32 height, u64 from, u64 to)
{
  bool all = from == 0 && to >> qfs_shift(height) >= QFS_PTRS;
  struct frame *f;
  int e = qfs_check_used(c->fs, *slot);
  if(e == 0)
    e = qfs_meta_get(c->fs, *slot, &f);
  if(e == 0){
    e = cut_slots(c, f, frame_kva(f), QFS_PTRS, height, from, to);
    qfs_meta_put(f);
  }
  if(unfinished(e) || (e && !all))
    return e;
  c->err = c->err ? c->err : e;
  return all ? free_run(c, slot, 1, true) : 0;
}

// Cut what n slots lead to of the pages [from, to), counted from their first.
// => as cut_node
static int
cut_slots(struct cut *c, struct frame *page, u64 *slot, u32 n, u32 height, u64 from, u64 to)
{
  u64 wide = 1UL << qfs_shift(height);
  int e = 0;
  for(u64 i = from >> qfs_shift(height), step; e == 0 && i < n && i * wide < to; i += step){
    u64 base = i * wide, first = max(from, base) - base, last = min(to - base, wide);
    step = 1;
    if(slot[i] == 0)
      continue;
    if(height > 0){
      e = cut_node(c, &slot[i], height - 1, first, last);
    } else {
      u64 most = c->meta ? QFS_FREED_RUN : QFS_BITS;
      most = min(most, (u64)qfs_together(c->fs, slot[i]));
      step = qfs_run_length(&slot[i], min(min(n - i, to - i), most));
      e = free_run(c, &slot[i], step, c->meta);
    }
    qfs_meta_dirty(c->fs, page);
  }
  return e;
}

static struct cut
cut_of(struct qfs_inode *qi)
{
  qfs_map_give_back(qi);
  qfs_map_forget(qi);
  return (struct cut){ .qi = qi, .fs = qfs_of(qi), .meta = !S_ISREG(qi->vfs.mode),
                       .runs = QFS_CUT_RUNS };
}

// One operation's worth of what is void.
// => 0: it was all; -EAGAIN: it was not; or as qfs_map_cut
static int
cut_some(struct qfs_inode *qi)
{
  struct cut c = cut_of(qi);
  int e = cut_slots(&c, qi->home, qi->disk->root, QFS_ROOTS, qi->height, qi->cut, ~0UL);
  if(e)
    return e;
  if(qfs_map_empty(qi))
    qfs_map_height(qi, 0);
  qi->reach = min(qi->reach, qi->cut);
  atomic_store(&qi->cut, QFS_NO_CUT);
  qfs_map_store_cut(qi);
  qfs_meta_dirty(c.fs, qi->home);
  return c.err;
}

void
qfs_map_void(struct qfs_inode *qi, u64 index)
{
  sleep_lock(&qi->map_lock);
  qfs_map_give_back(qi);
  atomic_store(&qi->cut, min(index, qi->cut));
  qfs_map_store_cut(qi);
  qfs_meta_dirty(qfs_of(qi), qi->home);
  sleep_unlock(&qi->map_lock);
}

int
qfs_map_cut(struct qfs_inode *qi, bool wait)
{
  struct qfs *fs = qfs_of(qi);
  int e = -EAGAIN;
  while(e == -EAGAIN && atomic_load(&qi->cut) != QFS_NO_CUT){
    e = wait ? qfs_begin(fs) : qfs_try_begin(fs) ? 0 : -EBUSY;
    if(e)
      return e;
    sleep_lock(&qi->map_lock);
    e = cut_some(qi);
    sleep_unlock(&qi->map_lock);
    qfs_end(fs);
  }
  return e == -EAGAIN ? 0 : e;
}

int
qfs_map_punch(struct qfs_inode *qi, u64 from, u64 to)
{
  struct qfs *fs = qfs_of(qi);
  int e = -EAGAIN, err = 0;
  while(e == -EAGAIN){
    if((e = qfs_begin(fs)))
      return e;
    sleep_lock(&qi->map_lock);
    struct cut c = cut_of(qi);
    e = cut_slots(&c, qi->home, qi->disk->root, QFS_ROOTS, qi->height, from, to);
    sleep_unlock(&qi->map_lock);
    err = err ? err : c.err;
    qi->changed = qi->needed = fs->log.running;
    qfs_end(fs);
  }
  return e ? e : err;
}
