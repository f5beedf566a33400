// SPDX-License-Identifier: MIT
//
// Object caches over whole frames, and kmalloc as size classes of them.
// Nothing here sleeps.  A cache keeps a few free objects and
// slabs without objects at hand; what is more goes back to the buddy at once,
// those few when memory runs short.

#pragma once

#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/types.h"

struct magazine;
struct hart_cache;

struct cache {
  const char *name;
  u32 size;              // of an object, as asked for
  u32 stride;            // from one object to the next
  u32 per_slab;
  u32 order;             // of a slab's frames
  u32 first;             // offset of the first object, without colour
  u32 colour, colours;   // of the next slab, in units of CACHE_LINE
  u32 rounds;            // objects in a magazine; 0: it has none
  bool debug;            // objects have red zones and remember their owners
  void (*ctor)(void *);
  struct hart_cache *harts;  // by hart index, once something has been freed; else NULL

  struct spinlock lock;
  struct list partial, full, empty;
  u64 slabs, active;     // slabs, objects out of their slabs
  u32 nempty;
  struct magazine *loaded, *unloaded;  // the depot: full and empty ones
  u32 nloaded;

  struct list link;      // all caches
  bool ready;            // the fields are worked out, and it is one of them
};

// What a static cache is made of; the rest is worked out when its first object is taken.
// => ctor, if any, runs once for each object when its slab is made; objects are
//    freed in constructed state
#define CACHE(title, bytes, make) \
  { .name = (title), .size = (bytes), .ctor = (make), .lock = SPINLOCK_INIT("slab") }

// The same for a size or an alignment that only boot knows.  align 0 = 16 bytes.
void cache_init(struct cache *c, const char *name, u32 size, u32 align, void (*ctor)(void *));

void *cache_alloc(struct cache *c);       // => NULL without memory; contents any, unless ctor
void *cache_zalloc(struct cache *c);      // => zeroed; not for caches with a ctor
void cache_free(struct cache *c, void *p);

// Any size; more than half a page comes as contiguous frames, up to 4 MiB.
// => 16-aligned, or NULL
void *kmalloc(u64 size);
void *kzalloc(u64 size);
void *krealloc(void *p, u64 size);        // => NULL leaves p as it was
void kfree(void *p);                      // NULL is nothing

u64 slab_shrink(void);                    // => frames given back to the buddy
void slab_flush(void);                    // harts' objects to their slabs; all others stopped

u64 slab_spare(void);                     // frames of slabs without objects

struct cache_info {
  const char *name;
  u64 active, total, size, per_slab, pages_per_slab, slabs, empty, rounds;
};
bool cache_info_at(u32 i, struct cache_info *ci);   // => false past the last cache

// Caches made from now on check their objects: DEBUG builds do from boot,
// others with slab_debug on the command line.
extern bool slab_debug;

// What bytes are then: beside an object, of a free one, and of one that nobody has set yet.
enum { RED = 0xbb, POISON = 0x6b, FRESH = 0x5a };
void slab_init(void);
