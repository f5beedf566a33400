// SPDX-License-Identifier: MIT
//
// Pages on their way out of an object: dirty ones to the store, unwanted ones
// out of every page table and away.
//
// Stores through mappings show in D bits.  Write-back takes those first, and fences
// before a page counts as clean: a store during or after the I/O sets D again.
// Truncation sets the size first: a fault that looks at the size under its leaf
// lock either sees the new one, or has set its entry before the walk gets there.
//
// Locks: areas_lock > leaf tables.  The frame is BUSY (removal) or WRITING.

#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include <machine.h>
#include "mm/area.h"
#include "mm/evict.h"
#include "mm/frame.h"
#include "mm/gather.h"
#include "mm/local.h"
#include "mm/objects.h"

enum {
  RUN_MAX = 128,             // pages written at once
  BATCH = 16,                // and taken out at once
};

// ---- Walking the mappings ----

// From f's entry, if that is what e is; its table is locked.
static void
take_entry(struct gather *g, pte_t *e, va_t va, struct frame *f, enum take what)
{
  enum pte_state st = pte_state(*e);
  if((st != PTE_PRESENT && st != PTE_HIDDEN) || pte_frame(*e) != f)
    return;
  if(what == TAKE_IDLE && local_keeps(g->space, va))
    return;
  rate_add(&g->space->demand.lost, demand_tick(), what == TAKE_IDLE);
  atomic_add(&g->space->resident, -1UL);
  gather_page(g, f, pte_dirty(pmap_set(e, 0)));
  gather_range(g, va, va + PAGE_SIZE);
}

// A table stays locked from one page to the next if it serves both.
static void
take_from_area(struct area *a, struct frame **v, u32 n, enum take what)
{
  struct gather g;
  pte_t *e = NULL;
  va_t va, before = 0;
  gather_init(&g, a->space);
  for(u32 i = 0; i < n; i++){
    if(!area_va(a, v[i]->index, &va) || word_mapped(atomic_load(&v[i]->word)) == 0)
      continue;
    pte_t *here = e ? pmap_beside(e, (va - before) >> PAGE_SHIFT) : NULL;
    if(here == NULL){
      if(e)
        pmap_unlock(e);
      here = pmap_reach(&a->space->pmap, va);
    }
    e = here;
    before = va;
    if(e)
      take_entry(&g, e, va, v[i], what);
  }
  if(e)
    pmap_unlock(e);
  gather_flush(&g);
}

void
object_unmap(struct object *o, struct frame **v, u32 n, enum take what)
{
  struct area *a;
  u32 unmapped = 0;
  while(unmapped < n && word_mapped(atomic_load(&v[unmapped]->word)) == 0)
    unmapped++;
  if(unmapped == n)
    return;
  spin_lock(&o->areas_lock);
  list_for(a, &o->areas, in_object)
    if(!(what == TAKE_IDLE && (a->flags & AREA_LOCKED)))
      take_from_area(a, v + unmapped, n - unmapped, what);
  spin_unlock(&o->areas_lock);
}

// ---- Who is dirty ----

// Pages of an object have lost their D bits.  Their entries' table is locked, and who takes
// a page out of the object takes its entries first: so all of them are in the tree.
static void
fold(struct gather *g)
{
  struct object *o = knum_ptr(gathered(g, 0)->owner);
  u64 first = 0, run = 0;
  if(!g->space->dying)
    pmap_fence(&g->space->pmap, g->lo, g->hi);
  spin_lock(&o->lock);
  for(u32 i = 0; i < g->n; i++){
    struct frame *f = gathered(g, i);
    if(atomic_or(&f->word, FRAME_DIRTY | FRAME_STALE) & FRAME_DIRTY)
      continue;
    if(f->index != first + run){
      object_mark_run(o, first, run);
      first = f->index;
      run = 0;
    }
    run++;
  }
  object_mark_run(o, first, run);
  spin_unlock(&o->lock);
  gather_init(g, g->space);
}

static void
harvest_area(const struct area *a, u64 first, u64 end)
{
  u64 base = a->offset >> PAGE_SHIFT, pages = (a->end - a->start) >> PAGE_SHIFT;
  u64 lo = max(first, base), hi = min(end, base + pages);
  struct gather g;
  gather_init(&g, a->space);
  if(lo < hi)
    pmap_clean(&a->space->pmap, a->start + ((lo - base) << PAGE_SHIFT),
               a->start + ((hi - base) << PAGE_SHIFT), &g, fold);
}

// What has been stored to through mappings of pages [first, end) is marked dirty.
void
object_harvest(struct object *o, u64 first, u64 end)
{
  struct area *a;
  if(atomic_load(&o->stored_through) == 0)
    return;
  spin_lock(&o->areas_lock);
  list_for(a, &o->areas, in_object)
    if(area_reaches_object(a))
      harvest_area(a, first, end);
  spin_unlock(&o->areas_lock);
}

// ---- Writing ----

// A dirty page of the tree, whose lock is held, is to be written; with a pin.  Others make it
// BUSY without that lock.  => false: somebody has taken it
static bool
try_writing(struct frame *f)
{
  const u64 begin = PIN_1 + FRAME_WRITING - FRAME_DIRTY;
  if(atomic_load(&f->word) & (FRAME_BUSY | FRAME_WRITING))
    return false;
  u64 w = atomic_add_full(&f->word, begin);
  assert(w & FRAME_DIRTY);       // and only here it goes
  if(likely(!(w & FRAME_BUSY)))
    return true;
  atomic_add_full(&f->word, -begin);
  frame_state_changed();
  return false;
}

// The first run of neighbouring dirty pages in [index, end), pinned, WRITING and no
// longer dirty.  A page that somebody has taken already ends it; if that one comes
// first, *wait is it, pinned.
static u32
take_run(struct object *o, u64 index, u64 end, struct frame **v, struct frame **wait)
{
  u64 *pfn = (u64 *)v;           // the numbers come first, frames in their place
  u32 n = 0;
  *wait = NULL;
  spin_lock(&o->lock);
  u32 found = radix_gather(&o->pages, &index, end - 1, true, pfn, RUN_MAX);
  for(u32 first = 0; n < found; n++){
    struct frame *f = v[n] = pfn_frame(pfn[n]);
    first = n ? first : f->index;
    if(f->index != first + n || !try_writing(f))
      break;
  }
  if(n > 0)
    radix_mark_run(&o->pages, v[0]->index, n, false);
  object_cleaner(n);
  atomic_add(&pages_writing, n);
  if(found > 0 && n == 0){
    *wait = v[0];
    frame_get(*wait, PIN_1);
  }
  o->writing += n;
  spin_unlock(&o->lock);
  return n;
}

static int
write_run(struct object *o, struct frame **v, u32 n)
{
  int err = o->ops->write_pages(o, v[0]->index, v, n);
  for(u32 i = 0; err && i < n; i++)
    object_mark_dirty(o, v[i]);
  for(u32 i = 0; i < n; i++)     // the object's hold lasts while they are WRITING
    atomic_add_full(&v[i]->word, -FRAME_WRITING - PIN_1);
  frame_state_changed();
  vm_count(VM_FILE_WRITE);
  if(err == 0)
    vm_add(VM_WRITTEN, n);
  else if(err != -EAGAIN)
    object_note_error(o, err);
  spin_lock(&o->lock);
  o->writing -= n;
  atomic_add(&pages_writing, -(u64)n);
  spin_unlock(&o->lock);
  return err;
}

// What will be written next: stores to it through mappings count as written then, or it would
// be dirty still.
static void
harvest_run(struct object *o, u64 index, u64 end)
{
  if(atomic_load(&o->stored_through) == 0)
    return;
  spin_lock(&o->lock);
  u64 pfn = radix_next(&o->pages, &index, true);
  spin_unlock(&o->lock);
  if(pfn && index < end)
    object_harvest(o, index, min(index + RUN_MAX, end));
}

int
object_write_dirty(struct object *o, u64 *index, u64 end, u64 budget, u64 *written)
{
  struct frame *v[RUN_MAX], *wait;
  int first_err = 0;
  for(u64 done = 0; *index < end && done < budget;){
    if(budget != WRITE_ALL)      // who writes all has harvested all
      harvest_run(o, *index, end);
    u32 n = take_run(o, *index, end, v, &wait);
    if(wait){
      if(budget == WRITE_ALL)
        frame_wait(wait, FRAME_BUSY | FRAME_WRITING);
      else
        *index = wait->index + 1UL;
      frame_put(wait, PIN_1);
      continue;
    }
    *index = n > 0 ? v[0]->index + (u64)n : end;
    done += n;
    int err = n > 0 ? write_run(o, v, n) : 0;
    *written += err == 0 ? n : 0;
    first_err = first_err ? first_err : err;
  }
  return first_err;
}

// Pages in [index, end) that somebody else is writing.  => were there any?
static bool
wait_for_writers(struct object *o, u64 index, u64 end)
{
  bool waited = false;
  while(atomic_load(&o->writing) > 0 && index < end){
    spin_lock(&o->lock);
    u64 pfn = radix_next(&o->pages, &index, false);
    struct frame *f = pfn && index < end ? pfn_frame(pfn) : NULL;
    bool writing = f && (atomic_load(&f->word) & FRAME_WRITING);
    if(writing)
      frame_get(f, PIN_1);
    spin_unlock(&o->lock);
    if(f == NULL)
      break;
    if(writing){
      frame_wait(f, FRAME_WRITING);
      frame_put(f, PIN_1);
      waited = true;
    }
    index++;
  }
  return waited;
}

// A page that somebody else writes is clean in the tree until that fails: then it is
// dirty again, and ours to write.
int
object_sync(struct object *o, u64 start, u64 end)
{
  if(!object_has_store(o))
    return 0;
  u64 first = start >> PAGE_SHIFT;
  u64 last = end > ~PAGE_MASK ? NO_END : page_up(end) >> PAGE_SHIFT;
  int err;
  object_harvest(o, first, last);
  do {
    u64 index = first, written = 0;
    err = object_write_dirty(o, &index, last, WRITE_ALL, &written);
  } while(err == 0 && wait_for_writers(o, first, last));
  return err;
}

// ---- Taking pages out ----

// Make BUSY those of n pinned pages that nobody else has, and let go of the others;
// if there are only others, wait for one.  => how many, in the front of v
static u32
take_pages(struct frame **v, u32 n)
{
  u32 got = 0;
  for(u32 i = 0; i < n; i++){
    bool busy = frame_try_busy(v[i]);
    if(busy && word_share(atomic_load(&v[i]->word))){
      v[got++] = v[i];
      continue;
    }
    if(busy)
      frame_unbusy(v[i]);        // somebody else has just taken it out
    else if(got == 0 && i == n - 1)
      frame_wait(v[i], FRAME_BUSY);
    frame_put(v[i], PIN_1);
  }
  return got;
}

// What is in slots only.
static void
drop_away(struct object *o, u64 index, u64 end)
{
  u64 value = 1;
  for(; value && o->away; index++){
    spin_lock(&o->lock);
    value = radix_next(&o->pages, &index, false);
    value = index < end ? value : 0;
    if(value & AWAY){
      radix_remove(&o->pages, index);
      o->away--;
    }
    spin_unlock(&o->lock);
    if(value & AWAY)
      slot_put((u32)value);
  }
}

void
object_remove(struct object *o, u64 first, u64 end)
{
  struct frame *v[BATCH];
  u32 n;
  for(u64 index = first; (n = object_gather(o, &index, end, PIN_1, v, BATCH)) > 0; index = first){
    n = take_pages(v, n);
    object_unmap(o, v, n, TAKE_ALL);
    for(u32 i = 0; i < n; i++)
      if(atomic_load(&v[i]->word) & FRAME_WRITING)
        frame_wait(v[i], FRAME_WRITING);
    if(n > 0)
      object_forget(o, v, n);
  }
  drop_away(o, first, end);
}

// As when pages are removed, the mark goes first: who maps one then sees it, or we see the entry.
void
object_unplace(struct object *o, u64 first, u64 end)
{
  struct frame *v[BATCH];
  u32 n;
  for(u64 index = first; (n = object_gather(o, &index, end, PIN_1, v, BATCH)) > 0; index++){
    for(u32 i = 0; i < n; i++){
      frame_wait(v[i], FRAME_BUSY);
      atomic_and(&v[i]->word, ~FRAME_PLACED);
    }
    atomic_fence();
    object_unmap(o, v, n, TAKE_ALL);
    for(u32 i = 0; i < n; i++)
      frame_put(v[i], PIN_1);
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
  u64 first = page_up(size) >> PAGE_SHIFT;
  bool shrinks = size < o->size;
  atomic_store(&o->size, size);
  atomic_fence();
  if(!shrinks && size)
    return;
  object_remove(o, first, NO_END);
  drop_private_copies(o, first);
  zero_tail(o, size);
}

// ---- Under memory pressure ----

// Is f, pinned by the caller, clean, and has nobody else a hold on it?
static bool
idle(const struct frame *f, u64 but_for)
{
  u64 w = atomic_load(&f->word) & ~but_for;
  return (w & (COUNTS | FRAME_DIRTY | FRAME_WRITING)) == (SHARE_1 | PIN_1);
}

// As object_forget_idle; those that only being dirty keeps are in `dirty` afterwards, still
// pinned, if that is not NULL.
static u32
forget_idle(struct object *o, struct frame **v, u32 n, struct frame **dirty, u32 *ndirty)
{
  u32 got = 0;
  object_unmap(o, v, n, TAKE_IDLE);
  for(u32 i = 0; i < n; i++)
    if(idle(v[i], 0)){
      v[got++] = v[i];
    } else {
      frame_unbusy(v[i]);
      if(dirty && idle(v[i], FRAME_DIRTY))
        dirty[(*ndirty)++] = v[i];
      else
        frame_put(v[i], PIN_1);
    }
  if(got > 0)
    object_forget(o, v, got);
  return got;
}

u32
object_forget_idle(struct object *o, struct frame **v, u32 n)
{
  return forget_idle(o, v, n, NULL, NULL);
}

// Of n pinned pages, make those BUSY that are clean as far as one knows, and let go of
// the others.  => how many, in the front of v
static u32
take_clean(struct frame **v, u32 n)
{
  u32 busy = 0;
  for(u32 i = 0; i < n; i++)
    if(idle(v[i], SHARE_MAX * MAPPED_1) && frame_try_busy(v[i]))
      v[busy++] = v[i];
    else
      frame_put(v[i], PIN_1);
  return busy;
}

static u64
object_shrink(struct object *o, u64 want)
{
  struct frame *v[BATCH];
  u64 freed = 0, clean = o->pages.count - o->pages.marked;
  want = o->ops ? min(want, clean) : 0;
  for(u64 index = 0; freed < want; index++){
    u32 found = object_gather(o, &index, NO_END, PIN_1, v, min(want - freed, (u64)BATCH));
    if(found == 0)
      break;
    freed += object_forget_idle(o, v, take_clean(v, found));
  }
  return freed;
}

// What is written goes even if it has been mapped again meanwhile: then the storers of many
// pages cannot be always ahead of us.
u64
object_evict(struct object *o, struct frame **v, u32 n)
{
  u64 index = v[0]->index, end = v[n - 1]->index + 1UL, written = 0;
  struct frame *dirty[EVICT_MAX];
  u32 ndirty = 0, freed = forget_idle(o, v, n, object_has_store(o) ? dirty : NULL, &ndirty);
  vm_add(VM_VICTIM_CLEAN, freed);
  if(ndirty == 0)
    return freed;
  object_write_dirty(o, &index, end, n, &written);
  u32 late = object_forget_idle(o, dirty, take_clean(dirty, ndirty));
  vm_add(VM_VICTIM_DIRTY, late);
  return freed + late;
}

// Each object is moved to the end of the list.
u64
each_object(struct list *of, u64 want, u64 (*fn)(struct object *o, u64 arg), u64 arg)
{
  u64 done = 0, turns = 0;
  spin_lock(&all_objects_lock);
  for(struct list *l = of->next; l != of; l = l->next)
    turns++;
  while(turns-- > 0 && done < want && !list_empty(of)){
    struct list *l = of->next;
    struct object *o = of == &suspects ? container_of(l, struct object, suspect)
                                       : container_of(l, struct object, link);
    bool stays = of != &suspects || object_maybe_dirty(o);
    list_remove(l);
    if(stays)
      list_append(of, l);
    if(!stays || o->pages.count == 0 || !object_get_live(o))
      continue;
    spin_unlock(&all_objects_lock);
    done += fn(o, arg);
    object_put(o);
    spin_lock(&all_objects_lock);
  }
  spin_unlock(&all_objects_lock);
  return done;
}

u64
objects_shrink(u64 want)
{
  return each_object(&all_objects, want, object_shrink, want);
}
