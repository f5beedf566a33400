// SPDX-License-Identifier: MIT
//
// What the files that implement objects (object.c, writeback.c, filemap.c, check.c)
// know of one another.  Private to mm/.

#pragma once

#include "mm/object.h"

extern struct list all_objects;              // in order of last use by write-back
extern struct spinlock all_objects_lock;     // innermost but for nothing

// The page at index, BUSY or not.  => pinned, or NULL if it is not there
static inline struct frame *
object_pin(struct object *o, u64 index)
{
  struct frame *f = NULL;
  spin_lock(&o->lock);
  u64 pfn = radix_get(&o->pages, index);
  if(likely(pfn)){
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

// f is marked dirty in the tree, if it is still there.  o->lock is held.
static inline void
object_mark(struct object *o, struct frame *f)
{
  struct radix_node *leaf = radix_leaf(&o->pages, f->index);
  if(leaf && leaf->slot[radix_slot(f->index, 0)] == frame_pfn(f))
    radix_mark_in(&o->pages, leaf, f->index);
}

// BUSY pages leave the tree and are no longer BUSY; the caller's pins go too.
void object_forget(struct object *o, struct frame **f, u32 n);

// A place in the store for a page.  => 0, -ENOSPC, -EIO ...  May sleep.
static inline int
object_reserve(struct object *o, u64 index)
{
  return o->ops && o->ops->page_mkwrite ? o->ops->page_mkwrite(o, index) : 0;
}

// A reference, unless the last one is gone already (all_objects_lock held).
bool object_get_live(struct object *o);
