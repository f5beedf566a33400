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
  struct radix_node *root;
  u32 height;               // levels; 0 = empty
  u64 count, marked;
};

void radix_init(struct radix *r);
u64 radix_get(const struct radix *r, u64 index);             // => 0 if nothing is there
int radix_set(struct radix *r, u64 index, u64 value);        // value not 0. => 0 or -ENOMEM
u64 radix_remove(struct radix *r, u64 index);                // => what was there
void radix_destroy(struct radix *r);                          // forgets the values
bool radix_mark(struct radix *r, u64 index);                 // => false if it was marked
bool radix_unmark(struct radix *r, u64 index);               // => true if it was marked

// The first entry at or after *index (only marked ones with `marked`).
// => its value, *index moved to it; 0 if there is none
u64 radix_next(const struct radix *r, u64 *index, bool marked);

void radix_setup(void);                                      // boot: the node cache
