// SPDX-License-Identifier: MIT
//
// The vmap area: guard-paged kernel stacks and device registers.
//
// Stacks have numbered places from the bottom of the area, each a page longer
// than a stack; the lowest page is never mapped.  Every place ever used has a
// record: it is in use, spare (mapped, for the next to come) or empty.  To map a
// stack and to unmap it fences every hart, so they come and go some at a time.
// Records of empty places above all others go; the kernel's page tables stay.
// Device registers are placed from the top down and never go.
//
// Lock: vmap.lock > kmap's, buddy.

#include "mm/vmap.h"
#include <pmap.h>
#include "kernel/debug/kasan.h"
#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/printk.h"
#include "mm/frame.h"
#include "mm/radix.h"
#include "mm/slab.h"

#define PLACE_SIZE (KSTACK_SIZE + PAGE_SIZE)
enum { SPARES_MIN = 32, SPARES_SHARE = 256 };   // kept: a part of RAM
enum { AT_ONCE = 8 };                           // mapped, for one fence

struct place {
  struct list link;        // spare or empty
  va_t stack;              // lowest mapped address
  struct frame *frame[KSTACK_PAGES];   // NULL while it is not mapped
  bool empty;              // on that list
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

// After the fence.
static void
free_frames(struct place *p)
{
  for(u32 i = 0; i < KSTACK_PAGES; i++){
    if(p->frame[i])
      frame_free(p->frame[i]);
    p->frame[i] = NULL;
  }
}

static bool
map_pages(struct place *p, u32 flags)
{
  for(u32 i = 0; i < KSTACK_PAGES; i++){
    struct frame *f = p->frame[i] = frame_alloc(KIND_KERNEL, flags);
    if(!f || kmap_pages(p->stack + i * PAGE_SIZE, frame_pa(f), PAGE_SIZE, KMAP_RW) != 0)
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
  struct place *p = kzalloc(sizeof *p);
  if(p == NULL)
    return NULL;
  if(radix_insert(&vmap.places, vmap.nplaces, (u64)p, false) != 0){
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
  p->empty = false;
  return p;
}

static struct place *
empty_place(void)
{
  spin_lock(&vmap.lock);
  struct place *p = take_place(&vmap.empty);
  if(p == NULL)
    p = new_place();
  spin_unlock(&vmap.lock);
  return p;
}

// vmap.lock is held.
static void
become_empty(struct place *p)
{
  p->empty = true;
  list_push(&vmap.empty, &p->link);
  while(vmap.nplaces && (p = (struct place *)radix_get(&vmap.places, vmap.nplaces - 1))->empty){
    list_remove(&p->link);
    radix_remove(&vmap.places, --vmap.nplaces);
    kfree(p);
  }
}

// Map one, and others while there is memory for programs.  => one, the others are spare
static struct place *
map_some(void)
{
  struct list whole = LIST_INIT(whole);
  struct place *p, *more, *half = NULL;
  for(u32 n = 0; n < AT_ONCE && !half && (p = empty_place()) != NULL; n++)
    if(map_pages(p, n ? ALLOC_USER : 0))
      list_push(&whole, &p->link);
    else
      half = p;
  if(half)
    kmap_remove(half->stack, KSTACK_SIZE);
  kmap_fence(VMAP_BASE, vmap.nplaces * PLACE_SIZE);
  if(half)
    free_frames(half);
  spin_lock(&vmap.lock);
  if(half)
    become_empty(half);
  p = take_place(&whole);
  for(; (more = take_place(&whole)) != NULL; vmap.nspare++)
    list_push(&vmap.spare, &more->link);
  spin_unlock(&vmap.lock);
  return p;
}

void *
kstack_alloc(void)
{
  spin_lock(&vmap.lock);
  struct place *p = take_place(&vmap.spare);
  vmap.nspare -= p != NULL;
  spin_unlock(&vmap.lock);
  if(p == NULL && (p = map_some()) == NULL)
    return NULL;
  kasan_unpoison((void *)p->stack, KSTACK_SIZE);
  return (void *)p->stack;
}

u64
kstack_trim(u64 keep)
{
  struct list going = LIST_INIT(going);
  struct place *p;
  u64 n = 0;
  spin_lock(&vmap.lock);
  for(; vmap.nspare > keep; vmap.nspare--, n++){
    p = take_place(&vmap.spare);
    kmap_remove(p->stack, KSTACK_SIZE);
    list_push(&going, &p->link);
  }
  spin_unlock(&vmap.lock);
  if(n == 0)
    return 0;
  kmap_fence(VMAP_BASE, vmap.nplaces * PLACE_SIZE);
  list_for(p, &going, link)
    free_frames(p);
  spin_lock(&vmap.lock);
  while((p = take_place(&going)) != NULL)
    become_empty(p);
  spin_unlock(&vmap.lock);
  return n * KSTACK_PAGES;
}

void
kstack_free(void *stack)
{
  u64 most = max(frames_total() / SPARES_SHARE, (u64)SPARES_MIN);
  spin_lock(&vmap.lock);
  struct place *p = (struct place *)radix_get(&vmap.places, ((va_t)stack - VMAP_BASE) / PLACE_SIZE);
  assert(p && p->stack == (va_t)stack && list_empty(&p->link));
  list_push(&vmap.spare, &p->link);
  bool surplus = ++vmap.nspare > most;
  spin_unlock(&vmap.lock);
  if(surplus)
    kstack_trim(most / 2);
}

u64
kstack_spare(void)
{
  return atomic_load(&vmap.nspare) * KSTACK_PAGES;
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
  kmap_fence(va, len);
  return (void *)(va + (pa - first));
}
