// SPDX-License-Identifier: MIT
//
// Giving up pages that have been taken out of page tables: fence, fold the D
// bits, then drop the counts, in that order.  So a frame whose `mapped` count is
// zero is in no page table and in no TLB.

#include "mm/gather.h"
#include <pmap.h>
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/space.h"

void
gather_init(struct gather *g, struct space *s)
{
  g->space = s;
  g->lo = ~0UL;
  g->hi = 0;
  g->n = 0;
}

// One page-table entry less.  A D bit on a clean page of a file means that a
// store came through while the page was being written back.
static inline void
unmapped(struct frame *f, u64 how)
{
  bool dirty = how & GATHER_DIRTY;
  u64 w = atomic_load(&f->word);
  bool private = (w & KIND(0xf)) == KIND(KIND_ANON);
  if(unlikely(dirty && !(w & FRAME_DIRTY))){
    if(private)
      atomic_or(&f->word, FRAME_DIRTY);
    else
      object_mark_dirty(knum_ptr(f->owner), f);
  }
  frame_put_last(f, private && !(how & GATHER_KEEPS_NAME) ? SHARE_1 | MAPPED_1 : MAPPED_1);
}

void
gather_flush(struct gather *g)
{
  struct space *s = g->space;
  if(g->lo < g->hi && !s->dying)
    pmap_fence(&s->pmap, g->lo, g->hi);
  trace(UNMAP, g, 0);
  for(u32 i = 0; i < g->n; i++)
    unmapped(gathered(g, i), g->page[i] & 3);
  gather_init(g, s);
}
