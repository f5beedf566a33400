// SPDX-License-Identifier: MIT
//
// Objects: sets of shared pages indexed by page number.  An inode's page cache
// is one; shared anonymous memory is another.  A shared page is held by its
// object; page-table entries to it may be dropped at any time.

#pragma once

#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/types.h"
#include "mm/frame.h"
#include "mm/radix.h"

struct area;
struct object;

// What the store behind an object does.  All may sleep; all are called without
// locks of mm, the frames BUSY (reads) or WRITING (writes), n >= 1 pages that
// are neighbours in the object.
struct object_ops {
  // Fill n frames.  Bytes past the store's end are zero.  Those that have their place
  // in the store are marked by frame_placed().  => 0 or -errno
  int (*read_pages)(struct object *o, u64 index, struct frame **f, u32 n);

  // Write n frames to the store.  Needs no memory and no new blocks. => 0 or -errno
  // NULL: there is no store.  Pages begin as zeroes, and stay once they are dirty.
  int (*write_pages)(struct object *o, u64 index, struct frame **f, u32 n);

  // The page, pinned, is about to be dirty for the first time: reserve its place, and say so
  // by frame_placed().  => 0, or -ENOSPC, -EIO ...; -EBUSY: try again after wait_place
  int (*page_mkwrite)(struct object *o, struct frame *f);

  // Wait until there may be a place.  The caller has no page BUSY.  => 0 or -errno
  int (*wait_place)(struct object *o);

  // Before a store through a mapping needs a place: wait while too much is dirty.  The caller
  // has no lock and no page.  => 0, or the error of write-back.  NULL: there is no limit
  int (*admit)(struct object *o);

  // The last reference is gone; the pages are too.
  void (*release)(struct object *o);
};

struct object {
  const struct object_ops *ops;   // NULL: shared anonymous memory
  u64 refs;
  u64 size;                       // bytes; pages wholly past it fault with SIGBUS
                                  // (~0 for shared anonymous memory)
  struct spinlock lock;           // innermost: the tree
  struct radix pages;             // index -> frame number, marked where dirty; or AWAY | slot
  u64 away;                       // how many of them are in slots only
  u64 writing;                    // pages on their way to the store
  struct object *ended;           // the reaper's: the next of those to be ended
  u64 ahead;                      // pages behind the end that have their places: the first,
                                  // and << 32 the one past the last; 0: none.  See below
  u32 errors;                     // of writing, below
  struct spinlock areas_lock;     // outside leaf tables: the reverse map
  struct list areas;              // areas that map it, a child's after its parent's
  u32 stored_through;             // how many of them let stores reach it
  bool fixed;                     // others write to its places in the store: no area may
  struct list link;               // all objects
  struct list suspect;            // those of which something may be dirty, see dirty.c
  u64 dirty_since;                // no page has been for longer; ns since boot
  u64 swept_since, next_write;    // the way through all of its pages: its start, how far it is
  u64 next_read;                  // where sequential reading would go on
  u32 window;                     // pages to read at once
} __attribute__((aligned(KNUM_UNIT)));   // inside of what it is part of, too

static inline bool
object_has_store(const struct object *o)
{
  return o->ops && o->ops->write_pages;
}

// f is a page of an object, and an entry, its table locked, names it.
static inline bool
frame_has_store(const struct frame *f)
{
  return object_has_store((const struct object *)knum_ptr(f->owner));
}

// => refs 1.  For an object embedded in something else (an inode), zeroed.
void object_init(struct object *o, const struct object_ops *ops, u64 size);

// => refs 0, no pages, no areas; before the memory around it is freed
void object_destroy(struct object *o);

// Shared anonymous memory: as long as it was made, whoever maps more. => NULL without memory
struct object *object_create_anon(u64 size);

// a maps o from now on (`after`: where in the list; NULL = at its end), or no more.
void object_link_area(struct area *a, struct area *after);
void object_unlink_area(struct area *a);

// From now on nobody stores to o through mappings. => 0; -EBUSY: it is so already;
// -ETXTBSY: an area lets stores reach it.  Stores by other ways are the caller's to stop
int object_fix(struct object *o);
static inline void object_unfix(struct object *o) { atomic_store(&o->fixed, false); }

struct object *object_get(struct object *o);
void object_put(struct object *o);      // may sleep; no mm lock held; NULL is nothing

// The page at index: found, or made and filled from the store.
// => *out pinned, not BUSY, valid; release with frame_put(f, PIN_1).
//    0, -ENOMEM, -EIO ...; -ERANGE: past the end (cut off meanwhile).  May sleep.
int object_page(struct object *o, u64 index, struct frame **out);

// Has that page to be read first?  *jumps: not as the next in the order of a file.
bool object_page_away(struct object *o, u64 index, bool *jumps);

// The page at index, about to be overwritten as a whole: not read if it is not
// there.  => as object_page, but *fresh tells that it was made, holds anything, is
// dirty, and is BUSY until the caller has filled it and calls frame_unbusy.
// A slot that it has still holds the old bytes, until slot_drop
int object_page_fresh(struct object *o, u64 index, struct frame **out, bool *fresh);

// How many pages o may have.
static inline u64
object_pages(const struct object *o)
{
  u64 size = atomic_load(&o->size);
  return (size >> PAGE_SHIFT) + ((size & PAGE_MASK) != 0);
}

// Make a page that is there ready to be stored to: its place in the store is
// reserved and it is marked dirty. f pinned. => 0, -ENOSPC, -EIO ...  May sleep.
int object_make_dirty(struct object *o, struct frame *f);

// A store may make places in advance for pages that will follow the last one: the file's
// writer takes one after the other, its lock held, and asks page_mkwrite for others.
static inline u64
object_ahead(const struct object *o)
{
  u64 w = atomic_load(&o->ahead);
  return (w >> 32) - (u32)w;
}

// Stores to f need no more than a page-table entry: D tells of them.
static inline void
frame_placed(struct frame *f)
{
  atomic_or(&f->word, FRAME_PLACED);
}

// May pages of o be dirty?  D bits have not been looked at.
static inline bool
object_maybe_dirty(const struct object *o)
{
  return o->pages.marked > 0 || atomic_load(&o->stored_through) > 0;
}

// Is f, which the caller has pinned or mapped, still a page of its object, and valid?
static inline bool word_holds(u64 w) { return !(w & FRAME_BUSY) && word_share(w) != 0; }
static inline bool object_holds(const struct frame *f) { return word_holds(atomic_load(&f->word)); }

// Read what is away of the pages of a range, as far as that goes without an error.  May sleep.
void object_read_ahead(struct object *o, u64 start, u64 len);

// Only if it is there and valid now. => pinned or NULL; never sleeps
struct frame *object_peek(struct object *o, u64 index);

// Only if it is there, once it is valid. => pinned or NULL; may sleep, needs no memory
struct frame *object_find(struct object *o, u64 index);

// The first pages in [*index, end) that are there, BUSY or not, up to n of them, each
// with `counts` (PIN_1 or MAPPED_1) more.  => how many; *index is that of the last
u32 object_gather(struct object *o, u64 *index, u64 end, u64 counts, struct frame **v, u32 n);

void object_enter_dirty(struct object *o, struct frame *f);

// After a store through the kernel's mapping of a pinned page that is not BUSY
// and has its place in the store.
static inline void
object_mark_dirty(struct object *o, struct frame *f)
{
  u64 marks = FRAME_DIRTY | FRAME_STALE;
  if(!(atomic_or(&f->word, marks) & FRAME_DIRTY))
    object_enter_dirty(o, f);
}

// Copy between a file's pages and user memory at byte offset off.  The caller
// holds the file's lock; user memory is touched with faults off, so the copy
// may end early.  Reads end at o->size; writes extend it as they go.
// => 0, or -EAGAIN: user memory was not there (object_fault_in it WITHOUT the
//    file lock, then go on), or -ENOMEM, -ENOSPC, -EIO ...; *done bytes in any case
int object_read(struct object *o, u64 off, va_t buf, u64 n, u64 *done);
int object_write(struct object *o, u64 off, va_t buf, u64 n, u64 *done);

// Touch a user range so that a retry makes progress. => 0 or -EFAULT
int object_fault_in(va_t buf, u64 n, bool for_write);

// The same for kernel buffers (exec, directories); no short copies.
i64 object_read_kernel(struct object *o, u64 off, void *buf, u64 n);

// Grow to `size` (file lock held): the bytes in between read as zeroes.
// => 0 or -errno
int object_extend(struct object *o, u64 size);

// Bytes [off, end) of one page become zeroes, in the store too.  May sleep. => 0 or -errno
int object_zero(struct object *o, u64 off, u64 end);

// Set the size; when shrinking, pages past it leave the object and every
// mapping, and the tail of the last page is zeroed.  The store is cut by the
// caller afterwards.  May sleep.
void object_truncate(struct object *o, u64 size);

// Write every dirty page in [start, end) bytes and wait. => 0 or the first -errno
int object_sync(struct object *o, u64 start, u64 end);

// Pages [first, end) mean nothing any more: out of the object and of every mapping, dirty or
// not, once a write in flight is over.  May sleep.
void object_remove(struct object *o, u64 first, u64 end);

// Pages [first, end) have no place in the store any more: who stores to one asks for it anew.
// That there will be none meanwhile is the caller's to see to.  May sleep.
void object_unplace(struct object *o, u64 first, u64 end);

// Pages of objects with a store; D bits that nobody has looked at do not count.
// Kept are others that must not be written yet, and stay: whoever has them so counts them.
extern u64 pages_dirty, pages_writing, pages_kept;

// Write some dirty pages: of one object after the other, a slice each.  Sleeps, needs no
// memory.  => about `want`; 0: none can be written
u64 objects_write_back(u64 want);

// Write all that has been dirty since before that time (ns since boot).  => pages written
u64 objects_write_old(u64 before);

// Errors of write-back in a word: the last one, whether anybody has been told of it, and how
// many there were that somebody was told of.
enum { ERROR_NUMBER = 0xfff, ERROR_TOLD = 0x1000, ERROR_NEXT = 0x2000 };

static inline void
object_note_error(struct object *o, int err)
{
  u32 was = atomic_load(&o->errors), told = was & ERROR_TOLD;
  atomic_store(&o->errors, (was & -(u32)ERROR_NEXT) + (told ? ERROR_NEXT : 0) + (u32)-err);
}

// Drop clean pages, mapped or not, that nobody has pinned. => frames freed
u64 objects_shrink(u64 want);

u64 object_shared_pages(void);           // pages of objects without a store
u64 object_mapped_pages(void);           // pages in some page table; may sleep
