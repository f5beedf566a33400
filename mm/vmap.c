// SPDX-License-Identifier: MIT
//
// The vmap area: guard-paged kernel stacks and device registers.
//
// Stacks have numbered places from the bottom of the area, each a page longer
// than a stack; the lowest page is never mapped.  Every place ever used has a
// record: it is in use, spare (mapped, for the next to come, because mapping a
// stack fences every hart; a few are kept) or empty.  Device registers are placed from the top
// down and never go.
//
// Lock: vmap.lock > kmap's, buddy.

#include "mm/vmap.h"
#include <pmap.h>
#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/printk.h"
#include "mm/frame.h"
#include "mm/radix.h"
#include "mm/slab.h"

#define PLACE_SIZE (KSTACK_SIZE + PAGE_SIZE)
enum { SPARES_MAX = 32 };

struct place {
  struct list link;        // spare or empty
  va_t stack;              // lowest mapped address
};

static struct {
  struct spinlock lock;
  struct radix places;     // number -> record
  u64 nplaces;
  struct list spare, empty;
  u64 nspare;
  va_t devices;            // lowest device mapping
} vmap = {
  .lock = SPINLOCK_INIT("vmap"),
  .spare = LIST_INIT(vmap.spare),
  .empty = LIST_INIT(vmap.empty),
  .devices = VMAP_END,
};

static void
unmap_stack(va_t stack, u32 pages)
{
  pa_t pa[KSTACK_PAGES];
  char prot[4];
  for(u32 i = 0; i < pages; i++)
    if(!kmap_lookup(stack + i * PAGE_SIZE, &pa[i], prot))
      panic("kernel stack %lx is not mapped", stack);
  kmap_remove(stack, pages * PAGE_SIZE);
  for(u32 i = 0; i < pages; i++)
    frame_free(pa_frame(pa[i]));
}

static bool
map_stack(va_t stack)
{
  for(u32 i = 0; i < KSTACK_PAGES; i++){
    struct frame *f = frame_alloc(KIND_KERNEL, 0);
    if(f && kmap_pages(stack + i * PAGE_SIZE, frame_pa(f), PAGE_SIZE, KMAP_RW) == 0)
      continue;
    if(f)
      frame_free(f);
    unmap_stack(stack, i);
    return false;
  }
  return true;
}

// A place never used before. vmap.lock held. => NULL without memory or room
static struct place *
new_place(void)
{
  va_t stack = VMAP_BASE + vmap.nplaces * PLACE_SIZE + PAGE_SIZE;
  if(stack + KSTACK_SIZE > vmap.devices)
    return NULL;
  struct place *p = kmalloc(sizeof *p);
  if(p == NULL)
    return NULL;
  if(radix_set(&vmap.places, vmap.nplaces, (u64)p) != 0){
    kfree(p);
    return NULL;
  }
  list_init(&p->link);
  p->stack = stack;
  vmap.nplaces++;
  return p;
}

static struct place *
take_place(struct list *from)
{
  if(list_empty(from))
    return NULL;
  struct place *p = list_first(from, struct place, link);
  list_remove(&p->link);
  return p;
}

void *
kstack_alloc(void)
{
  spin_lock(&vmap.lock);
  struct place *p = take_place(&vmap.spare);
  bool mapped = p != NULL;
  vmap.nspare -= mapped;
  if(p == NULL)
    p = take_place(&vmap.empty);
  if(p == NULL)
    p = new_place();
  spin_unlock(&vmap.lock);
  if(p == NULL || mapped || map_stack(p->stack))
    return p ? (void *)p->stack : NULL;
  spin_lock(&vmap.lock);
  list_push(&vmap.empty, &p->link);
  spin_unlock(&vmap.lock);
  return NULL;
}

// Unmap spare stacks until only `keep` are left. vmap.lock held. => frames
static u64
trim_spares(u64 keep)
{
  u64 frames_back = 0;
  for(; vmap.nspare > keep; vmap.nspare--){
    struct place *p = take_place(&vmap.spare);
    unmap_stack(p->stack, KSTACK_PAGES);
    list_push(&vmap.empty, &p->link);
    frames_back += KSTACK_PAGES;
  }
  return frames_back;
}

void
kstack_free(void *stack)
{
  spin_lock(&vmap.lock);
  struct place *p = (struct place *)radix_get(&vmap.places, ((va_t)stack - VMAP_BASE) / PLACE_SIZE);
  assert(p && p->stack == (va_t)stack && list_empty(&p->link));
  list_push(&vmap.spare, &p->link);
  vmap.nspare++;
  trim_spares(SPARES_MAX);
  spin_unlock(&vmap.lock);
}

u64
kstack_shrink(void)
{
  spin_lock(&vmap.lock);
  u64 frames_back = trim_spares(0);
  spin_unlock(&vmap.lock);
  return frames_back;
}

bool
kstack_guard_hit(va_t va)
{
  return va >= VMAP_BASE && va < VMAP_BASE + vmap.nplaces * PLACE_SIZE &&
         (va - VMAP_BASE) % PLACE_SIZE < PAGE_SIZE;
}

void *
vmap_device(pa_t pa, u64 size)
{
  pa_t first = page_down(pa);
  u64 len = page_up(pa + size) - first;
  spin_lock(&vmap.lock);
  vmap.devices -= len;
  va_t va = vmap.devices;
  spin_unlock(&vmap.lock);
  if(kmap_pages(va, first, len, KMAP_RW) != 0)
    return NULL;
  return (void *)(va + (pa - first));
}
