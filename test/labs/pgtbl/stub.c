// SPDX-License-Identifier: MIT
//
// What stands in the places of lab pgtbl's functions.  The kernel boots without them.

// One entry of /proc/<pid>/pagemap: called for each entry `p` of the page table that is not
// 0, with its address, while its table is locked.  arg is a struct part.
//
// => part->out[] of the page (the first is that of part->start) has, as in Linux:
//      a page in a swap slot    PAGE_SWAPPED, the slot's page in the area shifted left by
//                               SWAP_TYPE_BITS, and the area's number (pte_state(),
//                               pte_slot(), slot_page(), SLOT_PAGE_BITS)
//      any other                PAGE_PRESENT and the frame's number (pte_frame(),
//                               frame_pfn()); PAGE_OBJECT if the frame is an object's
//                               (frame_kind()); PAGE_EXCLUSIVE if this entry is the only one
//                               that maps the frame (its word's `mapped` is 1) and only one
//                               space holds the table (table_holders())
//
// Yours to write.
static void
add_entry(void *arg, va_t va, pte_t p, const struct frame *table)
{
  struct part *part = arg;
  part->out[(va - part->start) >> PAGE_SHIFT] = PAGE_PRESENT & PAGE_SWAPPED & PAGE_OBJECT &
                                                PAGE_EXCLUSIVE & SWAP_TYPE_BITS;
}

// mincore: is the page at va of area a in memory?  s->lock is held for reading.
//
// => For an area without an object: the entry has a frame (pte_has_frame()), or its slot's
//    page has one as well (slot_resident(pte_slot())).  So too for a page of a private area
//    with an object whose entry is not 0.
// => Else: the object has the page in memory (object_peek() of its index pins it, and the pin
//    is given back by frame_put(f, PIN_1)).
// => pmap_find() locks the entry's table; pmap_unlock() lets go of it.
//
// Yours to write.
static bool
incore(struct space *s, const struct area *a, va_t va)
{
  return false;
}

// Harvest the D bits of the n entries from e on, which are of one table.  It is locked, and
// stays so until the harts have been fenced and the pages been marked.
//
// => An entry that has D and a frame (pte_has_frame(); it may be hidden) has it no more, and
//    is otherwise as it was (pmap_set()).  Its frame is in g->page, as many from [0] on as
//    there were (there is room for n).
// => how many
//
// Yours to write.
static inline u32
clean_leaf(pte_t *e, u64 n, struct gather *g)
{
  return 0;
}

// mlock and munlock: the entries of [va, end) that have a frame (pte_has_frame()) get the L bit,
// or lose it (mark_locked()).
//
// => next_leaf() finds the first entry at or behind va that has a leaf table, and locks it;
//    leaf_end() is where the table's part of the range ends; pmap_unlock().
//
// Yours to write.
void
pmap_lock_pages(struct pmap *pm, va_t va, va_t end, bool locked)
{
  pte_t *e = next_leaf(pm, &va, end);
  if(e){
    if(!locked)
      mark_locked(e, false);
    pmap_unlock(e);
  }
}

// madvise(MADV_COLLAPSE) has moved the pages from va on, as many as a table has entries, to
// frames in a row.  Let the entry above map them all, as a large page, and set the table
// aside (set_aside()).
//
// => true if there is a large page now: there was one already, or the table's 512 entries
//    have one by one the permissions, and all other bits, of the first; that has all of OWN;
//    their frames follow one another; and the first frame's number is one at which a large
//    page may begin.
// => false, and nothing changed, otherwise (also if there is no table).
// => middle_entry() finds the entry above, pte_is_large() and pte_is_table() ask what it is,
//    pte_beside() makes of an entry that of the next frames.  What is said of the table holds
//    while it is locked (lock_leaf(), pmap_unlock()), and pm->upper with it, which comes first.
// => Before the locks go, no hart walks through the table any more: pmap_fence() of all that it
//    mapped.  (Why of all, and not of one page?)
//
// Yours to write.
bool
pmap_join(struct pmap *pm, va_t va)
{
  return false;
}

// Somebody wants the entry of one page of the large page that e maps.  pm->upper is held.
//
// => e names a table again, one that was set aside (take_aside()), whose entries map the same
//    frames as the large one did, with the same bits.  They are all there before any hart can
//    find the table: atomic_store_rel() writes e after them.
// => the new value of e
//
// Yours to write.
pte_t
split(struct pmap *pm, pte_t *e)
{
  return *e;
}
