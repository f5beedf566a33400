// SPDX-License-Identifier: MIT
//
// Hash tables that grow.  Nodes are embedded in what is hashed and chained from
// an array of buckets that doubles when there are as many nodes as buckets and is
// halved when there are few; without memory for another one it stays as it is.  The caller's
// lock protects the table.  Nothing here sleeps or fails.

#pragma once

#include "kernel/types.h"

struct hash_node {
  struct hash_node *next;
  u64 key;                    // well mixed: the low bits choose the bucket
};

enum { HASH_FIRST = 8 };      // buckets to begin with, a power of two

struct hash {
  struct hash_node **buckets;
  u64 nbuckets, count;
  struct hash_node *first[HASH_FIRST];
};

void hash_init(struct hash *h);
void hash_destroy(struct hash *h);                       // => empty
void hash_insert(struct hash *h, struct hash_node *n, u64 key);
void hash_remove(struct hash *h, struct hash_node *n);   // => n was in it

// Nodes with a given key, one after the other: hash_find, then hash_next. => or NULL
static inline struct hash_node *
hash_next(struct hash_node *n, u64 key)
{
  while(n && n->key != key)
    n = n->next;
  return n;
}

static inline struct hash_node *
hash_find(struct hash *h, u64 key)
{
  return hash_next(h->buckets[key & (h->nbuckets - 1)], key);
}

// Spreads the bits of x over the whole word.
static inline u64
hash_mix(u64 x)
{
  x *= 0x9e3779b97f4a7c15UL;
  return x ^ (x >> 32);
}
