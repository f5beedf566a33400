// SPDX-License-Identifier: MIT
//
// Magazines after Bonwick and Adams: each hart has, of each cache, a loaded
// magazine of free objects and a spare one that is full or empty, so that most
// objects come and go without a lock.  When both are empty, or full, one is
// exchanged at the cache's depot, which keeps a few; beyond that objects go to
// and from slabs.
//
// Locks: a hart's magazines are touched by itself only, preemption off, or with
// all other harts stopped.  The depot: cache.lock.

#include <machine.h>
#include "kernel/failnth.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/check.h"
#include "mm/frame.h"
#include "mm/slab_inside.h"

enum { ROUNDS_MAX = 15, RAM_SHARE = 512, DEPOT_SHARE = 2 };

struct magazine {
  struct magazine *next;       // in a depot
  void *object[ROUNDS_MAX];
};

struct hart_cache {
  struct magazine *loaded, *spare;
  u64 n, room;                 // in `loaded`: objects, and how many there may be
  u64 nspare;                  // 0 or cache.rounds
} __attribute__((aligned(64)));

static struct cache magazines, hart_caches;

// Small ones for large objects, and where memory is small.
u32
magazine_rounds(u32 size)
{
  return (u32)max(1UL, min(min(PAGE_SIZE / size, frames_total() / RAM_SHARE), (u64)ROUNDS_MAX));
}

void
magazines_init(void)
{
  cache_init(&magazines, "magazine", sizeof(struct magazine), 0, NULL);
  cache_init(&hart_caches, "hart_cache", machine.nharts * sizeof(struct hart_cache), 64, NULL);
  magazines.rounds = hart_caches.rounds = 0;
}

// What is read through the pointer is read after it, so no fence is needed.
static inline struct hart_cache *
here(struct cache *c)
{
  struct hart_cache *all = atomic_load(&c->harts);
  return all ? &all[this_hart()->index] : NULL;
}

static void
swap(struct cache *c, struct hart_cache *h)
{
  struct magazine *m = h->loaded;
  u64 n = h->n;
  h->loaded = h->spare;
  h->n = h->nspare;
  h->room = h->loaded ? c->rounds : 0;
  h->spare = m;
  h->nspare = n;
}

// ---- Out ----

// => true if the loaded magazine is not empty any more
static bool
reload(struct cache *c, struct hart_cache *h)
{
  if(h->nspare > 0){
    swap(c, h);
    return true;
  }
  spin_lock(&c->lock);
  struct magazine *m = c->loaded;
  if(m){
    c->loaded = m->next;
    c->nloaded--;
    if(h->loaded){
      h->loaded->next = c->unloaded;
      c->unloaded = h->loaded;
    }
    h->loaded = m;
    h->n = h->room = c->rounds;
  }
  spin_unlock(&c->lock);
  return m != NULL;
}

static void *__attribute__((noinline))    // off the common path, as is free_slowly
alloc_slowly(struct cache *c, struct hart_cache *h)
{
  return h && reload(c, h) ? h->loaded->object[--h->n] : slab_take(c);
}

void *
cache_alloc(struct cache *c)
{
  if(failnth())
    return NULL;
  preempt_off();
  struct hart_cache *h = here(c);
  void *p;
  if(likely(h) && likely(h->n > 0))
    p = h->loaded->object[--h->n];
  else
    p = alloc_slowly(c, h);
  preempt_on();
  return p;
}

void *
cache_zalloc(struct cache *c)
{
  assert(c->ctor == NULL);
  void *p = cache_alloc(c);
  if(p)
    memset(p, 0, c->size);
  return p;
}

// ---- Back ----

// The first object that is freed makes the harts' part. => NULL without memory
static struct hart_cache *
equip(struct cache *c)
{
  struct hart_cache *all = slab_take(&hart_caches), *none = NULL;
  if(all == NULL)
    return NULL;
  memset(all, 0, hart_caches.size);
  if(!__atomic_compare_exchange_n(&c->harts, &none, all, false, __ATOMIC_RELEASE,
                                  __ATOMIC_RELAXED))
    slab_put(&hart_caches, all);
  return here(c);
}

static void
empty_magazine(struct cache *c, struct magazine *m, u64 n)
{
  while(n > 0)
    slab_put_locked(c, m->object[--n]);
}

// => NULL without memory
static struct magazine *
unloaded_magazine(struct cache *c)
{
  spin_lock(&c->lock);
  struct magazine *m = c->unloaded;
  if(m)
    c->unloaded = m->next;
  spin_unlock(&c->lock);
  return m ? m : slab_take(&magazines);
}

// The loaded magazine is full, or there is none.  An empty one takes its place, if
// need be by way of the depot; if that has enough, the objects go to their slabs.
// => false if there is no memory for a magazine
static bool
make_room(struct cache *c, struct hart_cache *h)
{
  if(h->spare && h->nspare == 0){
    swap(c, h);
    return true;
  }
  bool enough = h->spare && atomic_load(&c->nloaded) >= DEPOT_SHARE * machine.nharts;
  struct magazine *m = enough ? NULL : unloaded_magazine(c);
  if(m == NULL && h->loaded == NULL)
    return false;
  spin_lock(&c->lock);
  if(m == NULL){
    empty_magazine(c, h->loaded, h->n);
    h->n = 0;
  } else {
    if(h->spare){
      h->spare->next = c->loaded;
      c->loaded = h->spare;
      c->nloaded++;
    }
    h->spare = m;
    h->nspare = 0;
    swap(c, h);
  }
  spin_unlock(&c->lock);
  return true;
}

static void __attribute__((noinline))
free_slowly(struct cache *c, struct hart_cache *h, void *p)
{
  if(h == NULL && c->rounds > 0)
    h = equip(c);
  if(h && make_room(c, h))
    h->loaded->object[h->n++] = p;
  else
    slab_put(c, p);
}

// That p is one of the cache's objects is checked here, that it is in use only as
// far as it costs nothing: the slab layer does when it gets there.
void
cache_free(struct cache *c, void *p)
{
  slab_index(c, slab_of(p), p);
  preempt_off();
  struct hart_cache *h = here(c);
  if(likely(h) && likely(h->n < h->room)){
    void **top = &h->loaded->object[h->n];
    if(unlikely(h->n > 0 && top[-1] == p))
      freed_twice(c, p);
    *top = p;
    h->n++;
  } else {
    free_slowly(c, h, p);
  }
  preempt_on();
}

// ---- Giving back ----

static void
free_magazines(struct magazine *m)
{
  while(m){
    struct magazine *next = m->next;
    slab_put(&magazines, m);
    m = next;
  }
}

void
depot_flush(struct cache *c)
{
  spin_lock(&c->lock);
  struct magazine *loaded = c->loaded, *unloaded = c->unloaded;
  for(struct magazine *m = loaded; m; m = m->next)
    empty_magazine(c, m, c->rounds);
  c->loaded = c->unloaded = NULL;
  c->nloaded = 0;
  spin_unlock(&c->lock);
  free_magazines(loaded);
  free_magazines(unloaded);
}

static void
flush(struct cache *c, struct magazine *m, u64 n)
{
  if(m == NULL)
    return;
  spin_lock(&c->lock);
  empty_magazine(c, m, n);
  spin_unlock(&c->lock);
  slab_put(&magazines, m);
}

void
magazines_flush(struct cache *c)
{
  for(u32 i = 0; c->harts && i < machine.nharts; i++){
    struct hart_cache *h = &c->harts[i];
    flush(c, h->loaded, h->n);
    flush(c, h->spare, h->nspare);
  }
  if(c->harts)
    slab_put(&hart_caches, c->harts);
  c->harts = NULL;
}

// ---- Figures and checking ----

u64
magazines_hold(struct cache *c)
{
  u64 n = (u64)atomic_load(&c->nloaded) * c->rounds;
  struct hart_cache *all = atomic_load_acq(&c->harts);
  for(u32 i = 0; all && i < machine.nharts; i++)
    n += atomic_load(&all[i].n) + atomic_load(&all[i].nspare);
  return n;
}

// Objects of a magazine are marked in their slabs as `to`. => how many were not `from`
static u64
mark(struct cache *c, const struct magazine *m, u64 n, u16 from, u16 to)
{
  u64 wrong = 0;
  for(u64 k = 0; m && k < n; k++){
    struct slab *s = slab_of(m->object[k]);
    u16 *state = &s->next[slab_index(c, s, m->object[k])];
    if(*state == from)
      *state = to;
    else
      wrong++;
  }
  return wrong;
}

static u64
mark_all(struct cache *c, u16 from, u16 to)
{
  u64 wrong = 0;
  for(struct magazine *m = c->loaded; m; m = m->next)
    wrong += mark(c, m, c->rounds, from, to);
  for(u32 i = 0; c->harts && i < machine.nharts; i++){
    wrong += mark(c, c->harts[i].loaded, c->harts[i].n, from, to);
    wrong += mark(c, c->harts[i].spare, c->harts[i].nspare, from, to);
  }
  return wrong;
}

// No object is in two places.
void
magazines_check(struct cache *c)
{
  u64 twice = mark_all(c, IN_USE, CHECKED);
  mark_all(c, CHECKED, IN_USE);
  if(twice > 0)
    lie("cache %s: %lu objects are free twice", c->name, twice);
}
