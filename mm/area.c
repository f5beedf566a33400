// SPDX-License-Identifier: MIT
//
// Areas in order of address: a treap (a search tree by start that is a heap by
// random priority, so balanced whatever the order of insertion).  Each node
// knows the free gap just below it and the largest gap in its subtree, which
// finds a place for a new mapping without looking at every area.
//
// Calls the slab cache and objects' area lists.  All under space.lock.

#include "kernel/errno.h"
#include "mm/area.h"
#include "kernel/printk.h"
#include "mm/object.h"
#include "mm/slab.h"

static struct cache area_cache = CACHE("area", sizeof(struct area), NULL);

struct area nowhere;

struct area *
area_alloc(void)
{
  struct area *a = cache_zalloc(&area_cache);
  if(a){
    list_init(&a->in_object);
    list_init(&a->in_space);
  }
  return a;
}

void
area_free(struct area *a)
{
  cache_free(&area_cache, a);
}

// ---- Searching ----

struct area *
area_above(struct space *s, va_t va)
{
  struct area *best = NULL, *n = s->root;
  while(n){
    if(n->end > va){
      best = n;
      n = n->left;
    } else {
      n = n->right;
    }
  }
  return best;
}

struct area *
area_below(struct space *s, va_t va)
{
  struct area *best = NULL, *n = s->root;
  while(n){
    if(n->start < va){
      best = n;
      n = n->right;
    } else {
      n = n->left;
    }
  }
  return best;
}

struct area *
area_search(struct space *s, va_t va)
{
  struct area *a = area_above(s, va);
  if(a == NULL || va < a->start)
    return NULL;
  s->recent = a;
  return a;
}

struct area *
area_stack_above(struct space *s, va_t va)
{
  struct area *a = area_above(s, va);
  if(a == NULL || !(a->flags & AREA_STACK) || va < a->start - a->gap)
    return NULL;
  return a->end - va <= s->stack_limit ? a : NULL;
}

// ---- The tree ----

static void
pull(struct area *n)
{
  n->gap_max = n->gap;
  if(n->left)
    n->gap_max = max(n->gap_max, n->left->gap_max);
  if(n->right)
    n->gap_max = max(n->gap_max, n->right->gap_max);
}

static void
split_tree(struct area *n, va_t at, struct area **low, struct area **high)
{
  if(n == NULL){
    *low = *high = NULL;
  } else if(n->start < at){
    split_tree(n->right, at, &n->right, high);
    *low = n;
    pull(n);
  } else {
    split_tree(n->left, at, low, &n->left);
    *high = n;
    pull(n);
  }
}

static struct area *
join_trees(struct area *low, struct area *high)
{
  if(low == NULL || high == NULL)
    return low ? low : high;
  struct area *top = low->priority > high->priority ? low : high;
  if(top == low)
    low->right = join_trees(low->right, high);
  else
    high->left = join_trees(low, high->left);
  pull(top);
  return top;
}

static struct area *
insert_below(struct area *n, struct area *a)
{
  if(n == NULL || a->priority > n->priority){
    split_tree(n, a->start, &a->left, &a->right);
    pull(a);
    return a;
  }
  if(a->start < n->start)
    n->left = insert_below(n->left, a);
  else
    n->right = insert_below(n->right, a);
  pull(n);
  return n;
}

static struct area *
remove_below(struct area *n, struct area *a)
{
  if(n == a)
    return join_trees(a->left, a->right);
  if(a->start < n->start)
    n->left = remove_below(n->left, a);
  else
    n->right = remove_below(n->right, a);
  pull(n);
  return n;
}

// a's gap changed: bring gap_max up to date on the way to it.
static void
pull_path(struct area *n, const struct area *a)
{
  if(n != a)
    pull_path(a->start < n->start ? n->left : n->right, a);
  pull(n);
}

static void
update_gap(struct space *s, struct area *a)
{
  if(a == NULL)
    return;
  struct area *below = area_below(s, a->start);
  u64 gap = a->start - (below ? below->end : USER_MIN);
  if(a->gap == gap)
    return;
  a->gap = gap;
  pull_path(s->root, a);
}

static u32
next_priority(void)
{
  static u32 state = 2463534242u;
  u32 x = atomic_load(&state);
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  atomic_store(&state, x);
  return x;
}

void
area_insert(struct space *s, struct area *a)
{
  a->space = s;
  a->priority = next_priority();
  a->gap = 0;
  s->root = insert_below(s->root, a);
  s->nareas++;
  s->mapped += (a->end - a->start) >> PAGE_SHIFT;
  update_gap(s, a);
  update_gap(s, area_above(s, a->end));
}

void
area_remove(struct space *s, struct area *a)
{
  s->root = remove_below(s->root, a);
  s->nareas--;
  s->mapped_most = max(s->mapped_most, s->mapped);
  s->mapped -= (a->end - a->start) >> PAGE_SHIFT;
  if(s->recent == a)
    s->recent = &nowhere;
  update_gap(s, area_above(s, a->end));
}

// The order of areas does not change: a still lies between its neighbours.
void
area_resize(struct space *s, struct area *a, va_t start, va_t end)
{
  s->mapped_most = max(s->mapped_most, s->mapped);
  s->mapped += ((end - start) >> PAGE_SHIFT) - ((a->end - a->start) >> PAGE_SHIFT);
  if(a->object)
    a->offset += start - a->start;
  a->start = start;
  a->end = end;
  update_gap(s, a);
  update_gap(s, area_above(s, end));
}

// ---- Cutting and joining ----

void
area_split(struct space *s, struct area *a, va_t at, struct area *upper)
{
  assert(a->start < at && at < a->end);
  upper->start = at;
  upper->end = a->end;
  upper->space = s;
  area_inherit(upper, a, at, 0);
  if(a->object)
    object_link_area(upper, a);
  area_resize(s, a, a->start, at);
  area_insert(s, upper);
}

// The area that contains `at` strictly inside, and so has to be cut there.
static struct area *
cut_by(struct space *s, va_t at)
{
  struct area *a = area_above(s, at);
  return a && a->start < at ? a : NULL;
}

int
area_cut_out(struct space *s, va_t start, va_t end)
{
  struct area *low = NULL, *high = NULL;
  if(cut_by(s, start) && (low = area_alloc()) == NULL)
    return -ENOMEM;
  if(cut_by(s, end) && (high = area_alloc()) == NULL){
    if(low)
      area_free(low);
    return -ENOMEM;
  }
  if(low)
    area_split(s, cut_by(s, start), start, low);
  if(high)
    area_split(s, cut_by(s, end), end, high);
  return 0;
}

// Who holds areas_lock sees flags that do not change.
void
area_set_flags(struct area *a, u32 flags)
{
  struct object *o = a->object;
  if(o)
    spin_lock(&o->areas_lock);
  a->flags = flags;
  if(o)
    spin_unlock(&o->areas_lock);
}

static bool
continues(const struct area *a, const struct area *b)
{
  return a->end == b->start && a->prot == b->prot && a->flags == b->flags &&
         a->object == b->object && a->file == b->file &&
         (a->object == NULL || a->offset + (a->end - a->start) == b->offset);
}

// b, which continues a, is swallowed by it.
static void
swallow(struct space *s, struct area *a, struct area *b, struct list *dead)
{
  area_remove(s, b);
  area_resize(s, a, a->start, b->end);
  if(b->object)
    object_unlink_area(b);      // no sooner: the reverse map must always find one of them
  list_append(dead, &b->in_space);
}

struct area *
area_merge(struct space *s, struct area *a, struct list *dead)
{
  struct area *next = area_above(s, a->end);
  if(next && continues(a, next))
    swallow(s, a, next, dead);
  struct area *prev = area_below(s, a->start);
  if(prev && continues(prev, a)){
    swallow(s, prev, a, dead);
    a = prev;
  }
  return a;
}

void
area_mend(struct space *s, va_t start, va_t end, struct list *dead)
{
  struct area *a = area_find(s, start);
  if(a)
    area_merge(s, a, dead);
  if((a = area_find(s, end - 1)) != NULL)
    area_merge(s, a, dead);
}

void
areas_release(struct list *dead)
{
  struct area *a, *next;
  list_for_safe(a, next, dead, in_space){
    list_remove(&a->in_space);
    object_put(a->object);
    if(a->file)
      file_put(a->file);
    area_free(a);
  }
}

// ---- Room ----

// The highest fitting gap of a subtree: right, then below the node, then left.
static va_t
gap_below(const struct area *n, u64 len, va_t top)
{
  if(n == NULL || n->gap_max < len)
    return 0;
  va_t va = gap_below(n->right, len, top);
  if(va)
    return va;
  va_t low = n->start - n->gap, high = min(n->start, top);
  if(high >= low && high - low >= len)
    return high - len;
  return gap_below(n->left, len, top);
}

va_t
area_gap(struct space *s, u64 len, va_t top)
{
  struct area *last = area_below(s, top);
  va_t low = last ? last->end : USER_MIN;
  if(low <= top && top - low >= len)
    return top - len;
  return gap_below(s->root, len, top);
}
