// SPDX-License-Identifier: MIT
//
// Swap areas: taking them into use and out of it.
//
// An area goes when none of its slots is in use any more: each page is read, if it is
// away, and its names are given back to its frame.  What happens to pages meanwhile
// happens as ever; only new slots come from elsewhere.
//
// Locks: `turn`, one swapon or swapoff at a time; slots' as in slot.c.

#include "mm/swap.h"
#include <machine.h>
#include "kernel/block.h"
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/evict.h"
#include "mm/frame.h"
#include "mm/objects.h"
#include "mm/reaper.h"
#include "mm/rmap.h"
#include "mm/slab.h"
#include "mm/slot.h"
#include "mm/space.h"
#include "mm/swapin.h"

static struct sleeplock turn = SLEEPLOCK_INIT(turn, "swapon");

// ---- The header ----

// As util-linux's mkswap writes it.
struct header {
  u8 boot[1024];
  u32 version, last_page, nbad;
  u8 uuid[16], label[16];
  u32 padding[117], bad[637];
  u8 rest[2];
  u8 signature[10];
} __attribute__((packed));
_Static_assert(sizeof(struct header) == PAGE_SIZE, "one page");
static const char signature[] = "SWAPSPACE2";

// => 0 or -EINVAL, with a word why
static int
judge(const struct header *h, const struct swap_store *store)
{
  if(memcmp(h->signature, signature, sizeof h->signature) != 0 || h->version != 1)
    printk("swap: no signature of a swap area; try mkswap\n");
  else if(h->nbad >= h->last_page || h->nbad > count_of(h->bad))
    printk("swap: the header makes no sense\n");
  else if(h->last_page >= store->pages)
    printk("swap: shorter (%lu pages) than its header says (%u)\n", store->pages, h->last_page + 1);
  else
    return 0;
  return -EINVAL;
}

static int
use_header(struct swap *w, const struct header *h, const struct swap_store *store)
{
  int err = judge(h, store);
  w->pages = min((u64)h->last_page + 1, SWAP_PAGES_MAX);
  if(err == 0)
    err = swap_table_make(w);
  for(u32 i = 0; err == 0 && i < h->nbad; i++)
    if(h->bad[i] < w->pages)
      swap_bad_page(w, h->bad[i]);
  return err;
}

// The first page; of a file, its first extent's.
static int
read_header(struct swap *w, const struct swap_store *store)
{
  struct header *h = kmalloc(sizeof *h);
  if(h == NULL)
    return -ENOMEM;
  u64 sector = store->extent ? store->extent[0].sector : 0;
  int err = store->pages ? block_rw(store->device, BLOCK_READ, sector, h, sizeof *h) : -EINVAL;
  if(err == 0)
    err = use_header(w, h, store);
  kfree(h);
  return err;
}

// ---- On ----

// => with `turn` held, so that it stays; or NULL
static struct swap *
area_of(const void *identity)
{
  struct swap *w, *found = NULL;
  spin_lock(&swaps_lock);
  list_for(w, &swaps, link)
    if(w->identity == identity)
      found = w;
  spin_unlock(&swaps_lock);
  return found;
}

static i32
next_priority(void)
{
  i32 lowest = 0;
  struct swap *w;
  spin_lock(&swaps_lock);
  list_for(w, &swaps, link)
    lowest = min(lowest, w->priority);
  spin_unlock(&swaps_lock);
  return lowest - 1;
}

static void
area_free(struct swap *w)
{
  swap_table_free(w);
  kfree(w->extent);
  file_put(w->file);
  kfree(w);
}

int
swap_on(const struct swap_store *store, struct file *f, i32 priority)
{
  struct swap *w = kzalloc(sizeof *w);
  if(w == NULL){
    kfree(store->extent);
    file_put(f);
    return -ENOMEM;
  }
  w->identity = store->identity;
  w->device = store->device;
  w->extent = store->extent;
  w->nextents = store->nextents;
  w->file = f;
  sleep_lock(&turn);
  int err = area_of(w->identity) ? -EBUSY : read_header(w, store);
  w->priority = priority == SWAP_PRIORITY_NEXT ? next_priority() : priority;
  if(err == 0)
    err = evict_prepare();
  if(err == 0)
    err = swap_attach(w);
  sleep_unlock(&turn);
  if(err)
    area_free(w);
  return err;
}

// ---- Off ----

static int
read_back(struct frame *f)
{
  struct swap_in in = { .v = { f }, .n = 1, .slot = f->slot };
  int err = swap_read(&in);
  swap_filled(&in, err);
  return err;
}

// Names of f's slot name f again.
static void
give_names_back(struct frame *f)
{
  struct owner o;
  if(owner_get(&o, f)){
    if(o.lineage)
      evict_undo(o.lineage, f);
    else
      slot_drop(f);
    owner_put(&o);
  }
}

// f, pinned, is what slot s names: as soon as nobody else is at it.
static void
bring_frame_back(u32 s, struct frame *f)
{
  if(!frame_try_busy(f)){
    frame_wait(f, FRAME_BUSY);
  } else if(atomic_load(&f->word) & FRAME_WRITING){
    frame_unbusy(f);
    frame_wait(f, FRAME_WRITING);
  } else {
    if(f->slot == s)
      give_names_back(f);
    frame_unbusy(f);
  }
  frame_put(f, PIN_1);
}

// The page of an object.
static int
bring_object_back(u32 s)
{
  struct frame *f;
  u64 index;
  struct object *o = slot_object(s, &index);
  int err = o ? object_page(o, index, &f) : 0;
  if(err == 0 && o)
    bring_frame_back(s, f);
  if(o)
    object_put(o);
  else
    yield();
  return err == -ERANGE ? 0 : err;
}

// One step nearer to a slot that is not in use.
static int
bring_back(u32 s)
{
  if(slot_is_object(s))
    return bring_object_back(s);
  bool away = !slot_resident(s);
  struct frame *f, *fresh = away ? frame_alloc(KIND_ANON, ALLOC_USER) : NULL;
  if(away && fresh == NULL)
    return memory_reclaim() ? 0 : -ENOMEM;
  enum slot_state st = slot_open(s, fresh, PIN_1, &f);
  if(st == SLOT_FILL)
    return read_back(f);
  if(fresh)
    frame_free(fresh);
  if(st == SLOT_AWAY)
    yield();                   // somebody has just taken the slot, or gives it back
  else
    bring_frame_back(s, f);
  return 0;
}

static struct swap *leaving;         // being emptied; under swaps_lock
u64 swap_reopenings;                 // under swaps_lock

static void
reopen(struct swap *w)
{
  swap_close(w, false);
  atomic_store(&swap_reopenings, swap_reopenings + 1);
  leaving = NULL;
}

bool
swap_off_cancel(u64 seen)
{
  spin_lock(&swaps_lock);
  if(leaving)
    reopen(leaving);
  bool again = swap_reopenings != seen;
  spin_unlock(&swaps_lock);
  return again;
}

static int
empty(struct swap *w)
{
  int err = 0;
  for(u64 page = 1; page < w->pages && err == 0; page++){
    u32 s = swap_slot(w, page);
    while(err == 0 && slot_in_use(s))
      err = current->killed ? -EINTR : atomic_load(&leaving) ? bring_back(s) : -ENOMEM;
  }
  return err;
}

// It is empty, or that failed. => may it go? If not it is in use again
static bool
ends_empty(struct swap *w, int err)
{
  spin_lock(&swaps_lock);
  bool still = leaving == w;
  if(still && err)
    reopen(w);
  leaving = NULL;
  spin_unlock(&swaps_lock);
  return still && err == 0;
}

static int
leave(struct swap *w)
{
  spin_lock(&swaps_lock);
  swap_close(w, true);
  leaving = w;
  spin_unlock(&swaps_lock);
  int err = empty(w);
  if(ends_empty(w, err))
    return 0;
  atomic_and(&current->notify, ~(u32)NOTIFY_MEMORY);     // final, whatever the reaper does
  return err ? err : -ENOMEM;
}

int
swap_off(const void *identity)
{
  sleep_lock(&turn);
  struct swap *w = area_of(identity);
  int err = -EINVAL;
  if(w && (err = leave(w)) == 0)
    swap_detach(w);
  sleep_unlock(&turn);
  if(err == 0)
    area_free(w);
  return err;
}

// ---- Figures ----

bool
swap_info_at(u32 i, struct swap_info *info)
{
  struct swap *w;
  bool found = false;
  spin_lock(&swaps_lock);
  list_for(w, &swaps, link)
    if(w->read == NULL && i-- == 0){
      *info = (struct swap_info){ .file = w->file, .is_device = w->extent == NULL,
        .used = w->usable - w->free, .priority = w->priority };
      info->pages = w->closed ? info->used : w->usable;
      file_get(w->file);
      found = true;
      break;
    }
  spin_unlock(&swaps_lock);
  return found;
}
