// SPDX-License-Identifier: MIT
//
// The block tree of a file: a radix tree from page numbers to disk blocks, whose
// root lies in the inode (drawn in qfs_format.h).
//
// Locks: map_lock for changes.  Readers take none: a pointer is one word, blocks
// of the tree stay while pages below them are in use (truncation waits for those
// first), and height and root are read together under root_lock.

#include "fs/qfs.h"
#include "kernel/string.h"

// How many of the bits of a page number choose below a slot at a height.
static u32
shift(u32 height)
{
  return height * QFS_PTRS_SHIFT;
}

static u32
slot_at(u64 index, u32 height)
{
  return index >> shift(height) & (QFS_PTRS - 1);
}

static bool
reaches(u32 height, u64 index)
{
  return index >> shift(height) < QFS_ROOTS;
}

// ---- Looking up ----

// How many of n pointers, from the first on, lead on as it does: to the next
// block each, or all to nothing.
static u32
run_length(const u64 *slot, u32 n)
{
  u64 first = slot[0];
  u32 k = 1;
  while(k < n && slot[k] == (first ? first + k : 0))
    k++;
  return k;
}

// The root's pointer on the way to index.  => and at height 0 the run it begins
static u64
root_pointer(struct qfs_inode *qi, u64 index, u32 *height, u32 *n)
{
  u64 block = 0;
  spin_lock(&qi->root_lock);
  *height = qi->height;
  if(reaches(*height, index)){
    u32 i = index >> shift(*height);
    block = qi->disk->root[i];
    if(*height == 0)
      *n = run_length(&qi->disk->root[i], min(*n, QFS_ROOTS - i));
  }
  spin_unlock(&qi->root_lock);
  return block;
}

// A block of the tree to read from, in its page or, if `tight` and it has none,
// in the scratch page.
struct node {
  struct frame *page;            // NULL: scratch
  const u64 *slot;
};

static int
node_get(struct qfs *fs, u64 block, bool tight, struct node *node)
{
  int e = 0;
  if(!qfs_block_ok(fs, block))
    return -EUCLEAN;
  if(tight)
    node->page = object_find(&fs->meta, block);
  else
    e = qfs_meta_get(fs, block, &node->page);
  if(e)
    return e;
  if(node->page){
    node->slot = frame_kva(node->page);
    return 0;
  }
  // The disk has it: a changed page stays in memory until it is written.
  sleep_lock(&fs->scratch_lock);
  node->slot = fs->scratch;
  e = block_rw(fs->device, BLOCK_READ, block * (QFS_BLOCK / SECTOR), fs->scratch, QFS_BLOCK);
  if(e)
    sleep_unlock(&fs->scratch_lock);
  return e;
}

static void
node_put(struct qfs *fs, struct node *node)
{
  if(node->page)
    qfs_meta_put(node->page);
  else
    sleep_unlock(&fs->scratch_lock);
}

int
qfs_map(struct qfs_inode *qi, u64 index, u32 max, bool tight, struct qfs_run *run)
{
  struct qfs *fs = qfs_of(qi);
  u64 cut = atomic_load(&qi->cut);
  *run = (struct qfs_run){ 0, max };
  if(index >= cut)
    return 0;
  run->n = min((u64)max, cut - index);

  u32 height;
  u64 block = root_pointer(qi, index, &height, &run->n);
  while(height > 0 && block){
    struct node node;
    int e = node_get(fs, block, tight, &node);
    if(e)
      return e;
    height--;
    u32 i = slot_at(index, height);
    block = atomic_load(&node.slot[i]);
    if(height == 0)
      run->n = run_length(&node.slot[i], min(run->n, QFS_PTRS - i));
    node_put(fs, &node);
  }
  if(height > 0){                // a hole as wide as what is missing of the tree
    u64 wide = 1UL << shift(height);
    run->n = min((u64)run->n, wide - (index & (wide - 1)));
  }
  run->block = block;
  return block == 0 || qfs_blocks_ok(fs, block, run->n) ? 0 : -EUCLEAN;
}

// ---- Growing: map_lock is held ----

static void
add_blocks(struct qfs_inode *qi, i64 n)
{
  qi->vfs.blocks += n * (QFS_BLOCK / 512);
  qi->disk->blocks += n;
  qfs_meta_dirty(qfs_of(qi), qi->home);
}

void
qfs_map_store_cut(struct qfs_inode *qi)
{
  u64 pages = (qi->disk->size + QFS_BLOCK - 1) / QFS_BLOCK;
  u64 cut = qi->reach > pages ? pages : QFS_NO_CUT;
  qi->disk->cut = min(cut, qi->cut);
}

static bool
all_zero(const u64 *slot, u32 n)
{
  for(u32 i = 0; i < n; i++)
    if(slot[i])
      return false;
  return true;
}

static void
set_height(struct qfs_inode *qi, u32 height)
{
  qi->height = qi->disk->height = height;
  qfs_meta_dirty(qfs_of(qi), qi->home);
}

// One level more: the root's pointers move to a block of their own.
static int
grow(struct qfs_inode *qi)
{
  struct qfs *fs = qfs_of(qi);
  u64 *root = qi->disk->root;
  struct frame *f;
  if(all_zero(root, QFS_ROOTS)){
    set_height(qi, qi->height + 1);
    return 0;
  }
  i64 block = qfs_alloc(fs, qi->goal);
  if(block < 0)
    return (int)block;
  int e = qfs_meta_new(fs, block, &f);
  if(e){
    qfs_free(fs, block, 1, false);
    return e;
  }
  memcpy(frame_kva(f), root, QFS_ROOTS * sizeof(u64));
  qfs_meta_dirty(fs, f);
  qfs_meta_put(f);

  spin_lock(&qi->root_lock);
  memset(root, 0, QFS_ROOTS * sizeof(u64));
  root[0] = block;
  set_height(qi, qi->height + 1);
  spin_unlock(&qi->root_lock);
  add_blocks(qi, 1);
  return 0;
}

// How far a walk came: a slot and the page it is in.  height > 0: the slot is empty
// and blocks of the tree are missing below it.
struct place {
  struct frame *page;            // pinned; the inode's home needs no pin
  u64 *slot;
  u32 i;                         // which slot of the page or root
  u32 height;
};

static void
place_put(struct qfs_inode *qi, struct place *p)
{
  if(p->page != qi->home)
    qfs_meta_put(p->page);
}

void
qfs_map_forget(struct qfs_inode *qi)
{
  if(qi->leaf)
    qfs_meta_put(qi->leaf);
  qi->leaf = NULL;
}

// The walk to index ended in a block that points at data: the next need not be made.
static void
remember(struct qfs_inode *qi, u64 index, struct frame *leaf)
{
  qfs_map_forget(qi);
  frame_get(leaf, PIN_1);
  qi->leaf = leaf;
  qi->leaf_at = index >> QFS_PTRS_SHIFT;
}

static int
descend(struct qfs_inode *qi, u64 index, struct place *p)
{
  struct qfs *fs = qfs_of(qi);
  p->page = qi->home;
  p->height = qi->height;
  p->i = index >> shift(p->height);
  p->slot = &qi->disk->root[p->i];
  while(p->height > 0 && *p->slot){
    struct frame *f;
    int e = qfs_block_ok(fs, *p->slot) ? qfs_meta_get(fs, *p->slot, &f) : -EUCLEAN;
    place_put(qi, p);
    if(e)
      return e;
    p->page = f;
    p->height--;
    p->i = slot_at(index, p->height);
    p->slot = (u64 *)frame_kva(f) + p->i;
  }
  if(p->height == 0 && p->page != qi->home)
    remember(qi, index, p->page);
  return 0;
}

// The blocks that a new page needs: those of the tree that are missing, from the
// top, each with its page, and last the page's own.
struct chain {
  u32 n;                         // of the tree
  u64 block[QFS_HEIGHT_MAX + 1];
  struct frame *page[QFS_HEIGHT_MAX];
};

static void
chain_undo(struct qfs *fs, struct chain *c, u32 blocks, u32 pages)
{
  for(u32 i = 0; i < pages; i++)
    qfs_meta_put(c->page[i]);
  for(u32 i = 0; i < blocks; i++)
    qfs_free(fs, c->block[i], 1, i < pages);
}

static int
chain_get(struct qfs *fs, struct chain *c, u32 n, u64 goal)
{
  c->n = n;
  for(u32 i = 0; i <= n; i++){
    i64 block = qfs_alloc(fs, goal);
    if(block < 0){
      chain_undo(fs, c, i, i);
      return (int)block;
    }
    c->block[i] = block;
    goal = block + 1;
    int e = i < n ? qfs_meta_new(fs, c->block[i], &c->page[i]) : 0;
    if(e){
      chain_undo(fs, c, i + 1, i);
      return e;
    }
  }
  return 0;
}

// Put the pointers in, the uppermost last: who looks meanwhile finds a hole.
static void
chain_link(struct qfs_inode *qi, struct chain *c, u64 index, struct place *p)
{
  struct qfs *fs = qfs_of(qi);
  for(u32 i = 0; i < c->n; i++){
    u64 *slot = frame_kva(c->page[i]);
    slot[slot_at(index, c->n - 1 - i)] = c->block[i + 1];
    qfs_meta_dirty(fs, c->page[i]);
    qfs_meta_put(c->page[i]);
  }
  atomic_store_rel(p->slot, c->block[0]);
  qfs_meta_dirty(fs, p->page);
  qi->goal = c->block[c->n] + 1;
  add_blocks(qi, c->n + 1);
}

// Give the page where the walk to index ended too early its block and those of the
// tree that lead there.
static i64
fill_below(struct qfs_inode *qi, u64 index, struct place *p)
{
  struct chain c;
  int e = chain_get(qfs_of(qi), &c, p->height, qi->goal);
  if(e)
    return e;
  chain_link(qi, &c, index, p);
  return (i64)c.block[c.n];
}

// Give slot i of a page of the tree, or of the root, its block of data, if it has none.
static inline i64
fill_slot(struct qfs_inode *qi, struct frame *page, u64 *slot, u32 i)
{
  struct qfs *fs = qfs_of(qi);
  if(*slot)
    return qfs_block_ok(fs, *slot) ? (i64)*slot : -EUCLEAN;
  i64 block = qfs_alloc(fs, i > 0 && slot[-1] ? slot[-1] + 1 : qi->goal);
  if(unlikely(block < 0))
    return block;
  qi->goal = block + 1;
  atomic_store_rel(slot, block);
  qfs_meta_dirty(fs, page);
  add_blocks(qi, 1);
  return block;
}

static __attribute__((noinline)) i64
alloc_from_root(struct qfs_inode *qi, u64 index)
{
  struct place p;
  int e = index >= qi->cut ? -EAGAIN : 0;
  while(e == 0 && !reaches(qi->height, index))
    e = grow(qi);
  if(e == 0)
    e = descend(qi, index, &p);
  if(e)
    return e;
  i64 block = p.height ? fill_below(qi, index, &p) : fill_slot(qi, p.page, p.slot, p.i);
  place_put(qi, &p);
  return block;
}

i64
qfs_map_alloc(struct qfs_inode *qi, u64 index)
{
  i64 block;
  if(index >= QFS_FILE_MAX / QFS_BLOCK)
    return -EFBIG;
  sleep_lock(&qi->map_lock);
  if(likely(qi->leaf && qi->leaf_at == index >> QFS_PTRS_SHIFT && index < qi->cut)){
    u32 i = slot_at(index, 0);
    block = fill_slot(qi, qi->leaf, (u64 *)frame_kva(qi->leaf) + i, i);
  } else {
    block = alloc_from_root(qi, index);
  }
  sleep_unlock(&qi->map_lock);
  return block;
}

int
qfs_map_new(struct qfs_inode *qi, u64 index, struct frame **f)
{
  i64 block = qfs_map_alloc(qi, index);
  return block < 0 ? (int)block : qfs_meta_new(qfs_of(qi), block, f);
}

// ---- Cutting: map_lock is held ----

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
  add_blocks(c->qi, -(i64)n);
  return 0;
}

static int cut_slots(struct cut *c, struct frame *page, u64 *slot, u32 n, u32 height, u64 from);

// Cut below the block *slot of the tree; free it too if nothing before `from` is
// there.  A block that is free already has been here before: a knot in the tree.
// => 0; -ENOMEM, -EAGAIN: go on later; or the error that keeps a block from being cut in
//    the middle
static int
cut_node(struct cut *c, u64 *slot, u32 height, u64 from)
{
  struct frame *f;
  int e = qfs_check_used(c->fs, *slot);
  if(e == 0)
    e = qfs_meta_get(c->fs, *slot, &f);
  if(e == 0){
    e = cut_slots(c, f, frame_kva(f), QFS_PTRS, height, from);
    qfs_meta_put(f);
  }
  if(unfinished(e) || (e && from > 0))
    return e;
  c->err = c->err ? c->err : e;
  return from == 0 ? free_run(c, slot, 1, true) : 0;
}

// Cut what n slots lead to, at or past the page `from`, counted from their first.
// => as cut_node
static int
cut_slots(struct cut *c, struct frame *page, u64 *slot, u32 n, u32 height, u64 from)
{
  u64 wide = 1UL << shift(height);
  int e = 0;
  if(from >> shift(height) >= n)
    return 0;
  u64 within = from & (wide - 1);
  for(u32 i = from >> shift(height), step; e == 0 && i < n; i += step, within = 0){
    step = 1;
    if(slot[i] == 0)
      continue;
    if(height > 0){
      e = cut_node(c, &slot[i], height - 1, within);
    } else {
      u32 most = c->meta ? QFS_FREED_RUN : QFS_BITS - slot[i] % QFS_BITS;
      step = run_length(&slot[i], min(n - i, min(most, QFS_BITS - (u32)(slot[i] % QFS_BITS))));
      e = free_run(c, &slot[i], step, c->meta);
    }
    qfs_meta_dirty(c->fs, page);
  }
  return e;
}

// One operation's worth of what is void.
// => 0: it was all; -EAGAIN: it was not; or as qfs_map_cut
static int
cut_some(struct qfs_inode *qi)
{
  struct cut c = { .qi = qi, .fs = qfs_of(qi), .meta = !S_ISREG(qi->vfs.mode),
                   .runs = QFS_CUT_RUNS };
  qfs_map_forget(qi);
  int e = cut_slots(&c, qi->home, qi->disk->root, QFS_ROOTS, qi->height, qi->cut);
  if(e)
    return e;
  if(all_zero(qi->disk->root, QFS_ROOTS))
    set_height(qi, 0);
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
