// SPDX-License-Identifier: MIT
//
// Changing what a space maps: mmap, munmap, mprotect, brk, the stack.
//
// Each function takes space.lock for writing, makes sure of everything that can
// fail, and only then changes the map.  References of areas that went are given
// up after the lock.

#include <machine.h>
#include "kernel/errno.h"
#include "mm/area.h"
#include "mm/frame.h"
#include "mm/gather.h"
#include "mm/object.h"
#include "mm/slot.h"

// As Linux's stack_guard_gap: no other area comes nearer to a growing stack.
#define STACK_GAP (256 * PAGE_SIZE)

// ---- Taking away ----

void
clear_pages(struct space *s, va_t start, va_t end)
{
  struct gather g;
  gather_init(&g, s);
  gather_pages(&g, start, end);
  gather_flush(&g);
}

void
prune_around(struct space *s, va_t start, va_t end)
{
  struct area *below = area_below(s, start), *above = area_above(s, end);
  pmap_prune(&s->pmap, start, end, below ? below->end : 0, above ? above->start : USER_MAX);
}

int
unmap_pages(struct space *s, va_t start, va_t end, struct list *dead)
{
  struct area *a = area_above(s, start);
  if(a == NULL || a->start >= end)
    return 0;
  if(pmap_unshare_edges(&s->pmap, start, end) != 0 || area_cut_out(s, start, end) != 0)
    return -ENOMEM;
  while((a = area_above(s, start)) != NULL && a->start < end){
    clear_pages(s, a->start, a->end);
    if(a->object)
      object_unlink_area(a);
    area_remove(s, a);
    list_append(dead, &a->in_space);
  }
  return 0;
}

int
unmap_range(struct space *s, va_t start, va_t end, struct list *dead)
{
  int err = unmap_pages(s, start, end, dead);
  if(err == 0)
    prune_around(s, start, end);
  return err;
}

int
vm_unmap(struct space *s, va_t addr, u64 len)
{
  struct list dead = LIST_INIT(dead);
  len = page_up(len);
  if(len == 0 || !range_ok(addr, len))
    return -EINVAL;
  rw_write_lock(&s->lock);
  int err = unmap_range(s, addr, addr + len, &dead);
  rw_write_unlock(&s->lock);
  areas_release(&dead);
  return err;
}

// ---- mmap ----

#define MAX_OFFSET ((1UL << 63) - PAGE_SIZE)   // where pages of files end

static bool
overlaps(struct space *s, va_t start, va_t end)
{
  struct area *a = area_above(s, start);
  return a && a->start < end;
}

// What fills whole tables begins with one: fork shares these and need not copy them.
static void
begin_with_table(struct space *s, va_t *addr, u64 len)
{
  u64 slack = LEAF_SPAN - PAGE_SIZE;
  va_t va = area_gap(s, len + slack, s->mmap_top);
  if(va)
    *addr = round_down(va + slack, LEAF_SPAN);
}

int
choose_place(struct space *s, va_t *addr, u64 len, u32 flags)
{
  if(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)){
    if(!range_ok(*addr, len) || *addr < USER_MIN || *addr + len > USER_TOP)
      return *addr & PAGE_MASK ? -EINVAL : *addr < USER_MIN ? -EPERM : -ENOMEM;
    return (flags & MAP_FIXED_NOREPLACE) && overlaps(s, *addr, *addr + len) ? -EEXIST : 0;
  }
  va_t hint = page_down(*addr);
  if(hint >= USER_MIN && hint < s->mmap_top && len <= s->mmap_top - hint &&
     !overlaps(s, hint, hint + len)){
    *addr = hint;
    return 0;
  }
  *addr = area_gap(s, len, s->mmap_top);
  if(*addr && len % LEAF_SPAN == 0)
    begin_with_table(s, addr, len);
  return *addr ? 0 : -ENOMEM;
}

u64 vm_overcommit;

bool
vm_may_promise(u64 len)
{
  u64 room = frames_total() + atomic_load(&swap_total);
  return atomic_load(&vm_overcommit) != 0 || len >> PAGE_SHIFT <= room;
}

// Does it need memory of its own, other than a file's pages?
static bool
promises(u32 prot, u32 flags)
{
  if(flags & MAP_NORESERVE)
    return false;
  return flags & MAP_SHARED ? flags & MAP_ANONYMOUS : prot & PROT_WRITE;
}

static void
link_area(struct space *s, struct area *a, struct list *dead)
{
  area_insert(s, a);
  if(a->object)
    object_link_area(a, NULL);
  area_merge(s, a, dead);
}

static i64
map_locked(struct space *s, struct area *a, va_t addr, u64 len, u32 flags, struct list *dead)
{
  int err = may_grow(s, len) ? choose_place(s, &addr, len, flags) : -ENOMEM;
  if(err == 0 && (flags & MAP_FIXED))
    err = unmap_range(s, addr, addr + len, dead);
  if(err)
    return err;
  a->start = addr;
  a->end = addr + len;
  a->flags |= s->future;
  link_area(s, a, dead);
  return (i64)addr;
}

// Shared anonymous memory has an object too, made here.
static struct object *
backing(struct object *o, u64 len, u32 flags)
{
  return o == NULL && (flags & MAP_SHARED) ? object_create_anon(page_up(len)) : o;
}

i64
vm_map(struct space *s, va_t addr, u64 len, u32 prot, u32 flags, struct object *o, u64 offset,
       struct file *file)
{
  struct list dead = LIST_INIT(dead);
  struct area *a = area_alloc();
  i64 r = -ENOMEM;
  o = backing(o, len, flags);
  if(a && (o || !(flags & MAP_SHARED))){
    a->prot = prot;
    a->flags = (flags & MAP_SHARED ? AREA_SHARED : AREA_MAYWRITE) |
               (flags & MAP_MAYWRITE ? AREA_MAYWRITE : 0) |
               (flags & MAP_LOCKED ? AREA_LOCKED : 0) |
               (flags & MAP_GROWSDOWN ? AREA_STACK : 0);
    a->object = o;
    a->offset = offset;
    a->file = file;
    len = page_up(len);
    if(offset & PAGE_MASK)
      r = -EINVAL;
    else if(len && len <= USER_TOP && offset > MAX_OFFSET - len)
      r = -EOVERFLOW;
    else if(len && len <= USER_TOP && (!promises(prot, flags) || vm_may_promise(len))){
      rw_write_lock(&s->lock);
      r = map_locked(s, a, addr, len, flags, &dead);
      rw_write_unlock(&s->lock);
    }
  }
  if(r < 0){
    object_put(o);
    if(file)
      file_put(file);
    if(a)
      area_free(a);
  }
  areas_release(&dead);
  return r;
}

// ---- mprotect ----

// How far [start, end) is mapped and may get this protection; *err is why not farther.
static va_t
may_protect(struct space *s, va_t start, va_t end, u32 prot, int *err)
{
  struct area *a;
  *err = 0;
  for(va_t va = start; va < end; va = a->end){
    a = area_above(s, va);
    if(a == NULL || a->start > va)
      *err = -ENOMEM;
    else if((prot & PROT_WRITE) && !(a->flags & AREA_MAYWRITE))
      *err = -EACCES;
    if(*err)
      return va;
  }
  return end;
}

// As in Linux, what is in front of a hole or of a refusal changes.
static int
protect_locked(struct space *s, va_t start, va_t end, u32 prot, bool *locked, struct list *dead)
{
  int refused;
  end = may_protect(s, start, end, prot, &refused);
  if(start == end)
    return refused;
  int err = pmap_unshare(&s->pmap, start, end);
  if(err == 0)
    err = area_cut_out(s, start, end);
  if(err)
    return err;
  for(va_t va = start; va < end;){
    struct area *a = area_above(s, va);
    va = a->end;
    *locked |= (a->flags & AREA_LOCKED) != 0;
    if(a->prot != prot)
      pmap_protect(&s->pmap, a->start, a->end, prot, a->flags & AREA_SHARED);
    a->prot = prot;
    area_merge(s, a, dead);
  }
  return refused;
}

int
vm_protect(struct space *s, va_t addr, u64 len, u32 prot)
{
  struct list dead = LIST_INIT(dead);
  bool locked = false;
  if(addr & PAGE_MASK)
    return -EINVAL;
  if(len == 0)
    return 0;
  len = page_up(len);
  if(len == 0 || !range_ok(addr, len))
    return -ENOMEM;
  rw_write_lock(&s->lock);
  int err = protect_locked(s, addr, addr + len, prot, &locked, &dead);
  rw_write_unlock(&s->lock);
  areas_release(&dead);
  if(locked && (prot & PROT_WRITE))
    vm_populate_locked(s, addr, len);  // so that no store will have to copy a page
  return err;
}

// ---- brk and the stack ----

static int
grow_heap(struct space *s, va_t from, va_t to)
{
  struct area *heap = area_below(s, from), *above = area_above(s, from);
  if(to > s->mmap_top || (above && above->start < to) || !may_grow(s, to - from) ||
     to - s->brk_start > s->heap_max)
    return -ENOMEM;
  u32 flags = AREA_HEAP | AREA_MAYWRITE | s->future;
  if(heap && heap->end == from && heap->flags == flags && heap->prot == (PROT_READ | PROT_WRITE)){
    area_resize(s, heap, heap->start, to);
    return 0;
  }
  struct area *a = area_alloc();
  if(a == NULL)
    return -ENOMEM;
  a->start = from;
  a->end = to;
  a->prot = PROT_READ | PROT_WRITE;
  a->flags = flags;
  area_insert(s, a);
  return 0;
}

va_t
vm_brk(struct space *s, va_t brk)
{
  struct list dead = LIST_INIT(dead);
  rw_write_lock(&s->lock);
  va_t from = page_up(s->brk), to = page_up(brk);
  int err = brk < s->brk_start || brk > USER_MAX ? -EINVAL : 0;
  if(err == 0 && to > from)
    err = grow_heap(s, from, to);
  else if(err == 0 && to < from)
    err = unmap_range(s, to, from, &dead);
  if(err == 0)
    s->brk = brk;
  brk = s->brk;
  rw_write_unlock(&s->lock);
  areas_release(&dead);
  return brk;
}

int
vm_stack(struct space *s, va_t top, u64 limit)
{
  struct area *a = area_alloc();
  if(a == NULL)
    return -ENOMEM;
  a->start = top - PAGE_SIZE;
  a->end = top;
  a->prot = PROT_READ | PROT_WRITE;
  a->flags = AREA_STACK | AREA_MAYWRITE;
  rw_write_lock(&s->lock);
  s->stack_limit = page_up(limit);
  s->mmap_top = top - min(s->stack_limit, top / 2) - STACK_GAP;
  area_insert(s, a);
  rw_write_unlock(&s->lock);
  return 0;
}

int
vm_grow_stack(struct space *s, va_t va)
{
  int err = 0;
  rw_write_lock(&s->lock);
  struct area *a = area_stack_above(s, va);
  struct area *below = a ? area_below(s, a->start) : NULL;
  if(a == NULL || (below && page_down(va) < below->end + STACK_GAP) ||
     (va < a->start && !may_grow(s, a->start - page_down(va))))
    err = -ENOMEM;
  else if(va < a->start)
    area_resize(s, a, page_down(va), a->end);
  rw_write_unlock(&s->lock);
  return err;
}
