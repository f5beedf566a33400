// SPDX-License-Identifier: MIT
//
// Pages on their way out of an object: dirty ones to the store, unwanted ones
// out of every page table and away.
//
// Write-back takes write permission away from every mapping first and fences, so
// that a store during or after the I/O faults and makes the page dirty again.
// Truncation sets the size first: a fault that looks at the size under its leaf
// lock either sees the new one, or has set its entry before the walk gets there.
//
// Locks: areas_lock > leaf tables.  The frame is BUSY (removal) or WRITING.

#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include <machine.h>
#include "mm/area.h"
#include "mm/frame.h"
#include "mm/gather.h"
#include "mm/objects.h"

enum { RUN_MAX = 32 };     // pages written at once
#define NO_END (~0UL >> PAGE_SHIFT)

// ---- Walking the mappings ----

static bool
area_va(const struct area *a, u64 index, va_t *va)
{
  u64 off = index << PAGE_SHIFT;
  if(off < a->offset || off - a->offset >= a->end - a->start)
    return false;
  *va = a->start + (off - a->offset);
  return true;
}

enum take { TAKE_WRITE, TAKE_ALL };

// Take write permission, or everything, from f's entry at va, if there is one.
static void
take_entry(struct space *s, va_t va, struct frame *f, enum take what)
{
  struct gather g;
  gather_init(&g, s);
  pte_t *e = pmap_reach(&s->pmap, va);
  if(e == NULL)
    return;
  enum pte_state st = pte_state(*e);
  if((st != PTE_PRESENT && st != PTE_HIDDEN) || pte_frame(*e) != f){
    pmap_unlock(e);
    return;
  }
  if(what == TAKE_ALL){
    pte_t old = pmap_set(e, 0);
    gather_add(&g, va, frame_pfn(f), pte_dirty(old));
  } else if(pte_writable(*e)){
    pmap_set(e, pte_cleaned(*e));
    gather_add(&g, va, 0, false);
  }
  pmap_unlock(e);
  gather_flush(&g);
}

static void
take_mappings(struct object *o, struct frame *f, enum take what)
{
  struct area *a;
  va_t va;
  if(word_mapped(atomic_load(&f->word)) == 0)
    return;
  spin_lock(&o->areas_lock);
  list_for(a, &o->areas, in_object)
    if(area_va(a, f->index, &va))
      take_entry(a->space, va, f, what);
  spin_unlock(&o->areas_lock);
}

// ---- Writing ----

// The next run of neighbouring dirty pages from *index on, pinned, WRITING and
// no longer dirty.  A page that is being written already ends the run.
static u32
take_run(struct object *o, u64 *index, u64 end, struct frame **v, struct frame **wait)
{
  u32 n = 0;
  *wait = NULL;
  spin_lock(&o->lock);
  u64 pfn = radix_next(&o->pages, index, true), at = *index;
  while(pfn && n < RUN_MAX && at < end && at == *index + n){
    struct frame *f = pfn_frame(pfn);
    if(atomic_load(&f->word) & (FRAME_BUSY | FRAME_WRITING)){
      if(n == 0){
        frame_get(f, PIN_1);
        *wait = f;
      }
      break;
    }
    frame_get(f, PIN_1);
    atomic_or(&f->word, FRAME_WRITING);
    atomic_and(&f->word, ~FRAME_DIRTY);
    radix_unmark(&o->pages, at);
    v[n++] = f;
    at++;
    pfn = radix_next(&o->pages, &at, true);
  }
  spin_unlock(&o->lock);
  return n;
}

static void
end_run(struct object *o, struct frame **v, u32 n, int err)
{
  for(u32 i = 0; i < n; i++){
    atomic_and(&v[i]->word, ~FRAME_WRITING);
    if(err)
      object_mark_dirty(o, v[i]);
  }
  frame_state_changed();
  for(u32 i = 0; i < n; i++)
    frame_put(v[i], PIN_1);
}

static int
write_run(struct object *o, struct frame **v, u32 n)
{
  for(u32 i = 0; i < n; i++)
    take_mappings(o, v[i], TAKE_WRITE);
  int err = o->ops->write_pages(o, v[0]->index, v, n);
  if(err == 0)
    vm_count(VM_PAGE_OUT);
  end_run(o, v, n, err);
  return err;
}

// Write until `end` or `budget` pages are written.
static int
write_dirty(struct object *o, u64 index, u64 end, u64 budget)
{
  struct frame *v[RUN_MAX], *wait;
  int first_err = 0;
  while(index < end && budget > 0){
    u32 n = take_run(o, &index, end, v, &wait);
    if(wait){
      frame_wait(wait, FRAME_BUSY | FRAME_WRITING);
      frame_put(wait, PIN_1);
      continue;
    }
    if(n == 0)
      break;
    int err = write_run(o, v, n);
    if(err && first_err == 0)
      first_err = err;
    index += n;
    budget -= min((u64)n, budget);
  }
  return first_err;
}

// Pages somebody else is writing are clean in the tree already; their write has
// to be over before sync may return.
static void
wait_for_writers(struct object *o, u64 index, u64 end)
{
  for(;;){
    spin_lock(&o->lock);
    u64 pfn = radix_next(&o->pages, &index, false);
    struct frame *f = pfn && index < end ? pfn_frame(pfn) : NULL;
    bool writing = f && (atomic_load(&f->word) & FRAME_WRITING);
    if(writing)
      frame_get(f, PIN_1);
    spin_unlock(&o->lock);
    if(f == NULL)
      return;
    if(writing){
      frame_wait(f, FRAME_WRITING);
      frame_put(f, PIN_1);
    }
    index++;
  }
}

int
object_sync(struct object *o, u64 start, u64 end)
{
  if(o->ops == NULL)
    return 0;
  u64 first = start >> PAGE_SHIFT;
  u64 last = end > ~PAGE_MASK ? NO_END : page_up(end) >> PAGE_SHIFT;
  int err = write_dirty(o, first, last, ~0UL);
  wait_for_writers(o, first, last);
  return err;
}

// ---- Taking pages out ----

// Take f, pinned by the caller, out of the object and every page table.
static void
remove_page(struct object *o, struct frame *f)
{
  take_mappings(o, f, TAKE_ALL);
  frame_wait(f, FRAME_WRITING);
  object_forget(o, f);
}

// => the first page in [*index, end), pinned and BUSY; NULL if there is none
static struct frame *
take_next(struct object *o, u64 *index, u64 end)
{
  for(;;){
    spin_lock(&o->lock);
    u64 pfn = radix_next(&o->pages, index, false);
    struct frame *f = pfn && *index < end ? pfn_frame(pfn) : NULL;
    if(f)
      frame_get(f, PIN_1);
    spin_unlock(&o->lock);
    if(f == NULL)
      return NULL;
    if(!frame_try_busy(f))
      frame_wait(f, FRAME_BUSY);
    else if(word_share(atomic_load(&f->word)))
      return f;
    else
      frame_unbusy(f);           // somebody else has just taken it out
    frame_put(f, PIN_1);
  }
}

// Private copies of pages past the end go too: their file page is no more.
static void
drop_private_copies(struct object *o, u64 first_page)
{
  struct area *a;
  spin_lock(&o->areas_lock);
  list_for(a, &o->areas, in_object){
    u64 off = max(first_page << PAGE_SHIFT, a->offset);
    if((a->flags & AREA_SHARED) || off - a->offset >= a->end - a->start)
      continue;
    struct gather g;
    gather_init(&g, a->space);
    for(va_t va = a->start + (off - a->offset); va < a->end;){
      va = pmap_clear(&a->space->pmap, va, a->end, &g);
      gather_flush(&g);
    }
  }
  spin_unlock(&o->areas_lock);
}

// Bytes of the last page past `size` become zero, in memory; the store's copy
// follows because the page is dirty.
static void
zero_tail(struct object *o, u64 size)
{
  u64 in_page = size & PAGE_MASK;
  struct frame *f;
  if(in_page == 0 || (f = object_peek(o, size >> PAGE_SHIFT)) == NULL)
    return;
  memset((char *)frame_kva(f) + in_page, 0, PAGE_SIZE - in_page);
  frame_put(f, PIN_1);
}

void
object_truncate(struct object *o, u64 size)
{
  u64 index = page_up(size) >> PAGE_SHIFT;
  struct frame *f;
  bool shrinks = size < o->size;
  atomic_store(&o->size, size);
  atomic_fence();
  if(!shrinks && size)
    return;
  while((f = take_next(o, &index, NO_END)) != NULL){
    remove_page(o, f);
    frame_put(f, PIN_1);
  }
  drop_private_copies(o, page_up(size) >> PAGE_SHIFT);
  zero_tail(o, size);
}

void
object_discard(struct object *o, u64 index)
{
  struct frame *f = take_next(o, &index, index + 1);
  if(f == NULL)
    return;
  remove_page(o, f);
  frame_put(f, PIN_1);
}

// ---- Under memory pressure ----

// Drop f, pinned by the caller, if it is clean and nobody else needs it.
static bool
drop_clean(struct object *o, struct frame *f)
{
  if(!frame_try_busy(f))
    return false;
  take_mappings(o, f, TAKE_ALL);
  u64 w = atomic_load(&f->word);
  if((w & (FRAME_DIRTY | FRAME_WRITING)) || (w & COUNTS) != (SHARE_1 | PIN_1)){
    frame_unbusy(f);
    return false;
  }
  object_forget(o, f);
  return true;
}

static u64
object_shrink(struct object *o, u64 want)
{
  u64 freed = 0;
  for(u64 index = 0; freed < want; index++){
    spin_lock(&o->lock);
    u64 pfn = radix_next(&o->pages, &index, false);
    struct frame *f = pfn ? pfn_frame(pfn) : NULL;
    bool candidate = f && !(atomic_load(&f->word) & (FRAME_BUSY | FRAME_WRITING | FRAME_DIRTY)) &&
                     word_pins(atomic_load(&f->word)) == 0;
    if(candidate)
      frame_get(f, PIN_1);
    spin_unlock(&o->lock);
    if(f == NULL)
      break;
    if(!candidate)
      continue;
    freed += drop_clean(o, f);
    frame_put(f, PIN_1);
  }
  return freed;
}

// Call fn for objects with a store, each moved to the end of the list, until it
// has done `want` or every object has had its turn.
static u64
each_object(u64 want, u64 (*fn)(struct object *o, u64 want))
{
  u64 done = 0, turns = 0;
  struct object *o;
  spin_lock(&all_objects_lock);
  list_for(o, &all_objects, link)
    turns++;
  while(turns-- > 0 && done < want && !list_empty(&all_objects)){
    o = list_first(&all_objects, struct object, link);
    list_remove(&o->link);
    list_append(&all_objects, &o->link);
    if(o->ops == NULL || o->pages.count == 0 || !object_get_live(o))
      continue;
    spin_unlock(&all_objects_lock);
    done += fn(o, want - done);
    object_put(o);
    spin_lock(&all_objects_lock);
  }
  spin_unlock(&all_objects_lock);
  return done;
}

static u64
object_write_back(struct object *o, u64 want)
{
  u64 before = o->pages.marked;
  if(before == 0 || write_dirty(o, 0, NO_END, want) != 0)
    return 0;
  return min(before, want);
}

u64
objects_shrink(u64 want)
{
  return each_object(want, object_shrink);
}

u64
objects_write_back(u64 want)
{
  return each_object(want, object_write_back);
}
