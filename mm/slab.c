// SPDX-License-Identifier: MIT
//
// Slab caches after Bonwick: objects of one kind, packed into blocks of frames.
//
//   slab:  | header, index of free objects | colour | object | object | ... |
//
// Free objects are chained by number in the header, not through the objects, so
// that constructed objects stay constructed.  Every frame of a slab names it
// (kind SLAB, owner), which is how kfree finds its way.
//
// Lock: cache.lock; the buddy's is taken below it.

#include "mm/slab.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "mm/frame.h"

enum { CACHE_LINE = 64, SLAB_ORDER_MAX = 3, NO_OBJECT = 0xffff, IN_USE = 0xfffe, EMPTY_MAX = 4 };

struct slab {
  struct cache *cache;
  struct list link;        // cache->partial, full or empty
  char *base;              // first object
  u16 used, free;          // free: first of the chain
  u16 next[];              // of each free object, the next; IN_USE of the others
};

static struct list caches = LIST_INIT(caches);
static struct spinlock caches_lock = SPINLOCK_INIT("caches");

// ---- Caches ----

static u32
header_size(u32 objects)
{
  return (u32)(sizeof(struct slab) + objects * sizeof(u16));
}

// How many objects of this stride and alignment fit beside their header.
static u32
capacity(u64 bytes, u32 stride, u32 align)
{
  u32 n = (u32)((bytes - sizeof(struct slab)) / (stride + sizeof(u16)));
  while(n > 0 && round_up(header_size(n), align) + (u64)n * stride > bytes)
    n--;
  return n;
}

// The smallest block that wastes at most an eighth.
static void
choose_order(struct cache *c, u32 align)
{
  for(c->order = 0;; c->order++){
    u64 bytes = PAGE_SIZE << c->order;
    c->per_slab = capacity(bytes, c->stride, align);
    u64 used = (u64)c->per_slab * c->stride;
    if(c->order == SLAB_ORDER_MAX || (c->per_slab > 0 && bytes - used <= bytes / 8)){
      c->first = (u32)round_up(header_size(c->per_slab), align);
      c->colours = (u32)((bytes - used - c->first) / CACHE_LINE) + 1;
      return;
    }
  }
}

void
cache_init(struct cache *c, const char *name, u32 size, u32 align, void (*ctor)(void *))
{
  if(align < 16)
    align = 16;
  memset(c, 0, sizeof *c);
  c->name = name;
  c->size = size;
  c->stride = (u32)round_up(size, align);
  c->ctor = ctor;
  choose_order(c, align);
  if(align > CACHE_LINE)
    c->colours = 1;
  assert(c->per_slab > 0);
  spin_init(&c->lock, name);
  list_init(&c->partial);
  list_init(&c->full);
  list_init(&c->empty);
  spin_lock(&caches_lock);
  list_append(&caches, &c->link);
  spin_unlock(&caches_lock);
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

// The part of making a slab that needs the cache's lock.
static void
slab_adopt(struct cache *c, struct slab *s)
{
  s->base = (char *)s + c->first + c->colour * CACHE_LINE;
  c->colour = (c->colour + 1) % c->colours;
  c->slabs++;
  list_push(&c->empty, &s->link);
  c->nempty++;
  if(c->ctor)
    for(u32 i = 0; i < c->per_slab; i++)
      c->ctor(s->base + (u64)i * c->stride);
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
  void *p = s->base + (u64)i * c->stride;
  s->free = s->next[i];
  s->next[i] = IN_USE;
  c->nempty -= s->used == 0;
  s->used++;
  if(s->free == NO_OBJECT)
    slab_move(s, &c->full);
  else if(s->used == 1)
    slab_move(s, &c->partial);
  c->active++;
  return p;
}

void *
cache_alloc(struct cache *c)
{
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

void *
cache_zalloc(struct cache *c)
{
  assert(c->ctor == NULL);
  void *p = cache_alloc(c);
  if(p)
    memset(p, 0, c->size);
  return p;
}

static struct slab *
slab_of(const void *p)
{
  struct frame *f = kva_frame(p);
  assert(frame_kind(f) == KIND_SLAB);
  return knum_ptr(f->owner);
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
cache_free(struct cache *c, void *p)
{
  struct slab *s = slab_of(p);
  u64 off = (u64)((char *)p - s->base);
  u16 i = (u16)(off / c->stride);
  assert(s->cache == c && off % c->stride == 0 && i < c->per_slab);
  spin_lock(&c->lock);
  assert(s->next[i] == IN_USE);
  s->next[i] = s->free;
  s->free = i;
  c->active--;
  if(--s->used == 0){
    slab_move(s, &c->empty);
    c->nempty++;
    cache_trim(c, EMPTY_MAX);
  } else if(s->used == c->per_slab - 1){
    slab_move(s, &c->partial);
  }
  spin_unlock(&c->lock);
}

static u64
cache_shrink(struct cache *c)
{
  spin_lock(&c->lock);
  u64 frames_back = cache_trim(c, 0);
  spin_unlock(&c->lock);
  return frames_back;
}

u64
slab_shrink(void)
{
  u64 frames_back = 0;
  struct cache *c;
  spin_lock(&caches_lock);
  list_for(c, &caches, link)
    frames_back += cache_shrink(c);
  spin_unlock(&caches_lock);
  return frames_back;
}

bool
cache_info_at(u32 i, struct cache_info *ci)
{
  struct cache *c;
  bool found = false;
  spin_lock(&caches_lock);
  list_for(c, &caches, link){
    if(i-- == 0){
      *ci = (struct cache_info){ c->name, c->active, c->slabs * c->per_slab, c->size,
                                 c->per_slab, 1UL << c->order, c->slabs };
      found = true;
      break;
    }
  }
  spin_unlock(&caches_lock);
  return found;
}

// ---- Checking ----

static u64
check_slab(const struct cache *c, const struct slab *s, u64 *active)
{
  u32 free = 0;
  for(u16 i = s->free; i != NO_OBJECT && free <= c->per_slab; i = s->next[i])
    free++;
  *active += s->used;
  if(s->cache == c && free + s->used == c->per_slab)
    return 0;
  printk("check: cache %s: slab %p: %u free and %u used of %u\n", c->name, (const void *)s, free,
         s->used, c->per_slab);
  return 1;
}

u64
slab_check(void)
{
  u64 lies = 0;
  struct cache *c;
  struct slab *s;
  list_for(c, &caches, link){
    u64 active = 0, slabs = 0;
    struct list *lists[] = { &c->partial, &c->full, &c->empty };
    for(u32 i = 0; i < count_of(lists); i++)
      list_for(s, lists[i], link){
        lies += check_slab(c, s, &active);
        slabs++;
      }
    if(active != c->active || slabs != c->slabs){
      printk("check: cache %s: %lu objects in %lu slabs, %lu in %lu counted\n", c->name, active,
             slabs, c->active, c->slabs);
      lies++;
    }
  }
  return lies;
}

// ---- kmalloc ----

static const u16 class_sizes[] = {
  16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048,
};
static const char *const class_names[] = {
  "kmalloc-16", "kmalloc-32", "kmalloc-48", "kmalloc-64", "kmalloc-96", "kmalloc-128",
  "kmalloc-192", "kmalloc-256", "kmalloc-384", "kmalloc-512", "kmalloc-768", "kmalloc-1024",
  "kmalloc-1536", "kmalloc-2048",
};
enum { CLASSES = count_of(class_sizes), CLASS_MAX = 2048 };
static struct cache classes[CLASSES];
static u8 class_of[CLASS_MAX / 16 + 1];     // by size in units of 16

void
slab_init(void)
{
  u32 k = 0;
  for(u32 i = 0; i < CLASSES; i++)
    cache_init(&classes[i], class_names[i], class_sizes[i], 16, NULL);
  for(u32 unit = 0; unit <= CLASS_MAX / 16; unit++){
    while(class_sizes[k] < unit * 16)
      k++;
    class_of[unit] = (u8)k;
  }
}

static u32
order_for(u64 size)
{
  u32 order = 0;
  while(order <= MAX_ORDER && PAGE_SIZE << order < size)
    order++;
  return order;
}

void *
kmalloc(u64 size)
{
  if(size <= CLASS_MAX)
    return cache_alloc(&classes[class_of[(size + 15) / 16]]);
  u32 order = order_for(size);
  struct frame *f = frames_alloc(order, KIND_KERNEL, 0);
  if(f == NULL)
    return NULL;
  f->index = order;
  return frame_kva(f);
}

void *
kzalloc(u64 size)
{
  void *p = kmalloc(size);
  if(p)
    memset(p, 0, size);
  return p;
}

// What kmalloc gave out, which may be more than was asked for.
static u64
allocated_size(const void *p)
{
  const struct frame *f = kva_frame(p);
  if(frame_kind(f) == KIND_SLAB)
    return slab_of(p)->cache->size;
  return PAGE_SIZE << f->index;
}

void *
krealloc(void *p, u64 size)
{
  if(p == NULL)
    return kmalloc(size);
  u64 have = allocated_size(p);
  if(size <= have)
    return p;
  void *q = kmalloc(size);
  if(q){
    memcpy(q, p, have);
    kfree(p);
  }
  return q;
}

void
kfree(void *p)
{
  if(p == NULL)
    return;
  struct frame *f = kva_frame(p);
  if(frame_kind(f) == KIND_SLAB){
    cache_free(slab_of(p)->cache, p);
    return;
  }
  assert(frame_kind(f) == KIND_KERNEL && page_down((u64)p) == (u64)p);
  frames_release(f, f->index);
}
