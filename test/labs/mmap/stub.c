// SPDX-License-Identifier: MIT
//
// What stands in the places of lab mmap's functions.

// munmap(addr, len).
//
// => 0; -EINVAL if addr is not at a page, len is 0, or the range is none of a user's
//    (range_ok()); -ENOMEM, and nothing has changed
// => len counts in whole pages.  unmap_range() does the work, with s->lock held for writing;
//    the areas that went are on `dead`, and released when the lock is free again
//    (areas_release()).
//
// Yours to write.
int
vm_unmap(struct space *s, va_t addr, u64 len)
{
  return -ENOSYS;
}

// Where a new mapping of len bytes goes; s->lock is held for writing.
//
// => MAP_FIXED, MAP_FIXED_NOREPLACE: at *addr, which has to be at a page (-EINVAL), not below
//    USER_MIN (-EPERM), and to end within USER_TOP (-ENOMEM).  With MAP_FIXED_NOREPLACE,
//    nothing may be there (-EEXIST).
// => else *addr is a hint: rounded down to a page it is taken if all of the range is between
//    USER_MIN and s->mmap_top and free
// => else the highest free place below s->mmap_top (area_gap()); -ENOMEM if there is none.
//    (Ours begins a mapping of whole tables, LEAF_SPAN each, with a table; you need not.)
// => 0, and the place in *addr
//
// Yours to write.  As it stands, hints are ignored and what is fixed replaces.
int
choose_place(struct space *s, va_t *addr, u64 len, u32 flags)
{
  if(!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
    *addr = area_gap(s, len, s->mmap_top);
  return *addr && range_ok(page_down(*addr), len) ? 0 : -ENOMEM;
}

// mprotect of [start, end), whole pages; s->lock is held for writing.
//
// => As in Linux, what is in front of the first hole changes, and then it is -ENOMEM; likewise
//    with -EACCES for PROT_WRITE on an area without AREA_MAYWRITE.
// => What can fail comes first: the tables in the range are made our own (pmap_unshare()), and
//    areas are cut at its ends (area_cut_out()); -ENOMEM, and nothing has changed.
// => The entries of each area change (pmap_protect()), then its prot, and it joins its
//    neighbours if one area can say the same (area_merge()).
// => *locked is true if an area has AREA_LOCKED.
//
// Yours to write.
static int
protect_locked(struct space *s, va_t start, va_t end, u32 prot, bool *locked, struct list *dead)
{
  return -ENOSYS;
}

// A read or a store finds a page of an object missing: map it, and with it those of its
// neighbours that are in memory anyway.  at.e is the entry of the page `index`.
//
// => The neighbours are those among the AROUND pages of the aligned group that at.va is in (only
//    the page itself if the space has a limit, s->ws_limit) which lie in the area, and within
//    the object (object_pages()).  object_gather() finds them and counts a mapping for each;
//    an entry that is not empty stays, and the count goes back (frame_put(f, MAPPED_1)).
// => map_shared() makes an entry.  rights(): the area's if it is shared, without W otherwise.
// => is the entry at.e there now?
//
// Yours to write.  As it stands, the page comes alone.
static bool
map_around(struct at at, u64 index)
{
  struct frame *f;
  u64 from = index;
  pte_t read_only = rights(without_write(entry_prot(at.area)));
  pte_t placed = at.area->flags & AREA_SHARED ? rights(entry_prot(at.area)) : read_only;
  if(object_gather(at.area->object, &from, index + 1, MAPPED_1, &f, 1) == 1)
    map_shared(at.e, f, placed, read_only);
  return AROUND > 0 && *at.e != 0;
}

// A store to a page of a shared area, whose entry lacks W.
//
// => If the page has no place in the store yet (page_placed()), that comes first:
//    need(at, w, NEED_PLACE, its index).
// => FAULT_OK: the entry names the same frame, with the area's rights and D.
//
// Yours to write.
static __attribute__((noinline)) int
file_write(struct at at, struct wanted *w, struct frame *f)
{
  return page_placed(f) ? FAULT_ACCERR : FAULT_ADRERR;
}
