// SPDX-License-Identifier: MIT
//
// What every new entry of a page table needs, for those who make some.

#pragma once

#include <pmap.h>
#include "mm/frame_kind.h"
#include "mm/policy/policy.h"
#include "mm/space.h"

// The pages' new instructions become visible before anybody can fetch them.
static inline void
before_fetch(struct frame **v, u32 n, bool executable)
{
  bool stale = false;
  for(u32 i = 0; unlikely(executable) && i < n; i++)
    stale |= frame_fetchable(v[i]);
  if(stale)
    pmap_fence_exec();
}

// Its table is locked.
static inline void
set_entry(pte_t *e, struct frame *f, u32 prot, bool dirty)
{
  if(unlikely(prot & PROT_EXEC))
    aside(frame_prepare_fetch, f);
  pmap_set(e, pte_make(f, prot, dirty));
}

// The page of a present entry may be stored to, or f may in its place: with the rights it has.
static inline void
replace_entry(pte_t *e, pte_t old, struct frame *f)
{
  if(unlikely(pte_executable(old)))
    aside(frame_prepare_fetch, f);
  pmap_set(e, pte_stored(old, f));
}

// What entries of an area are made with.
static inline u32
entry_prot(const struct area *a)
{
  _Static_assert(AREA_LOCKED << 4 == ENTRY_LOCKED, "the one moves to the other's place");
  return a->prot | (a->flags & AREA_LOCKED) << 4;
}

// The frame, which nobody knows yet, becomes a private page of s for va.
static inline void
make_private(struct frame *f, struct space *s, va_t va)
{
  f->owner = s->owner;
  f->index = (u32)(va >> PAGE_SHIFT);
  f->hint = s->place;
  f->age = AGE_NEW;
  atomic_store_rel(&f->word, KIND(KIND_ANON) | FRAME_DIRTY | FRAME_STALE | SHARE_1 | MAPPED_1);
}

// A new private page for va, its counts and identity in place; its bytes are whatever
// they are unless ALLOC_ZERO. => NULL without memory
static inline struct frame *
private_frame(struct space *s, va_t va, u32 flags)
{
  struct frame *f;
  if(flags & ALLOC_AT_HAND){
    if(!frame_at_hand(flags))
      return NULL;
    f = frame_take_at_hand(KIND_ANON, flags);
  } else if((f = frame_alloc(KIND_ANON, ALLOC_USER | flags)) == NULL){
    return NULL;
  }
  make_private(f, s, va);
  return f;
}
