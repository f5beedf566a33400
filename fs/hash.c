// SPDX-License-Identifier: MIT
//
// Growable hash tables.  Knows only kmalloc; the caller holds its lock.

#include "fs/hash.h"
#include "kernel/string.h"
#include "mm/slab.h"

void
hash_init(struct hash *h)
{
  memset(h, 0, sizeof *h);
  h->buckets = h->first;
  h->nbuckets = HASH_FIRST;
}

void
hash_destroy(struct hash *h)
{
  if(h->buckets != h->first)
    kfree(h->buckets);
}

static struct hash_node **
bucket(struct hash *h, u64 key)
{
  return &h->buckets[key & (h->nbuckets - 1)];
}

static void
link_node(struct hash *h, struct hash_node *n)
{
  struct hash_node **b = bucket(h, n->key);
  n->next = *b;
  *b = n;
}

static void
resize(struct hash *h, u64 nbuckets)
{
  struct hash_node **old = h->buckets, *n, *next;
  u64 nold = h->nbuckets;
  struct hash_node **new = nbuckets == HASH_FIRST ? memset(h->first, 0, sizeof h->first)
                                                  : kzalloc(nbuckets * sizeof *new);
  if(new == NULL)
    return;
  h->buckets = new;
  h->nbuckets = nbuckets;
  for(u64 i = 0; i < nold; i++)
    for(n = old[i]; n; n = next){
      next = n->next;
      link_node(h, n);
    }
  if(old != h->first)
    kfree(old);
}

void
hash_insert(struct hash *h, struct hash_node *n, u64 key)
{
  if(h->count++ >= h->nbuckets)
    resize(h, 2 * h->nbuckets);
  n->key = key;
  link_node(h, n);
}

void
hash_remove(struct hash *h, struct hash_node *n)
{
  struct hash_node **p = bucket(h, n->key);
  while(*p != n)
    p = &(*p)->next;
  *p = n->next;
  h->count--;
  if(h->nbuckets > HASH_FIRST && h->count < h->nbuckets / 4)
    resize(h, h->nbuckets / 2);
}
