// SPDX-License-Identifier: MIT
//
// Swap slots: the places of swap areas, a page each.  A page that has a slot may
// have a frame as well; then the slot's bytes are a copy of the frame's unless that
// is dirty.  Private to mm/ and the page tables.

#pragma once

#include "kernel/list.h"
#include "kernel/lock.h"
#include "mm/frame.h"
#include "mm/swap.h"

struct block_device;
struct block_request;
struct file;

// Numbers of slots are given to areas in parts; an area has one, or several in a row.  The
// slot of its page n is n behind the first.  Page 0 is the area's header, so that no slot has
// number 0.
enum { SLOT_PART_BITS = 24, SLOT_PARTS = 1 << (32 - SLOT_PART_BITS) };
#define SWAP_PAGES_MAX (1UL << 27)

// While no frame holds the page, `word` counts the page-table entries that name the
// slot (1 for a page held by its object); else the frame's word does.  The count
// moves from one home to the other, and changes, under the slot's lock only.  So who
// has an entry's table locked and sees the slot there can find the page, wherever it is.
struct slot {
  u32 word;          // LOCK, BAD, count
  u32 pfn;           // the frame that holds the page too, or 0
  u32 owner, index;  // as the frame's
};
#define SLOT_LOCK (1U << 31)
#define SLOT_BAD  (1U << 30)        // a write failed: never again
#define SLOT_OBJECT (1U << 29)      // its page is an object's

enum { SLOTS_A_CHUNK = PAGE_SIZE / sizeof(struct slot) };

struct swap {
  u32 part;                    // its first one
  i32 priority;                // the highest goes first
  u64 pages;                   // the header's and bad ones too
  u64 usable;
  struct block_device *device;
  struct extent *extent;       // where the pages of a swap file are; NULL: all of the device
  u32 nextents;
  struct file *file;           // what was named
  const void *identity;        // of the store
  int (*read)(struct swap *w, u32 s, struct frame **f, u32 n);   // NULL: from the device
  void (*emptied)(struct swap *w);     // called with a table locked; comes with read
  struct list link;            // all areas, the highest priority first

  struct spinlock lock;        // below
  struct slot **chunk;         // the records, SLOTS_A_CHUNK each
  u16 *nfree;                  // of each chunk
  u64 free;                    // of all
  u64 next;                    // where to look for a free slot
  bool closed;                 // gives no more slots
  u32 failures;                // writes that failed, one after the other; under swaps_lock
  u64 errors[2];               // requests that failed: reads, writes; under swaps_lock
};

extern struct list swaps;                  // under swaps_lock
extern struct spinlock swaps_lock;

// The tables of an area of w->pages. => 0 or -ENOMEM (what there is goes by _free)
int swap_table_make(struct swap *w);
void swap_table_free(struct swap *w);
void swap_bad_page(struct swap *w, u64 page);

int swap_attach(struct swap *w);           // it gives slots now. => 0; -EPERM: too many areas
void swap_close(struct swap *w, bool closed);   // it gives none; or does again. swaps_lock held
void swap_detach(struct swap *w);          // no slot is in use and it is closed

struct slot *slot_of(u32 s);
struct swap *swap_of(u32 s);
static inline u32 swap_slot(const struct swap *w, u64 page)
{
  return (w->part << SLOT_PART_BITS) + (u32)page;
}
static inline u64 slot_page(u32 s) { return s - swap_slot(swap_of(s), 0); }

struct slot *slot_lock(u32 s);
void slot_unlock(struct slot *t);

// Up to n free slots that are neighbours.  => how many, the first in *s.  They are
// nobody's until slot_bind.
u32 slots_take(u32 *s, u32 n);

void slots_return(u32 s, u32 n);           // taken, and not needed after all

// A slot just taken becomes f's.  f is BUSY
void slot_bind(u32 s, struct frame *f);

// f gives its slot up: it is dirty now.  => false if entries name the slot.  f is BUSY
bool slot_drop(struct frame *f);

// f, which no count keeps any more, goes: its slot does too
void slot_forget(struct frame *f);

// One more or less entry names s. => false: too many
bool slot_share(u32 s);
void slot_put(u32 s);

// The count of a page of an object moves to f, which gets the slot.  f is BUSY
void slot_take_frame(u32 s, struct frame *f);

// The object whose page s is, if it is one's. => referenced, *index; or NULL
bool slot_is_object(u32 s);
struct object *slot_object(u32 s, u64 *index);

u64 slot_names(u32 s);                     // how many entries name its page

// The page that s names is another one of its owner's from now on, in the frame too.
void slot_rename(u32 s, u32 index);

// The count moves to the slot and the frame, BUSY, unmapped and pinned, is no longer
// this page's.  Who waits for it looks for the page again.
void slot_take_home(struct frame *f);

// The page of a slot, wanted: is its frame there?
enum slot_state {
  SLOT_HERE,         // *f has `one` more
  SLOT_BUSY,         // *f is pinned; wait until it is not BUSY and start again
  SLOT_FILL,         // *f is `fresh`, pinned and BUSY: read it
  SLOT_AWAY,         // no frame, and no fresh one was given; or it is just being freed
};
// one: MAPPED_1 for who has an entry that names the slot, its table locked, and makes it
// name the frame; PIN_1 for all others: share == mapped must mean that no entry names it.
enum slot_state slot_open(u32 s, struct frame *fresh, u64 one, struct frame **f);

// One request for n pages, neighbours, in order, of which slots_run says how many there
// may be.  After a start that succeeded, wait: the request and f are the device's until
// then.  Sleeps, needs no memory. => 0 or -errno
u32 slots_run(u32 s, u32 n);
int slots_start(struct block_request *r, bool write, u32 s, struct frame **f, u32 n);
int slots_wait(struct block_request *r, u32 s);

// How a request ended.  Writes to an area that fails again and again are given up: its
// free slots are none.
void slots_did(bool write, u32 s, u32 n, int err);

bool slot_in_use(u32 s);

// The checker's, all other harts stopped.  An entry of (owner, index) names s: it counts
// towards the slot, or the frame that holds the page, which is returned.
// => false: that page has no such slot
bool slot_recount(u32 s, u32 owner, u32 index, struct frame **f);

static inline bool
slot_resident(u32 s)
{
  return atomic_load(&slot_of(s)->pfn) != 0;
}
