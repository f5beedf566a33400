// SPDX-License-Identifier: MIT
//
// What stands in the places of lab cow's functions: fork copies every page at once.

#include <machine.h>

// fork, one present page: the entry `p` at `from` (the parent's) is to appear at `to`
// (the child's).  Both tables are locked, and `to` is empty.
//
// => Afterwards both entries name one frame, neither has W, and the frame's word counts
//    one name and one mapping more (counts_of() tells which counts a frame has).  The
//    count goes up before an entry is written.  The zero frame is not counted.
// => The child's entry has neither D nor L; a D that the parent's entry has must not be
//    lost for the page (FRAME_DIRTY).
// => false, and nothing done, if a count has no room (SHARE_MAX / 2).
//
// Yours to write.  As it stands, a private page is copied at once.
static bool
copy_present(pte_t *to, pte_t *from, pte_t p)
{
  struct frame *old = pte_frame(p);
  if(old == zero_frame || frame_kind(old) != KIND_ANON){
    if(old != zero_frame)
      frame_get(old, counts_of(old));
    pmap_set(to, p & ~(PTE_W | PTE_D | PTE_L));
    return true;
  }
  struct frame *f = frame_alloc(KIND_ANON, ALLOC_USER);
  if(f == NULL)
    return false;
  page_copy(frame_kva(f), frame_kva(old));
  f->owner = old->owner;
  f->index = old->index;
  f->hint = 0;
  f->age = old->age;
  atomic_store_rel(&f->word, KIND(KIND_ANON) | FRAME_DIRTY | FRAME_STALE | SHARE_1 | MAPPED_1);
  pmap_set(to, pte_of(frame_pa(f), (p & 0x3ff) & ~PTE_L));
  return true;
}

// A store to a page whose entry is present and lacks W, in a private area.  `f` is the
// frame that the entry names: a private page (KIND_ANON), or a page of a file, which is
// never ours to store to.
//
// => FAULT_OK: the entry at.e has W and D, and names a frame that nobody else names.
//    Who is alone with the page (one name, nobody has it pinned) keeps it.
// => NEED_MEMORY: nothing has changed.
// => Every hart that may remember the old entry is fenced before the old frame loses the
//    counts that this entry gave it.
// => map() enters a frame; resolved() tells which case it was: VM_COW_COPY (copy_page() does),
//    VM_COW_REUSE.
//
// Yours to write.  As it stands it copies always.
static inline int
cow(struct at at, struct frame *f)
{
  bool private = frame_kind(f) == KIND_ANON;
  int r = copy_page(at, f);
  if(r == FAULT_OK){
    fence_page(at);
    frame_put(f, private ? SHARE_1 | MAPPED_1 : MAPPED_1);
  }
  return r;
}
