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

static u32
slot_at(u64 index, u32 height)
{
  return index >> qfs_shift(height) & (QFS_PTRS - 1);
}

static bool
reaches(u32 height, u64 index)
{
  return index >> qfs_shift(height) < QFS_ROOTS;
}

// ---- Looking up ----

u32
qfs_run_length(const u64 *slot, u32 n)
{
  const u64 *p = slot, *end = slot + n;
  u64 next = *p, step = next != 0;
  while(++p < end && *p == (next += step))
    ;
  return (u32)(p - slot);
}

// The root's pointer on the way to index.  => and at height 0 the run it begins
static u64
root_pointer(struct qfs_inode *qi, u64 index, u32 *height, u32 *n)
{
  u64 block = 0;
  spin_lock(&qi->root_lock);
  *height = qi->height;
  if(reaches(*height, index)){
    u32 i = index >> qfs_shift(*height);
    block = qi->disk->root[i];
    if(*height == 0)
      *n = qfs_run_length(&qi->disk->root[i], min(*n, QFS_ROOTS - i));
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
  u64 cut = min(atomic_load(&qi->cut), qfs_ahead(qi));
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
      run->n = qfs_run_length(&node.slot[i], min(run->n, QFS_PTRS - i));
    node_put(fs, &node);
  }
  if(height > 0){                // a hole as wide as what is missing of the tree
    u64 wide = 1UL << qfs_shift(height);
    run->n = min((u64)run->n, wide - (index & (wide - 1)));
  }
  run->block = block;
  return block == 0 || qfs_blocks_ok(fs, block, run->n) ? 0 : -EUCLEAN;
}

// ---- Growing: map_lock is held ----

void
qfs_map_add(struct qfs_inode *qi, i64 n)
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
  cut = min(cut, qfs_ahead(qi));
  qi->disk->cut = min(cut, qi->cut);
}

bool
qfs_map_empty(const struct qfs_inode *qi)
{
  for(u32 i = 0; i < QFS_ROOTS; i++)
    if(qi->disk->root[i])
      return false;
  return true;
}

void
qfs_map_height(struct qfs_inode *qi, u32 height)
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
  if(qfs_map_empty(qi)){
    qfs_map_height(qi, qi->height + 1);
    return 0;
  }
  i64 block = qfs_alloc(fs, qi->goal);
  if(block < 0)
    return (int)block;
  int e = qfs_meta_new(fs, block, &f);
  if(e){
    qfs_untake(fs, block);
    return e;
  }
  memcpy(frame_kva(f), root, QFS_ROOTS * sizeof(u64));
  qfs_meta_dirty(fs, f);
  qfs_meta_put(f);

  spin_lock(&qi->root_lock);
  memset(root, 0, QFS_ROOTS * sizeof(u64));
  root[0] = block;
  qfs_map_height(qi, qi->height + 1);
  spin_unlock(&qi->root_lock);
  qfs_map_add(qi, 1);
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

// The page does not tell: on a broken disk the inode's home may be a block of its tree, too.
static bool
in_root(const struct qfs_inode *qi, const struct place *p)
{
  return p->height == qi->height;
}

static void
place_put(struct qfs_inode *qi, struct place *p)
{
  if(!in_root(qi, p))
    qfs_meta_put(p->page);
}

void
qfs_map_forget(struct qfs_inode *qi)
{
  if(qi->leaf)
    qfs_meta_put(qi->leaf);
  qi->leaf = NULL;
}

// The walk to index ended in a block that points at data: the next need not be made, unless
// some pages get no block.
static void
remember(struct qfs_inode *qi, u64 index, struct frame *leaf)
{
  qfs_map_forget(qi);
  if(qi->held != QFS_NO_CUT)
    return;
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
  p->i = index >> qfs_shift(p->height);
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
  if(p->height == 0 && !in_root(qi, p))
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
    qfs_untake(fs, c->block[i]);
}

// data: the page's own block, if it is there already, or 0
static int
chain_get(struct qfs *fs, struct chain *c, u32 n, u64 goal, u64 data)
{
  c->n = n;
  for(u32 i = 0; i <= n; i++){
    i64 block = i == n && data ? (i64)data : qfs_alloc(fs, goal);
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
  qfs_map_add(qi, c->n + 1);
}

// Give the page where the walk to index ended too early its block, a new one or `data`, and
// those of the tree that lead there.
static i64
fill_below(struct qfs_inode *qi, u64 index, struct place *p, u64 data)
{
  struct chain c;
  int e = chain_get(qfs_of(qi), &c, p->height, qi->goal, data);
  if(e)
    return e;
  chain_link(qi, &c, index, p);
  return (i64)c.block[c.n];
}

// A slot leads to another block from now on.
static inline i64
point(struct qfs_inode *qi, struct frame *page, u64 *slot, u64 block)
{
  qi->goal = block + 1;
  atomic_store_rel(slot, block);
  qfs_meta_dirty(qfs_of(qi), page);
  return (i64)block;
}

// The block that a slot leads to is about to be written to: if it is shared, another.
static __attribute__((noinline)) i64
own_block(struct qfs_inode *qi, struct frame *page, u64 *slot)
{
  struct qfs *fs = qfs_of(qi);
  struct frame *shares;
  int e = qfs_block_ok(fs, *slot) ? qfs_shares(fs, *slot, 1, &shares) : -EUCLEAN;
  if(e || shares == NULL)
    return e ? e : (i64)*slot;
  qfs_meta_put(shares);
  i64 block = qfs_alloc(fs, qi->goal);
  if(block < 0)
    return block;
  e = qfs_free(fs, *slot, 1, false);
  if(e){
    qfs_untake(fs, block);
    return e;
  }
  return point(qi, page, slot, block);
}

// Give slot i of a page of the tree, or of the root, its own block of data, if it has none.
static inline __attribute__((always_inline)) i64
fill_slot(struct qfs_inode *qi, struct frame *page, u64 *slot, u32 i)
{
  if(*slot)
    return own_block(qi, page, slot);
  struct qfs *fs = qfs_of(qi);
  u64 goal = i > 0 && slot[-1] ? slot[-1] + 1 : qi->goal;
  i64 block = likely(qfs_take(fs, goal)) ? (i64)goal : qfs_alloc(fs, goal);
  if(unlikely(block < 0))
    return block;
  qfs_map_add(qi, 1);
  return point(qi, page, slot, block);
}

// ---- Ahead of the end ----

#define AHEAD(first, end) ((end) << 32 | (first))

// Page `index`, behind the end, was just given `block`, its slot in the leaf.  If the one before
// it was the last to be given one, those that follow get theirs too.
static void
get_ahead(struct qfs_inode *qi, u64 index, u64 block)
{
  struct object *o = &qi->vfs.object;
  u64 first = index + 1, *slot = (u64 *)frame_kva(qi->leaf) + slot_at(index, 0) + 1;
  u32 room = min(QFS_PTRS - 1 - slot_at(index, 0), 64), n = 0;
  if(qi->reach != index || o->size > index << PAGE_SHIFT || (first + room) >> 32)
    return;
  if(room > 0 && *slot == 0)
    n = qfs_take_run(qfs_of(qi), block + 1, qfs_run_length(slot, room));
  if(n == 0)
    return;
  atomic_store(&o->ahead, AHEAD(first, first));
  for(u32 k = 0; k < n; k++)
    slot[k] = ++block;
  qfs_map_add(qi, n);
  qi->reach = first + n;
  if(qi->disk->cut == QFS_NO_CUT)
    qfs_map_store_cut(qi);
  atomic_store_rel(&o->ahead, AHEAD(first, first + n));
}

void
qfs_map_give_back(struct qfs_inode *qi)
{
  struct qfs *fs = qfs_of(qi);
  u64 *ahead = &qi->vfs.object.ahead, w = atomic_load(ahead);
  while(w && !__atomic_compare_exchange_n(ahead, &w, AHEAD((u64)(u32)w, (u64)(u32)w), false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
    ;
  if(w == 0)
    return;
  u64 n = (w >> 32) - (u32)w, *slot = (u64 *)frame_kva(qi->leaf) + slot_at((u32)w, 0);
  if(n > 0 && qfs_untake_run(fs, *slot, n) == 0){
    qi->goal = *slot;
    qi->reach = (u32)w;
    memset(slot, 0, n * sizeof(u64));
    qfs_meta_dirty(fs, qi->leaf);
    qfs_map_add(qi, -(i64)n);
  } else if(n > 0){
    atomic_store(&qi->cut, min(qi->cut, (u64)(u32)w));
  }
  atomic_store_rel(ahead, 0);
  qfs_map_store_cut(qi);
  qfs_meta_dirty(fs, qi->home);
}

void
qfs_give_back(struct inode *i)
{
  struct qfs_inode *qi = qfs_inode(i);
  if(qfs_begin(qfs_of(qi)))
    return;
  sleep_lock(&qi->map_lock);
  qfs_map_give_back(qi);
  sleep_unlock(&qi->map_lock);
  qfs_end(qfs_of(qi));
}

// ---- A block for a page ----

// The way to a page that is to get a block, as far as there is one.
// => 0 and *p; -EAGAIN, -ENOSPC ...
static int
reach(struct qfs_inode *qi, u64 index, struct place *p)
{
  int e = index >= qi->cut ? -EAGAIN : 0;
  while(e == 0 && !reaches(qi->height, index))
    e = grow(qi);
  return e ? e : descend(qi, index, p);
}

static __attribute__((noinline)) i64
alloc_from_root(struct qfs_inode *qi, u64 index)
{
  struct place p;
  int e = index >= qi->held ? -EAGAIN : reach(qi, index, &p);
  if(e)
    return e;
  i64 block = p.height ? fill_below(qi, index, &p, 0) : fill_slot(qi, p.page, p.slot, p.i);
  place_put(qi, &p);
  return block;
}

i64
qfs_map_alloc(struct qfs_inode *qi, u64 index, struct frame *f)
{
  i64 block;
  if(index >= QFS_FILE_MAX / QFS_BLOCK)
    return -EFBIG;
  sleep_lock(&qi->map_lock);
  if(qi->vfs.object.ahead)
    qfs_map_give_back(qi);
  if(likely(qi->leaf && qi->leaf_at == index >> QFS_PTRS_SHIFT && index < qi->cut)){
    u32 i = slot_at(index, 0);
    block = fill_slot(qi, qi->leaf, (u64 *)frame_kva(qi->leaf) + i, i);
    if(f && block > 0)
      get_ahead(qi, index, block);
  } else {
    block = alloc_from_root(qi, index);
  }
  if(f && likely(block > 0))
    frame_placed(f);             // before anybody can share the block
  sleep_unlock(&qi->map_lock);
  return block;
}

// Slots from p on lead to n blocks from `block` on, as far as the blocks they led to are few
// enough runs.  => how many
static i64
share_slots(struct qfs_inode *qi, struct place *p, u64 block, u32 n)
{
  struct qfs *fs = qfs_of(qi);
  u64 before = 0;
  u32 k = 0, runs = 0;
  int e = 0;
  n = min(n, (in_root(qi, p) ? QFS_ROOTS : QFS_PTRS) - p->i);
  for(; k < n; k++){
    u64 old = p->slot[k];
    runs += old && old != before + 1;
    if(runs > QFS_CUT_RUNS)
      break;
    e = old == 0 ? 0 : qfs_block_ok(fs, old) ? qfs_free(fs, old, 1, false) : -EUCLEAN;
    if(e)
      break;
    qfs_map_add(qi, old == 0);
    point(qi, p->page, &p->slot[k], block + k);
    before = old;
  }
  return k ? (i64)k : e;
}

i64
qfs_map_share(struct qfs_inode *qi, u64 index, u64 block, u32 n)
{
  struct qfs *fs = qfs_of(qi);
  struct frame *counts;
  struct place p;
  if(index >= QFS_FILE_MAX / QFS_BLOCK)
    return -EFBIG;
  i64 r = qfs_meta_get(fs, fs->sb->shares_start + block / QFS_SHARES, &counts);
  if(r)
    return r;
  sleep_lock(&qi->map_lock);
  r = reach(qi, index, &p);
  if(r == 0){
    r = p.height ? fill_below(qi, index, &p, block) : share_slots(qi, &p, block, n);
    r = p.height && r > 0 ? 1 : r;
    place_put(qi, &p);
  }
  if(r > 0)
    qfs_share(fs, counts, block, r);
  sleep_unlock(&qi->map_lock);
  qfs_meta_put(counts);
  return r;
}

int
qfs_map_new(struct qfs_inode *qi, u64 index, struct frame **f)
{
  i64 block = qfs_map_alloc(qi, index, NULL);
  return block < 0 ? (int)block : qfs_meta_new(qfs_of(qi), block, f);
}
