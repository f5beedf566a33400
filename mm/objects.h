// SPDX-License-Identifier: MIT
//
// What the files that implement objects (object.c, writeback.c, filemap.c, check.c)
// know of one another.  Private to mm/.

#pragma once

#include "mm/object.h"

extern struct list all_objects;              // in order of last use by write-back
extern struct spinlock all_objects_lock;     // innermost but for nothing

// A BUSY page leaves the tree and is no longer BUSY; the caller has it pinned.
void object_forget(struct object *o, struct frame *f);

// A reference, unless the last one is gone already (all_objects_lock held).
bool object_get_live(struct object *o);
