// SPDX-License-Identifier: MIT
//
// Swap areas, from outside: devices and files whose pages hold what memory has no
// room for.

#pragma once

#include "kernel/types.h"

struct block_device;
struct file;

// Pages [page, page + pages) of a swap file are at `sector`.
struct extent { u64 page, pages, sector; };

// Where an area's pages are.  Of a file, `extent` (kmalloc'd) and how many; of a whole
// device, NULL.  `identity` is something that only this store has.
struct swap_store {
  const void *identity;
  struct block_device *device;
  struct extent *extent;
  u32 nextents;
  u64 pages;
};
enum { SWAP_PRIORITY_NEXT = -1 };       // lower than all there are

// Begin to use an area with a header as mkswap writes it.  Takes over the reference to
// the file that names it, and the extents, also on failure.  May sleep.
// => 0; -EINVAL (no such header, or one that promises too much), -EBUSY (in use),
//    -EPERM (too many areas), -ENOMEM, -EIO
int swap_on(const struct swap_store *store, struct file *f, i32 priority);

// Bring everything back from that area, and let go of it.
// => 0; -EINVAL (not in use); -ENOMEM, -EINTR, -EIO: nothing is lost, it stays in use
int swap_off(const void *identity);

// How often an area that was to be emptied has come into use again; atomic.
extern u64 swap_reopenings;

// Memory has run out, in spite of a look for it since there had been `seen` reopenings.  An
// area that is being emptied stays in use.
// => true: one has been reopened since, by us or by others, so it is worth looking again
bool swap_off_cancel(u64 seen);

struct swap_info {
  struct file *file;           // referenced
  bool is_device;
  u64 pages, used;
  i32 priority;
};
bool swap_info_at(u32 i, struct swap_info *info);    // => false: there is none


// Slots of all areas, and those of pages that have a frame as well; atomic.
extern u64 swap_total, swap_free, swap_cached;
