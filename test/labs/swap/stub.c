// SPDX-License-Identifier: MIT
//
// What stands in the places of lab swap's functions: no private page ever leaves memory.

// The names that entries have for f's slot are given back to f, which is BUSY and stays; then
// the slot is given up if nobody names it any more.  It is here for you to use.
bool
evict_undo(struct lineage *l, struct frame *f)
{
  rmap_bring_back(l, f);
  return slot_drop(f);
}

// Pages of one owner, BUSY and pinned, on their way out: each needs a slot.
//
// => how many have one now, in the front of v; the others are let go (let_go())
// => A page may have a slot from earlier (f->slot).  Its bytes there are good if the page is not
//    FRAME_DIRTY; else the slot is dropped (slot_drop(), which fails while entries name it: then
//    it is kept and written again).  A slot with SLOT_BAD in its word (slot_of()) takes no
//    page: evict_undo() if the owner is a lineage, slot_drop() if not.
// => slots_take() gives slots that are neighbours, so that one request can write many pages;
//    slot_bind() makes one f's.  What was taken and not needed goes back (slots_return()).
//
// Yours to write.  As it stands, there are none.
static u32
give_slots(const struct owner *o, struct frame **v, u32 n)
{
  for(u32 i = 0; i < n; i++)
    let_go(v[i]);
  return 0;
}

// Send pages of one owner, BUSY and pinned, to slots. => frames freed
//
// => Each has a slot (give_slots()), and then no entry that maps it: rmap_swap_out() makes all
//    entries of a lineage name the slots, fences, and moves what the hardware knew of stores
//    to FRAME_DIRTY; object_unmap() does so for an object's.
// => Only then look at the word: a page that something keeps (kept()) is let go.  One that is
//    clean by now is given up at once (give_up()).  The dirty ones are written together
//    (write_out(), which gives them up and counts).
//
// Yours to write.
static u64
evict_to_slots(const struct owner *o, struct frame **v, u32 n)
{
  for(u32 i = give_slots(o, v, n); i > 0; i--)
    if(kept(o, atomic_load(&v[i - 1]->word)))
      let_go(v[i - 1]);
  return 0;
}

// The page that at.e, an entry with a slot, names is in frame f (and counts this entry as
// a mapping already): map it.
//
// => It keeps its slot, and so has no D unless this is a store and nobody else names the page.
// => W only if the area gives it and nobody else names the page (its word's share is 1).
// => f->hint is at.space->place.  If the word has FRAME_AHEAD, swap_was_ahead() is told.
//    map() enters it; resolved(): VM_SWAP_MAP.
// => FAULT_OK; NEED_AGAIN for a store to a page that others name too: it has to be copied
//
// Yours to write.
static int
map_swapped(struct at at, struct frame *f)
{
  return f ? FAULT_OK : FAULT_IO;
}

// A fault on a page in a slot (pte_slot()).
//
// => slot_open() tells where the page is; it wants a fresh frame for one that has none (look
//    with slot_resident() first: frame_alloc(KIND_ANON, ALLOC_USER)), and gets MAPPED_1.
//      SLOT_HERE  map_swapped()
//      SLOT_FILL  the fresh frame is the page's now, and to be read: swap_begin() prepares
//                 w->swap, with neighbours, and it is NEED_SLOTS
//      SLOT_BUSY  NEED_FRAME, with the frame in w->swap.v[0]
//      SLOT_AWAY  NEED_AGAIN
// => A fresh frame that is not used is freed.  NEED_MEMORY if there is none.
//
// Yours to write.
static __attribute__((noinline)) int
swap_in(struct at at, struct wanted *w)
{
  return pte_slot(*at.e) ? FAULT_IO : map_swapped(at, NULL);
}
