// SPDX-License-Identifier: MIT
//
// A sparse array of u64 by u64 index, with one mark an entry: a radix tree of
// 64-way nodes.  The caller's lock protects it; nothing here sleeps.

#pragma once

#include "kernel/types.h"

enum { RADIX_BITS = 6, RADIX_SLOTS = 1 << RADIX_BITS };

struct radix_node {
  u64 slot[RADIX_SLOTS];    // leaf: the values; above: nodes
  u64 marks;                // bit i: something marked at or below slot i
  u32 used;                 // slots that are not 0
};

struct radix {
  struct radix_node *root;  // NULL: empty
  u64 max;                  // the largest index that the root reaches
  u32 shift;                // bits of an index below those that choose the root's slot
  u64 count, marked;
};

void radix_init(struct radix *r);
int radix_insert(struct radix *r, u64 index, u64 value, bool marked);  // => 0, -EEXIST, -ENOMEM
u64 radix_remove(struct radix *r, u64 index);                // => what was there
void radix_destroy(struct radix *r);                         // forgets the values
bool radix_mark(struct radix *r, u64 index);                 // => false if it was marked
bool radix_unmark(struct radix *r, u64 index);               // => true if it was marked
void radix_mark_run(struct radix *r, u64 index, u64 n, bool on);    // n entries, all of them !on

static inline u32
radix_slot(u64 index, u32 shift)
{
  return index >> shift & (RADIX_SLOTS - 1);
}

// The node that holds the value of index, or would.  => or NULL
static inline struct radix_node *
radix_leaf(const struct radix *r, u64 index)
{
  struct radix_node *n = index <= r->max ? r->root : NULL;
  for(u32 shift = r->shift; n && shift > 0; shift -= RADIX_BITS)
    n = (struct radix_node *)n->slot[radix_slot(index, shift)];
  return n;
}

struct radix_node *radix_make_leaf(struct radix *r, u64 index);
void radix_trim(struct radix *r, u64 index);      // what was made for nothing goes again
void radix_mark_above(struct radix *r, u64 index);

// The same, made if it is missing.  => or NULL without memory
static inline struct radix_node *
radix_reach(struct radix *r, u64 index)
{
  struct radix_node *n = radix_leaf(r, index);
  return likely(n) ? n : radix_make_leaf(r, index);
}

// Mark index, whose node is n.  => false if it was marked
static inline bool
radix_mark_in(struct radix *r, struct radix_node *n, u64 index)
{
  u64 bit = 1UL << radix_slot(index, 0);
  if(n->marks & bit)
    return false;
  if(n->marks == 0)
    radix_mark_above(r, index);
  n->marks |= bit;
  r->marked++;
  return true;
}

// Into an empty slot of the node that radix_reach gave.
static inline void
radix_fill(struct radix *r, struct radix_node *n, u64 index, u64 value, bool marked)
{
  n->slot[radix_slot(index, 0)] = value;
  n->used++;
  r->count++;
  if(marked)
    radix_mark_in(r, n, index);
}

// => 0 if nothing is there
static inline u64
radix_get(const struct radix *r, u64 index)
{
  const struct radix_node *n = radix_leaf(r, index);
  return n ? n->slot[radix_slot(index, 0)] : 0;
}

// Another value for an entry that is there.
static inline void
radix_replace(struct radix *r, u64 index, u64 value)
{
  radix_leaf(r, index)->slot[radix_slot(index, 0)] = value;
}

// The values of the first entries in [*index, last], in order (only marked ones with
// `marked`), as many as there are up to n.  => how many; if any, *index is that of
// the last of them
u32 radix_gather(const struct radix *r, u64 *index, u64 last, bool marked, u64 *value, u32 n);

// The first entry at or after *index.  => its value, *index moved to it; or 0
static inline u64
radix_next(const struct radix *r, u64 *index, bool marked)
{
  u64 value;
  return radix_gather(r, index, ~0UL, marked, &value, 1) ? value : 0;
}
