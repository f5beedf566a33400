// SPDX-License-Identifier: MIT
//
// What the files that implement objects (object.c, writeback.c, filemap.c, check.c)
// know of one another.  Private to mm/.

#pragma once

#include "mm/object.h"
#include "mm/policy/policy.h"
#include "mm/slot.h"
#include "mm/space.h"

extern struct list all_objects, suspects;    // suspects: may be dirty, see dirty.c
extern struct spinlock all_objects_lock;     // innermost but for nothing

// A page of an object without a store may be in a swap slot: that the tree says, then.
#define AWAY (1UL << 63)
static inline bool in_memory(u64 value) { return (i64)value > 0; }

// The page at index, BUSY or not.  => pinned, or NULL if it is not there
static inline struct frame *
object_pin(struct object *o, u64 index)
{
  struct frame *f = NULL;
  spin_lock(&o->lock);
  u64 pfn = radix_get(&o->pages, index);
  if(likely(in_memory(pfn))){
    f = pfn_frame(pfn);
    frame_get(f, PIN_1);
  }
  spin_unlock(&o->lock);
  return f;
}

// The page at index, if it is there and valid now.  => pinned, or NULL
static inline struct frame *
object_look(struct object *o, u64 index)
{
  struct frame *f = object_pin(o, index);
  if(likely(f) && unlikely(!object_holds(f))){
    frame_unpin(f);
    return NULL;
  }
  return f;
}

// f becomes the page at index, BUSY and pinned.
static inline void
object_begin_page(struct object *o, struct frame *f, u64 index, u64 flags)
{
  f->owner = knum(o);
  f->index = (u32)index;
  f->age = AGE_NEW;
  atomic_store_rel(&f->word,
                   KIND(KIND_OBJECT) | SHARE_1 | PIN_1 | FRAME_BUSY | FRAME_STALE | flags);
}

// The page at index, AWAY, gets a frame, BUSY and pinned, to be filled from its slot.
// o->lock is held.  => NULL without memory
struct frame *object_bring(struct object *o, u64 index);

// Something of o may be dirty, since now if it is the first.
void object_suspect(struct object *o);

// n pages of o are dirty that were not.  o->lock is held.
static inline void
object_dirtier(struct object *o, u64 n)
{
  if(unlikely(!object_has_store(o)))
    return;
  if(unlikely(o->pages.marked == n))
    object_suspect(o);
  atomic_add(&pages_dirty, n);
}

// n pages are not any more.
static inline void
object_cleaner(u64 n)
{
  atomic_add(&pages_dirty, -n);
  vm_add(VM_UNDIRTIED, n);
}

// f is marked dirty in the tree, if it is still there.  o->lock is held.
static inline void
object_mark(struct object *o, struct frame *f)
{
  struct radix_node *leaf = radix_leaf(&o->pages, f->index);
  if(leaf && leaf->slot[radix_slot(f->index, 0)] == frame_pfn(f) &&
     radix_mark_in(&o->pages, leaf, f->index))
    object_dirtier(o, 1);
}

// The same for n pages that are there, and not marked.
static inline void
object_mark_run(struct object *o, u64 index, u64 n)
{
  radix_mark_run(&o->pages, index, n, true);
  if(n > 0)
    object_dirtier(o, n);
}

// The page at index, pinned; or if there is none, a new one, BUSY, and dirty, for the
// store's copy does not count; but that in a slot does until the page is filled.
// => NULL without memory
static inline struct frame *
object_find_or_make(struct object *o, u64 index, bool *made)
{
  struct frame *f = NULL;
  spin_lock(&o->lock);
  struct radix_node *leaf = radix_reach(&o->pages, index);
  u64 pfn = leaf ? leaf->slot[radix_slot(index, 0)] : 0;
  *made = !in_memory(pfn);
  if(in_memory(pfn)){
    f = pfn_frame(pfn);
    frame_get(f, PIN_1);
  } else if(unlikely(pfn)){
    f = object_bring(o, index);
  } else if(leaf && (f = frame_alloc(KIND_OBJECT, ALLOC_USER)) != NULL){
    object_begin_page(o, f, index, FRAME_DIRTY);
    radix_fill(&o->pages, leaf, index, frame_pfn(f), true);
    object_dirtier(o, 1);
  } else if(leaf && leaf->used == 0){
    radix_trim(&o->pages, index);
  }
  spin_unlock(&o->lock);
  return f;
}

// What object_page_fresh does if it need not wait, and the rest.
int object_wait_fresh(struct object *o, struct frame *busy, u64 index, struct frame **out,
                      bool *fresh);

static inline int
object_fresh(struct object *o, u64 index, struct frame **out, bool *fresh)
{
  struct frame *f = *out = object_find_or_make(o, index, fresh);
  if(likely(f) && likely(*fresh || object_holds(f)))
    return 0;
  return object_wait_fresh(o, f, index, out, fresh);
}


#define NO_END (~0UL >> PAGE_SHIFT)      // behind the last page there can be

// What has been stored to through mappings of pages [first, end) is marked dirty.
void object_harvest(struct object *o, u64 first, u64 end);

// Write what is dirty in [*index, end), WRITE_ALL or about `budget` pages: who has a budget
// does not wait for what others have taken.  => 0 or the first -errno; *index is `end`
// unless the budget was too small; *written grows
#define WRITE_ALL ~0UL
int object_write_dirty(struct object *o, u64 *index, u64 end, u64 budget, u64 *written);

// Call fn for objects that have pages, all or suspects (which leave their list if they are
// clean), until it has done `want` or each has had its turn.  It may sleep.  => what was done
u64 each_object(struct list *of, u64 want, u64 (*fn)(struct object *o, u64 arg), u64 arg);

// BUSY pages leave the tree and are no longer BUSY; the caller's pins go too.
void object_forget(struct object *o, struct frame **f, u32 n);

// A page that object_fresh made is not filled: it is where it was.
void object_unmake(struct object *o, struct frame *f);

// A place in the store for a page.  => 0, -ENOSPC, -EIO ...; -EBUSY: not before wait_place.
// May sleep.
static inline int
object_reserve(struct object *o, struct frame *f)
{
  if(o->ops && o->ops->page_mkwrite)
    return o->ops->page_mkwrite(o, f);
  frame_placed(f);
  return 0;
}

// Take the place that was made in advance for the page at index, if it is behind the end and
// the next of those.  => false: there is none
static inline bool
object_take_ahead(struct object *o, u64 index)
{
  u64 w = atomic_load(&o->ahead);
  return (u32)w == index && w >> 32 > index && o->size <= index << PAGE_SHIFT &&
         __atomic_compare_exchange_n(&o->ahead, &w, w + 1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED);
}

// A page of an object without a store, BUSY and unmapped and clean, is from now on in its
// slot only; the frame stays the caller's.
void object_send_away(struct object *o, struct frame *f);

// Take every entry away that names one of n pages (at most GATHER_MAX, by rising index),
// and fence, once for each area.  TAKE_IDLE: not from those who may keep it.
enum take { TAKE_IDLE, TAKE_ALL };
void object_unmap(struct object *o, struct frame **v, u32 n, enum take what);

// Of n pages, BUSY and pinned, take out of the object those that nothing keeps once
// their mappings are taken, and let go of the others.  => how many
u32 object_forget_idle(struct object *o, struct frame **v, u32 n);

// The same for pages that are neighbours or nearly, by rising index; those that are dirty
// are written first.  => freed
u64 object_evict(struct object *o, struct frame **v, u32 n);

// The last reference is gone.  Waits for pages that are BUSY.
void object_end(struct object *o);

// A reference, unless the last one is gone already (all_objects_lock held).
bool object_get_live(struct object *o);
