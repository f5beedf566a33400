// SPDX-License-Identifier: MIT
//
// Memory of any size: caches of a few sizes, and blocks of frames for what is
// larger than they have.  No locks of its own.

#include "kernel/debug/kasan.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "mm/frame.h"
#include "mm/slab_inside.h"

#define CLASS(size) CACHE("kmalloc-" #size, size, NULL)
static struct cache classes[] = {
  CLASS(16), CLASS(32), CLASS(48), CLASS(64), CLASS(96), CLASS(128), CLASS(192), CLASS(256),
  CLASS(384), CLASS(512), CLASS(768), CLASS(1024), CLASS(1536), CLASS(2048),
};
enum { CLASS_MAX = 2048 };
static u8 class_of[CLASS_MAX / 16 + 1];     // by size in units of 16

void
kmalloc_init(void)
{
  u32 k = 0;
  for(u32 unit = 0; unit <= CLASS_MAX / 16; unit++){
    while(classes[k].size < unit * 16)
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
  if(size <= CLASS_MAX){
    struct cache *c = &classes[class_of[(size + 15) / 16]];
    void *p = cache_alloc(c);
    if(unlikely(c->debug) && p)
      redzone_resize(c, p, (u32)size);
    if(p)
      kasan_resize(p, size, c->size);
    return p;
  }
  u32 order = order_for(size);
  struct frame *f = frames_alloc(order, KIND_KERNEL, 0);
  if(f == NULL)
    return NULL;
  f->index = order;
  kasan_resize(frame_kva(f), size, PAGE_SIZE << order);
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
  if(frame_kind(f) != KIND_SLAB)
    return PAGE_SIZE << f->index;
  const struct cache *c = slab_of(p)->cache;
  return unlikely(c->debug) ? redzone_size(c, p) : c->size;
}

void *
krealloc(void *p, u64 size)
{
  if(p == NULL)
    return kmalloc(size);
  u64 have = allocated_size(p);
  if(size <= have){
    kasan_resize(p, size, have);
    return p;
  }
  void *q = kmalloc(size);
  if(q){
    kasan_unpoison(p, have);
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
