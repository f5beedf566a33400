// SPDX-License-Identifier: MIT
//
// The radix tree of an object's pages.  Levels count from the leaves: a node of
// level 0 holds values.  The tree is as high as its largest index needs and
// nodes go when their last slot does.

#include "mm/radix.h"
#include "kernel/errno.h"
#include "mm/slab.h"

static struct cache node_cache;

void
radix_setup(void)
{
  cache_init(&node_cache, "radix_node", sizeof(struct radix_node), 0, NULL);
}

void
radix_init(struct radix *r)
{
  *r = (struct radix){ 0 };
}

static u32
slot_of(u64 index, u32 level)
{
  return index >> (RADIX_BITS * level) & (RADIX_SLOTS - 1);
}

static struct radix_node *
child(const struct radix_node *n, u32 slot)
{
  return (struct radix_node *)n->slot[slot];
}

// Does a tree of this height reach the index?
static bool
reaches(u32 height, u64 index)
{
  u32 bits = RADIX_BITS * height;
  return height > 0 && (bits >= 64 || index >> bits == 0);
}

static struct radix_node *
leaf_node(const struct radix *r, u64 index)
{
  if(!reaches(r->height, index))
    return NULL;
  struct radix_node *n = r->root;
  for(u32 level = r->height - 1; n && level > 0; level--)
    n = child(n, slot_of(index, level));
  return n;
}

u64
radix_get(const struct radix *r, u64 index)
{
  const struct radix_node *n = leaf_node(r, index);
  return n ? n->slot[slot_of(index, 0)] : 0;
}

// ---- Setting ----

// A root that reaches the index, above the one there is.
static int
grow(struct radix *r, u64 index)
{
  while(!reaches(r->height, index)){
    struct radix_node *n = cache_zalloc(&node_cache);
    if(n == NULL)
      return -ENOMEM;
    r->height++;
    if(r->root){
      n->slot[0] = (u64)r->root;
      n->used = 1;
      n->marks = r->root->marks != 0;
    } else {
      while(!reaches(r->height, index))
        r->height++;
    }
    r->root = n;
  }
  return 0;
}

// Nodes made on the way to a leaf that could not be made stay: they are found
// again, and radix_remove of anything below takes them away.
int
radix_set(struct radix *r, u64 index, u64 value)
{
  if(grow(r, index) != 0)
    return -ENOMEM;
  struct radix_node *n = r->root;
  for(u32 level = r->height - 1; level > 0; level--){
    u32 i = slot_of(index, level);
    if(n->slot[i] == 0){
      struct radix_node *below = cache_zalloc(&node_cache);
      if(below == NULL)
        return -ENOMEM;
      n->slot[i] = (u64)below;
      n->used++;
    }
    n = child(n, i);
  }
  u32 i = slot_of(index, 0);
  if(n->slot[i] == 0){
    n->used++;
    r->count++;
  }
  n->slot[i] = value;
  return 0;
}

// ---- Removing ----

// => true if the node is empty now and has been freed
static bool
remove_below(struct radix_node *n, u32 level, u64 index, u64 *was)
{
  u32 i = slot_of(index, level);
  if(level == 0){
    *was = n->slot[i];
    n->slot[i] = 0;
    n->used -= *was != 0;
  } else if(n->slot[i] && remove_below(child(n, i), level - 1, index, was)){
    n->slot[i] = 0;
    n->used--;
  }
  if(n->used)
    return false;
  cache_free(&node_cache, n);
  return true;
}

u64
radix_remove(struct radix *r, u64 index)
{
  u64 was = 0;
  if(!reaches(r->height, index))
    return 0;
  radix_unmark(r, index);
  if(remove_below(r->root, r->height - 1, index, &was)){
    r->root = NULL;
    r->height = 0;
  }
  r->count -= was != 0;
  return was;
}

static void
free_below(struct radix_node *n, u32 level)
{
  for(u32 i = 0; level > 0 && i < RADIX_SLOTS; i++)
    if(n->slot[i])
      free_below(child(n, i), level - 1);
  cache_free(&node_cache, n);
}

void
radix_destroy(struct radix *r)
{
  if(r->root)
    free_below(r->root, r->height - 1);
  radix_init(r);
}

// ---- Marks ----

bool
radix_mark(struct radix *r, u64 index)
{
  struct radix_node *n = r->root;
  for(u32 level = r->height - 1; level > 0; level--){
    n->marks |= 1UL << slot_of(index, level);
    n = child(n, slot_of(index, level));
  }
  u64 bit = 1UL << slot_of(index, 0);
  if(n->marks & bit)
    return false;
  n->marks |= bit;
  r->marked++;
  return true;
}

// => true if the mark was there
static bool
unmark_below(struct radix_node *n, u32 level, u64 index)
{
  u64 bit = 1UL << slot_of(index, level);
  if(!(n->marks & bit))
    return false;
  if(level > 0){
    struct radix_node *below = child(n, slot_of(index, level));
    if(!unmark_below(below, level - 1, index))
      return false;
    if(below->marks)
      return true;
  }
  n->marks &= ~bit;
  return true;
}

bool
radix_unmark(struct radix *r, u64 index)
{
  if(!reaches(r->height, index) || !unmark_below(r->root, r->height - 1, index))
    return false;
  r->marked--;
  return true;
}

// ---- In order ----

static u64
next_below(const struct radix_node *n, u32 level, u64 *index, bool marked)
{
  u64 span = 1UL << (RADIX_BITS * level);
  u64 base = *index & ~(span * RADIX_SLOTS - 1);
  u32 first = slot_of(*index, level);
  for(u32 i = first; i < RADIX_SLOTS; i++){
    if(n->slot[i] == 0 || (marked && !(n->marks >> i & 1)))
      continue;
    if(i != first)
      *index = base + i * span;
    u64 v = level ? next_below(child(n, i), level - 1, index, marked) : n->slot[i];
    if(v)
      return v;
  }
  return 0;
}

u64
radix_next(const struct radix *r, u64 *index, bool marked)
{
  if(!reaches(r->height, *index) || (marked && r->marked == 0))
    return 0;
  return next_below(r->root, r->height - 1, index, marked);
}
