// SPDX-License-Identifier: MIT
//
// Slab caches after Bonwick: objects of one kind, packed into blocks of frames.
//
//   slab:  | header, index of free objects | colour | object | object | ... |
//
// Free objects are chained by number in the header, not through the objects, so
// that constructed objects stay constructed.  Every frame of a slab names it
// (kind SLAB, owner), which is how kfree finds its way.  Between slabs and their
// users stand the harts' magazines (magazine.c).
//
// Lock: cache.lock; the buddy's is taken below it.

#include "mm/slab.h"
#include "kernel/debug/kasan.h"
#include "kernel/failnth.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/check.h"
#include "mm/frame.h"
#include "mm/slab_inside.h"

enum { CACHE_LINE = 64, SLAB_ORDER_MAX = 3, EMPTY_MAX = 4 };

struct list caches = LIST_INIT(caches);
struct spinlock caches_lock = SPINLOCK_INIT("caches");

#if defined(DEBUG) && !defined(KASAN)
bool slab_debug = true;
#else
bool slab_debug;
#endif

// ---- Caches ----

static u32
header_size(const struct cache *c, u32 objects)
{
  return (u32)(sizeof(struct slab) + objects * sizeof(u16)) + (c->debug ? REDZONE : 0);
}

// How many objects fit beside their header.
static u32
capacity(const struct cache *c, u64 bytes, u32 align)
{
  u32 n = (u32)((bytes - header_size(c, 0)) / (c->stride + sizeof(u16)));
  while(n > 0 && round_up(header_size(c, n), align) + (u64)n * c->stride > bytes)
    n--;
  return n;
}

// The smallest block that wastes at most an eighth.
static void
choose_order(struct cache *c, u32 align)
{
  for(c->order = 0;; c->order++){
    u64 bytes = PAGE_SIZE << c->order;
    c->per_slab = capacity(c, bytes, align);
    u64 used = (u64)c->per_slab * c->stride;
    if(c->order == SLAB_ORDER_MAX || (c->per_slab > 0 && bytes - used <= bytes / 8)){
      c->first = (u32)round_up(header_size(c, c->per_slab), align);
      c->colours = (u32)((bytes - used - c->first) / CACHE_LINE) + 1;
      return;
    }
  }
}

static void
work_out(struct cache *c, u32 align)
{
  c->debug = slab_debug;
  c->stride = (u32)round_up(c->size + (c->debug ? redzone_behind(c->size) : KASAN_GAP), align);
  c->rounds = c->debug || KASAN_GAP ? 0 : magazine_rounds(c->size);
  choose_order(c, align);
  if(align > CACHE_LINE)
    c->colours = 1;
  assert(c->per_slab > 0);
  list_init(&c->partial);
  list_init(&c->full);
  list_init(&c->empty);
}

static void
make_ready(struct cache *c, u32 align)
{
  spin_lock(&caches_lock);
  if(!c->ready){
    work_out(c, max(align, 16));
    list_append(&caches, &c->link);
    atomic_store_rel(&c->ready, true);
  }
  spin_unlock(&caches_lock);
}

void
cache_init(struct cache *c, const char *name, u32 size, u32 align, void (*ctor)(void *))
{
  *c = (struct cache)CACHE(name, size, ctor);
  make_ready(c, align);
}

void
slab_init(void)
{
  magazines_init();
  kmalloc_init();
}

// ---- Slabs ----

static struct slab *
slab_create(struct cache *c)
{
  struct frame *f = frames_alloc(c->order, KIND_SLAB, 0);
  if(f == NULL)
    return NULL;
  struct slab *s = frame_kva(f);
  for(u32 i = 0; i < 1U << c->order; i++)
    f[i].owner = knum(s);
  s->cache = c;
  s->used = 0;
  s->free = 0;
  list_init(&s->link);
  for(u32 i = 0; i < c->per_slab; i++)
    s->next[i] = (u16)(i + 1 < c->per_slab ? i + 1 : NO_OBJECT);
  return s;
}

static void *
object_at(const struct cache *c, const struct slab *s, u32 i)
{
  return s->base + (u64)i * c->stride;
}

// The part of making a slab that needs the cache's lock.
static void
slab_adopt(struct cache *c, struct slab *s)
{
  s->base = (char *)s + c->first + c->colour * CACHE_LINE;
  c->colour = (c->colour + 1) % c->colours;
  c->slabs++;
  list_push(&c->empty, &s->link);
  c->nempty++;
  for(u32 i = 0; i < c->per_slab; i++){
    if(c->debug)
      redzone_make(c, object_at(c, s, i));
    else if(c->ctor)
      c->ctor(object_at(c, s, i));
  }
  kasan_poison(s->base, (u64)c->per_slab * c->stride, POISON_FREE_OBJECT);
}

static void
slab_move(struct slab *s, struct list *to)
{
  list_remove(&s->link);
  list_push(to, &s->link);
}

static void *
take_object(struct cache *c)
{
  struct slab *s;
  if(!list_empty(&c->partial))
    s = list_first(&c->partial, struct slab, link);
  else if(!list_empty(&c->empty))
    s = list_first(&c->empty, struct slab, link);
  else
    return NULL;
  u16 i = s->free;
  s->free = s->next[i];
  s->next[i] = IN_USE;
  c->nempty -= s->used == 0;
  s->used++;
  if(s->free == NO_OBJECT)
    slab_move(s, &c->full);
  else if(s->used == 1)
    slab_move(s, &c->partial);
  c->active++;
  void *p = object_at(c, s, i);
  kasan_unpoison(p, c->size);
  if(unlikely(c->debug))
    redzone_take(c, p);
  return p;
}

void *
slab_take(struct cache *c)
{
  if(failnth())
    return NULL;
  if(unlikely(!atomic_load_acq(&c->ready)))
    make_ready(c, 0);
  spin_lock(&c->lock);
  void *p = take_object(c);
  spin_unlock(&c->lock);
  if(p)
    return p;
  struct slab *s = slab_create(c);
  if(s == NULL)
    return NULL;
  spin_lock(&c->lock);
  slab_adopt(c, s);
  p = take_object(c);
  spin_unlock(&c->lock);
  return p;
}

// Give slabs without objects back until only `keep` are left. c->lock held.
// => frames
static u64
cache_trim(struct cache *c, u32 keep)
{
  u64 frames_back = 0;
  for(; c->nempty > keep; c->nempty--){
    struct slab *s = list_first(&c->empty, struct slab, link);
    list_remove(&s->link);
    c->slabs--;
    frames_release(kva_frame(s), c->order);
    frames_back += 1UL << c->order;
  }
  return frames_back;
}

void
slab_put_locked(struct cache *c, void *p)
{
  struct slab *s = slab_of(p);
  u32 i = slab_index(c, s, p);
  if(unlikely(s->next[i] != IN_USE))
    freed_twice(c, p);
  if(unlikely(c->debug))
    redzone_put(c, p);
  kasan_poison(p, c->stride, POISON_FREE_OBJECT);
  s->next[i] = s->free;
  s->free = (u16)i;
  c->active--;
  if(--s->used == 0){
    slab_move(s, &c->empty);
    c->nempty++;
    cache_trim(c, EMPTY_MAX);
  } else if(s->used == c->per_slab - 1){
    slab_move(s, &c->partial);
  }
}

void
slab_put(struct cache *c, void *p)
{
  spin_lock(&c->lock);
  slab_put_locked(c, p);
  spin_unlock(&c->lock);
}

// ---- Shrinking ----

static u64
cache_shrink(struct cache *c)
{
  depot_flush(c);
  spin_lock(&c->lock);
  u64 frames_back = cache_trim(c, 0);
  spin_unlock(&c->lock);
  return frames_back;
}

// The caches that magazines come from are the first: they get some back from all
// others, so they are last here.
u64
slab_shrink(void)
{
  u64 frames_back = 0;
  spin_lock(&caches_lock);
  for(struct list *l = caches.prev; l != &caches; l = l->prev)
    frames_back += cache_shrink(container_of(l, struct cache, link));
  spin_unlock(&caches_lock);
  return frames_back;
}

void
slab_flush(void)
{
  struct cache *c;
  list_for(c, &caches, link)
    magazines_flush(c);
}

// ---- Figures ----

u64
slab_spare(void)
{
  u64 spare = 0;
  struct cache *c;
  spin_lock(&caches_lock);
  list_for(c, &caches, link)
    spare += (u64)atomic_load(&c->nempty) << c->order;
  spin_unlock(&caches_lock);
  return spare;
}

bool
cache_info_at(u32 i, struct cache_info *ci)
{
  struct cache *c;
  bool found = false;
  spin_lock(&caches_lock);
  list_for(c, &caches, link){
    if(i-- == 0){
      *ci = (struct cache_info){ c->name, c->active - min(magazines_hold(c), c->active),
                                 c->slabs * c->per_slab, c->size, c->per_slab, 1UL << c->order,
                                 c->slabs, c->nempty, c->rounds };
      found = true;
      break;
    }
  }
  spin_unlock(&caches_lock);
  return found;
}

// ---- Checking ----

static void
check_slab(struct cache *c, struct slab *s)
{
  u32 free = 0;
  for(u16 i = s->free; i < c->per_slab && free <= c->per_slab; i = s->next[i])
    free++;
  for(u32 i = 0; c->debug && i < c->per_slab; i++)
    lies_told += !redzone_intact(c, object_at(c, s, i), s->next[i] != IN_USE);
  if(s->cache != c || free + s->used != c->per_slab)
    lie("cache %s: slab %p: %u free and %u used of %u", c->name, (const void *)s, free, s->used,
        c->per_slab);
}

static void
check_cache(struct cache *c)
{
  struct slab *s;
  u64 active = 0, slabs = 0;
  struct list *lists[] = { &c->partial, &c->full, &c->empty };
  magazines_check(c);
  for(u32 i = 0; i < count_of(lists); i++)
    list_for(s, lists[i], link){
      check_slab(c, s);
      active += s->used;
      slabs++;
    }
  if(active != c->active || slabs != c->slabs)
    lie("cache %s: %lu objects in %lu slabs, %lu in %lu counted", c->name, active, slabs, c->active,
        c->slabs);
}

void
slab_check(void)
{
  struct cache *c;
  list_for(c, &caches, link)
    check_cache(c);
}
