// SPDX-License-Identifier: MIT
//
// Objects that may have dirty pages, the suspects: since when, and whose turn it is to be
// written.  Each is written from its first page to its last, a slice at a time; pages that
// become dirty behind that wait for the next time round.
//
// Lock: all_objects_lock.

#include <machine.h>
#include "mm/objects.h"
#include "mm/space.h"

enum { SLICE = 1024 };                   // pages of one object, before others have a turn

u64 pages_dirty, pages_writing, pages_kept;

struct list suspects = LIST_INIT(suspects);
static u64 harvested;                    // when, last

void
object_suspect(struct object *o)
{
  if(o->pages.marked <= 1)
    o->dirty_since = machine_time_ns();
  spin_lock(&all_objects_lock);
  if(list_empty(&o->suspect))
    list_append(&suspects, &o->suspect);
  spin_unlock(&all_objects_lock);
}

static u64
write_slice(struct object *o, u64 want)
{
  u64 written = 0, most = min(want, (u64)SLICE);
  if(o->next_write == 0)
    o->swept_since = machine_time_ns();
  if(o->pages.marked == 0)
    object_harvest(o, 0, NO_END);
  if(object_write_dirty(o, &o->next_write, NO_END, most, &written) || o->next_write == NO_END){
    o->next_write = 0;
    o->dirty_since = max(o->dirty_since, o->swept_since);
  }
  return written;
}

// => pages, or 1 if there was nothing to do but it had its turn
static u64
write_old_slice(struct object *o, u64 before)
{
  return o->dirty_since < before ? max(write_slice(o, SLICE), 1UL) : 0;
}

// Stores through mappings that are found now came after those found last time.
static u64
find_stores(struct object *o, u64 unused)
{
  bool clean = o->pages.marked == 0;
  object_harvest(o, 0, NO_END);
  if(clean && o->pages.marked > 0)
    o->dirty_since = harvested;
  return 0;
}

u64
objects_write_back(u64 want)
{
  u64 done = 0, n;
  while(done < want && (n = each_object(&suspects, want - done, write_slice, want - done)) > 0)
    done += n;
  return done;
}

u64
objects_write_old(u64 before)
{
  u64 now = machine_time_ns(), done = 0, n;
  each_object(&suspects, ~0UL, find_stores, 0);
  harvested = now;
  while((n = each_object(&suspects, ~0UL, write_old_slice, min(before, now))) > 0)
    done += n;
  return done;
}
