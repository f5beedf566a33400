// SPDX-License-Identifier: MIT
//
// What has changed in a process's memory since it was last saved, or since somebody asked
// to be told from then on (/proc/<pid>/clear_refs): a clone of then is kept, and who stores
// to a page it has in common with that gets a copy.  So a page is the same as long as both
// name the same frame or slot.  It costs what a fork costs, and a copy of what changes.
//
// Lock: family_lock, for space->since.

#include <pmap.h>
#include "fs/proc.h"
#include "kernel/checkpoint/checkpoint.h"
#include "kernel/lock.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/slot.h"
#include "mm/space.h"

// What an entry names: a frame, or a slot whose page is nowhere else; 0: nothing.
static u64
named_by(pte_t p)
{
  if(pte_has_frame(p))
    return frame_pfn(pte_frame(p));
  u64 slot = p ? pte_slot(p) : 0, pfn = slot ? atomic_load(&slot_of(slot)->pfn) : 0;
  return pfn ? pfn : slot << 32;
}

static pte_t
entry_of(struct space *s, va_t va)
{
  rw_read_lock(&s->lock);
  pte_t *e = pmap_find(&s->pmap, va), p = e ? *e : 0;
  if(e)
    pmap_unlock(e);
  rw_read_unlock(&s->lock);
  return p;
}

// The copy keeps what it names for ever.  If s still names the same after a look at that,
// both did at that moment.
static bool
is_same(struct space *s, struct space *since, va_t va)
{
  u64 mine = named_by(entry_of(s, va)), theirs = named_by(entry_of(since, va));
  return mine && mine == theirs && mine == named_by(entry_of(s, va));
}

static bool
is_in_file(struct space *s, va_t va)
{
  rw_read_lock(&s->lock);
  pte_t *e = pmap_find(&s->pmap, va);
  bool yes = e && *e && !pte_has_frame(*e) && pages_has(pte_slot(*e), va);
  if(e)
    pmap_unlock(e);
  rw_read_unlock(&s->lock);
  return yes;
}

i64
changed_map(struct space *s, struct space *since, u64 first, u64 n, u64 *out)
{
  i64 got = space_pagemap(s, first, n, out);
  for(i64 i = 0; i < got; i++){
    va_t va = (first + (u64)i) << PAGE_SHIFT;
    if(out[i] && !(since ? is_same(s, since, va) : is_in_file(s, va)))
      out[i] |= CK_CHANGED;
  }
  return got;
}

struct space *
changes_from(struct space *s, struct space *copy)
{
  if(copy)
    space_get(copy);
  bool on = spin_lock_irq(&family_lock);
  struct space *old = s->since;
  s->since = copy;
  spin_unlock_irq(&family_lock, on);
  return old;
}

int
changes_from_now(struct space *s)
{
  struct space *copy;
  int err = space_fork(s, &copy);
  if(err)
    return err;
  copy->oom_score_adj = OOM_NEVER;
  struct space *old = changes_from(s, copy);
  space_put(copy);
  if(old)
    space_put(old);
  return 0;
}

i64
changes_map(struct space *s, u64 first, u64 n, u64 *out)
{
  bool on = spin_lock_irq(&family_lock);
  struct space *since = s->since;
  if(since)
    space_get(since);
  spin_unlock_irq(&family_lock, on);
  i64 got = changed_map(s, since, first, n, out);
  if(since)
    space_put(since);
  return got;
}
