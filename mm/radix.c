// SPDX-License-Identifier: MIT
//
// The radix tree of an object's pages.  A node of shift 0 holds values, others
// hold nodes of a shift RADIX_BITS less.  The tree is as high as its largest index
// needs and nodes go when their last slot does.

#include "mm/radix.h"
#include "kernel/errno.h"
#include "mm/slab.h"

static struct cache node_cache = CACHE("radix_node", sizeof(struct radix_node), NULL);

void
radix_init(struct radix *r)
{
  *r = (struct radix){ 0 };
}

static struct radix_node *
child(const struct radix_node *n, u32 slot)
{
  return (struct radix_node *)n->slot[slot];
}

// ---- Marks ----

// The first mark of a leaf, or its last, shows in the nodes above as far as it is
// theirs too.
void
radix_mark_above(struct radix *r, u64 index)
{
  struct radix_node *n = r->root;
  for(u32 shift = r->shift; shift > 0; shift -= RADIX_BITS){
    n->marks |= 1UL << radix_slot(index, shift);
    n = child(n, radix_slot(index, shift));
  }
}

// => has n no marks any more?
static bool
unmark_above(struct radix_node *n, u32 shift, u64 index)
{
  u32 i = radix_slot(index, shift);
  if(shift > 0 && unmark_above(child(n, i), shift - RADIX_BITS, index))
    n->marks &= ~(1UL << i);
  return n->marks == 0;
}

bool
radix_mark(struct radix *r, u64 index)
{
  return radix_mark_in(r, radix_leaf(r, index), index);
}

bool
radix_unmark(struct radix *r, u64 index)
{
  struct radix_node *n = radix_leaf(r, index);
  bool was = n && (n->marks >> radix_slot(index, 0) & 1);
  if(was)
    radix_mark_run(r, index, 1, false);
  return was;
}

void
radix_mark_run(struct radix *r, u64 index, u64 n, bool on)
{
  r->marked += on ? n : -n;
  for(u64 here; n > 0; index += here, n -= here){
    struct radix_node *leaf = radix_leaf(r, index);
    u32 i = radix_slot(index, 0);
    here = min(n, RADIX_SLOTS - i);
    if(leaf->marks == 0)
      radix_mark_above(r, index);
    leaf->marks ^= ~0UL >> (RADIX_SLOTS - here) << i;
    if(leaf->marks == 0)
      unmark_above(r->root, r->shift, index);
  }
}

// ---- As many nodes as it takes ----

static void
set_shift(struct radix *r, u32 shift)
{
  u32 bits = shift + RADIX_BITS;
  r->shift = shift;
  r->max = bits < 64 ? (1UL << bits) - 1 : ~0UL;
}

// Free the nodes on the way to index that are empty.  => is n itself?
static bool
prune(struct radix_node *n, u32 shift, u64 index)
{
  u32 i = radix_slot(index, shift);
  if(shift > 0 && n->slot[i] && prune(child(n, i), shift - RADIX_BITS, index)){
    n->slot[i] = 0;
    n->used--;
  }
  if(n->used)
    return false;
  cache_free(&node_cache, n);
  return true;
}

// Nothing is at index: no node is either that only leads there, and no root that only
// leads to the next.
void
radix_trim(struct radix *r, u64 index)
{
  struct radix_node *n;
  if(r->root && index <= r->max && prune(r->root, r->shift, index))
    r->root = NULL;
  while((n = r->root) && r->shift > 0 && n->used == 1 && n->slot[0]){
    r->root = child(n, 0);
    set_shift(r, r->shift - RADIX_BITS);
    cache_free(&node_cache, n);
  }
}

// ---- Inserting ----

static int
new_root(struct radix *r, u32 shift)
{
  struct radix_node *n = cache_zalloc(&node_cache);
  if(n == NULL)
    return -ENOMEM;
  if(r->root){
    n->slot[0] = (u64)r->root;
    n->used = 1;
    n->marks = r->root->marks != 0;
  }
  r->root = n;
  set_shift(r, shift);
  return 0;
}

// A root that reaches the index: the first as high as it takes, others a step above
// the one there is.
static int
grow(struct radix *r, u64 index)
{
  int err = 0;
  if(r->root == NULL){
    u32 shift = 0;
    while(shift + RADIX_BITS < 64 && index >> (shift + RADIX_BITS))
      shift += RADIX_BITS;
    err = new_root(r, shift);
  }
  while(err == 0 && index > r->max)
    err = new_root(r, r->shift + RADIX_BITS);
  return err;
}

// The way to index, made as far as it is missing.  => or NULL without memory
static struct radix_node *
make_way(struct radix *r, u64 index)
{
  if(grow(r, index) != 0)
    return NULL;
  struct radix_node *n = r->root;
  for(u32 shift = r->shift; shift > 0; shift -= RADIX_BITS){
    u32 i = radix_slot(index, shift);
    if(n->slot[i] == 0){
      struct radix_node *below = cache_zalloc(&node_cache);
      if(below == NULL)
        return NULL;
      n->slot[i] = (u64)below;
      n->used++;
    }
    n = child(n, i);
  }
  return n;
}

struct radix_node *
radix_make_leaf(struct radix *r, u64 index)
{
  struct radix_node *n = make_way(r, index);
  if(n == NULL)
    radix_trim(r, index);
  return n;
}

int
radix_insert(struct radix *r, u64 index, u64 value, bool marked)
{
  struct radix_node *n = radix_reach(r, index);
  if(n == NULL)
    return -ENOMEM;
  if(n->slot[radix_slot(index, 0)])
    return -EEXIST;
  radix_fill(r, n, index, value, marked);
  return 0;
}

// ---- Removing ----

u64
radix_remove(struct radix *r, u64 index)
{
  struct radix_node *n = radix_leaf(r, index);
  u32 i = radix_slot(index, 0);
  u64 was = n ? n->slot[i] : 0;
  if(was){
    radix_unmark(r, index);
    n->slot[i] = 0;
    n->used--;
    r->count--;
  }
  if(n == NULL || n->used == 0)
    radix_trim(r, index);
  return was;
}

static void
free_below(struct radix_node *n, u32 shift)
{
  for(u32 i = 0; shift > 0 && i < RADIX_SLOTS; i++)
    if(n->slot[i])
      free_below(child(n, i), shift - RADIX_BITS);
  cache_free(&node_cache, n);
}

void
radix_destroy(struct radix *r)
{
  if(r->root)
    free_below(r->root, r->shift);
  radix_init(r);
}

// ---- In order ----

struct gathering {
  u64 first, last;          // of the index
  bool marked;
  u64 *value;
  u32 n, max;
  u64 at;                   // of the value found last
};

// The values in slots [i, end) of a leaf.
static inline void
gather_leaf(const struct radix_node *n, u32 i, u32 end, u64 base, struct gathering *g)
{
  u64 marks = (g->marked ? n->marks : ~0UL) >> i;
  const u64 *p = n->slot + i, *last = NULL;
  u64 *to = g->value + g->n, *full = g->value + g->max;
  for(; p < n->slot + end && to < full; p++, marks >>= 1)
    if((marks & 1) && *p){
      *to++ = *p;
      last = p;
    }
  if(last)
    g->at = base + (u64)(last - n->slot);
  g->n = (u32)(to - g->value);
}

// What the slots of n, whose first index is `base`, have of [first, last].
static void
gather_below(const struct radix_node *n, u32 shift, u64 base, struct gathering *g)
{
  u32 i = g->first > base ? (g->first - base) >> shift : 0;
  u32 end = min((g->last - base) >> shift, RADIX_SLOTS - 1) + 1;
  if(shift == 0){
    gather_leaf(n, i, end, base, g);
    return;
  }
  for(; i < end && g->n < g->max; i++)
    if(n->slot[i] && (!g->marked || (n->marks >> i & 1)))
      gather_below(child(n, i), shift - RADIX_BITS, base + ((u64)i << shift), g);
}

u32
radix_gather(const struct radix *r, u64 *index, u64 last, bool marked, u64 *value, u32 n)
{
  struct gathering g = {
    .first = *index, .last = last, .marked = marked, .value = value, .max = n,
  };
  if(r->root == NULL || *index > r->max || (marked && r->marked == 0))
    return 0;
  gather_below(r->root, r->shift, 0, &g);
  if(g.n)
    *index = g.at;
  return g.n;
}
