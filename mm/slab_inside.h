// SPDX-License-Identifier: MIT
//
// What slab.c, magazine.c, kmalloc.c and redzone.c know of one another: objects
// go from slabs to magazines to callers.

#pragma once

#include "kernel/printk.h"
#include "mm/frame.h"
#include "mm/slab.h"

// ---- slab.c ----

struct slab {
  struct cache *cache;
  struct list link;        // cache->partial, full or empty
  char *base;              // first object
  u16 used, free;          // free: first of the chain
  u16 next[];              // of each free object, the next; IN_USE of the others
};
enum { NO_OBJECT = 0xffff, IN_USE = 0xfffe, CHECKED = 0xfffd };

extern struct list caches;
extern struct spinlock caches_lock;

void *slab_take(struct cache *c);              // an object straight from a slab, or NULL
void slab_put(struct cache *c, void *p);       // ... and back
void slab_put_locked(struct cache *c, void *p);

static inline struct slab *
slab_of(const void *p)
{
  struct frame *f = kva_frame(p);
  assert(frame_kind(f) == KIND_SLAB);
  return knum_ptr(f->owner);
}

// The object's number, once it is sure that p is one.
static inline u32
slab_index(const struct cache *c, const struct slab *s, const void *p)
{
  u64 off = (u64)((const char *)p - s->base), i = off / c->stride;
  assert(s->cache == c && off % c->stride == 0 && i < c->per_slab);
  return (u32)i;
}

// ---- magazine.c ----

void magazines_init(void);
u32 magazine_rounds(u32 size);                 // for objects of that size
void depot_flush(struct cache *c);             // its objects to their slabs
void magazines_flush(struct cache *c);         // the harts' too; all others stopped
u64 magazines_hold(struct cache *c);           // objects at hand; racy
void magazines_check(struct cache *c);

void kmalloc_init(void);

// ---- redzone.c: objects of caches with ->debug ----

enum { REDZONE = 16 };                         // bytes in front of each object
u32 redzone_behind(u32 size);                  // bytes after the object's own
void redzone_make(struct cache *c, void *p);   // a new object, free
void redzone_take(struct cache *c, void *p);
void redzone_put(struct cache *c, void *p);
void redzone_resize(struct cache *c, void *p, u32 size);  // in use: only `size` bytes are its
u32 redzone_size(const struct cache *c, const void *p);   // in use
bool redzone_intact(const struct cache *c, const void *p, bool free);   // else says why
void freed_twice(struct cache *c, void *p) __attribute__((noreturn));  // of any cache
