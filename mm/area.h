// SPDX-License-Identifier: MIT
//
// The ordered set of a space's areas.  space.lock for writing to change it, for
// reading to search it.  Private to mm/.

#pragma once

#include "mm/gather.h"
#include "mm/object.h"
#include "mm/space.h"

extern struct area nowhere;                    // with nothing in it

struct area *area_alloc(void);                 // => NULL without memory
void area_free(struct area *a);                // puts nothing

// The first area that ends above va, the last that starts below it; or NULL.
struct area *area_above(struct space *s, va_t va);
struct area *area_below(struct space *s, va_t va);

// The area that contains va, or NULL.
struct area *area_search(struct space *s, va_t va);

static inline struct area *
area_find(struct space *s, va_t va)
{
  struct area *a = s->recent;
  return likely(va >= a->start && va < a->end) ? a : area_search(s, va);
}

// The stack area just above va that may grow down to it, or NULL.
struct area *area_stack_above(struct space *s, va_t va);

void area_insert(struct space *s, struct area *a);
void area_remove(struct space *s, struct area *a);
void area_resize(struct space *s, struct area *a, va_t start, va_t end);

// a, not in a map yet, will show what `from` shows from va on; with references.
static inline void
area_inherit(struct area *a, const struct area *from, va_t va, u32 but_flags)
{
  a->prot = from->prot;
  a->flags = from->flags & ~but_flags;
  a->object = from->object;
  a->offset = from->offset + (from->object ? va - from->start : 0);
  a->file = from->file;
  if(a->object)
    object_get(a->object);
  if(a->file)
    file_get(a->file);
}

// Cut a at `at`; `upper`, fresh from area_alloc, becomes the part above.
void area_split(struct space *s, struct area *a, va_t at, struct area *upper);

// Cut areas so that none crosses start or end, start < end. => 0 or -ENOMEM, nothing changed
int area_cut_out(struct space *s, va_t start, va_t end);

void area_set_flags(struct area *a, u32 flags);

// Join a with its neighbours where one area can say the same.  => the area that
// now covers a's range; areas that became empty are on `dead`, references and all
struct area *area_merge(struct space *s, struct area *a, struct list *dead);

// Areas were cut at start and end, perhaps in vain.
void area_mend(struct space *s, va_t start, va_t end, struct list *dead);

// The highest free place for len bytes below `top`.  => 0 if there is none
va_t area_gap(struct space *s, u64 len, va_t top);

// Drop the areas on a list from area_merge or vm_unmap, with their references.
// => no lock held; may sleep
void areas_release(struct list *dead);

// Grow the stack area down to va. => 0 or -ENOMEM; takes space.lock for writing
int vm_grow_stack(struct space *s, va_t va);

// Do stores to it reach its object?
static inline bool
area_reaches_object(const struct area *a)
{
  u32 both = AREA_SHARED | AREA_MAYWRITE;
  return (a->flags & both) == both;
}

// Does it map that page of its object?  => at *va
static inline bool
area_va(const struct area *a, u64 index, va_t *va)
{
  u64 off = index << PAGE_SHIFT;
  if(off < a->offset || off - a->offset >= a->end - a->start)
    return false;
  *va = a->start + (off - a->offset);
  return true;
}

// ---- Parts of changing a map (map.c); space.lock held for writing ----

// Take [start, end) out of the map, its pages too; areas go to `dead`.
// => 0 or -ENOMEM (nothing changed)
int unmap_range(struct space *s, va_t start, va_t end, struct list *dead);
int unmap_pages(struct space *s, va_t start, va_t end, struct list *dead);  // tables stay

void clear_pages(struct space *s, va_t start, va_t end);

// The same for one of many ranges: what does not fit into g is flushed.
static inline void
gather_pages(struct gather *g, va_t start, va_t end)
{
  struct pmap *pm = &g->space->pmap;
  pmap_let_go(pm, start, end);
  for(va_t va = start; va < end;){
    va = pmap_clear(pm, va, end, g);
    if(gather_full(g))
      gather_flush(g);
  }
}

// The tables that serve no area any more, around [start, end) which is free.
void prune_around(struct space *s, va_t start, va_t end);

// Where a new mapping goes: mmap's rules. => 0 or -errno
int choose_place(struct space *s, va_t *addr, u64 len, u32 flags);

// More bytes of areas?
static inline bool
may_grow(const struct space *s, u64 more)
{
  return s->mapped * PAGE_SIZE + more <= s->size_max;
}

// The part of [*va, end) that the next area covers, *va moved to its start (range.c).
// => the area, or NULL; *hole: something before it, or all, is not mapped
struct area *next_piece(struct space *s, va_t *va, va_t end, va_t *stop, bool *hole);

static inline bool
range_ok(va_t addr, u64 len)
{
  return (addr & PAGE_MASK) == 0 && addr < USER_MAX && len <= USER_MAX - addr;
}
