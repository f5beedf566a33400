// SPDX-License-Identifier: MIT
//
// Intrusive circular lists.  A list head and a list node are the same struct;
// an unlinked node points at itself.  The caller's lock protects the list.

#pragma once

#include "kernel/types.h"

struct list {
  struct list *next, *prev;
};

#define LIST_INIT(name) { &(name), &(name) }

static inline void
list_init(struct list *l)
{
  l->next = l->prev = l;
}

static inline bool
list_empty(const struct list *l)
{
  return l->next == l;
}

static inline void
list_insert(struct list *n, struct list *prev, struct list *next)
{
  n->next = next;
  n->prev = prev;
  prev->next = n;
  next->prev = n;
}

static inline void list_push(struct list *l, struct list *n) { list_insert(n, l, l->next); }
static inline void list_append(struct list *l, struct list *n) { list_insert(n, l->prev, l); }

static inline void
list_remove(struct list *n)
{
  n->prev->next = n->next;
  n->next->prev = n->prev;
  list_init(n);
}

#define list_first(l, type, member) container_of((l)->next, type, member)

// The list in *it; of the head too, which is in no such structure.
#define list_in(it, member) \
  ((struct list *)((char *)(it) + __builtin_offsetof(__typeof__(*it), member)))

#define list_for(it, l, member)                                         \
  for(it = container_of((l)->next, __typeof__(*it), member);            \
      list_in(it, member) != (l);                                       \
      it = container_of(list_in(it, member)->next, __typeof__(*it), member))

// As list_for; the current element may be removed.
#define list_for_safe(it, tmp, l, member)                               \
  for(it = container_of((l)->next, __typeof__(*it), member),            \
      tmp = container_of(list_in(it, member)->next, __typeof__(*it), member); \
      list_in(it, member) != (l);                                       \
      it = tmp, tmp = container_of(list_in(it, member)->next, __typeof__(*it), member))
