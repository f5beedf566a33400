// SPDX-License-Identifier: MIT
//
// Making large pages possible: 2 MiB of private memory move to frames in a row.  To all
// of mm/ they are 512 pages as before, counted and given up one by one; that the
// hardware may now map them by one entry is for pmap_join to say.
//
// Nobody can store to a page while it is copied: W has been taken from all of them, and
// faults wait for space.lock.
//
// Locks: space.lock for writing > leaf table, for one page at a time.

#include <machine.h>
#include "kernel/errno.h"
#include "mm/area.h"
#include "mm/entry.h"
#include "mm/gather.h"

enum { BLOCK_ORDER = 9, BLOCK_PAGES = 1 << BLOCK_ORDER };
_Static_assert(BLOCK_PAGES * PAGE_SIZE == LEAF_SPAN, "a block is what one table maps");

static bool
fits(const struct area *a)
{
  return a->object == NULL && (a->prot & PROT_WRITE) &&
         round_up(a->start, LEAF_SPAN) + LEAF_SPAN <= a->end;
}

// May the pages of the block at va move? => -EINVAL: there are none; -EAGAIN: not now, or
// *away has to be in memory first
static int
look_over(struct space *s, va_t va, va_t *away)
{
  pte_t *e = pmap_find(&s->pmap, va);
  u64 there = 0, pinned = 0;
  for(u64 i = 0; e && i < BLOCK_PAGES; i++)
    if(!pte_has_frame(e[i])){
      *away = e[i] ? va + i * PAGE_SIZE : *away;
    } else if(!pte_is_zero(e[i])){
      there++;
      pinned += word_pins(atomic_load(&pte_frame(e[i])->word)) > 0;
    }
  if(e)
    pmap_unlock(e);
  *away = there ? *away : 0;
  return there == 0 ? -EINVAL : *away || pinned ? -EAGAIN : 0;
}

// f becomes the page at va: a copy, or zeroes. => false: that has gone to a slot
static bool
move_page(struct space *s, const struct area *a, va_t va, struct frame *f, struct gather *g)
{
  pte_t *e = pmap_find(&s->pmap, va), old = *e;
  bool there = old == 0 || pte_has_frame(old);
  if(there){
    bool page = old && !pte_is_zero(old);
    if(page){
      page_copy(frame_kva(f), frame_kva(pte_frame(old)));
      gather_page(g, pte_frame(old), pte_dirty(old));
    } else {
      page_zero(frame_kva(f));
    }
    make_private(f, s, va);
    set_entry(e, f, entry_prot(a), true);
    gather_range(g, va, va + PAGE_SIZE);
    trace(MAP, va, f);
  }
  pmap_unlock(e);
  return there;
}

// => how many pages moved
static u64
move_pages(struct space *s, const struct area *a, va_t va, struct frame *block)
{
  struct gather g;
  u64 n = 0;
  gather_init(&g, s);
  while(n < BLOCK_PAGES && move_page(s, a, va + n * PAGE_SIZE, block + n, &g)){
    n++;
    if(gather_full(&g))
      gather_flush(&g);
  }
  gather_flush(&g);
  return n;
}

static int
move_block(struct space *s, const struct area *a, va_t va, va_t *away)
{
  struct frame *block = frames_alloc(BLOCK_ORDER, KIND_ANON, ALLOC_USER);
  if(block == NULL)
    return -ENOMEM;
  pmap_protect(&s->pmap, va, va + LEAF_SPAN, PROT_READ, false);
  u64 n = move_pages(s, a, va, block);
  if(n == BLOCK_PAGES)
    return pmap_join(&s->pmap, va) ? 0 : -EAGAIN;
  *away = va + n * PAGE_SIZE;
  pmap_protect(&s->pmap, *away, va + LEAF_SPAN, a->prot, false);
  for(; n < BLOCK_PAGES; n++)
    frame_free(block + n);
  return -EAGAIN;
}

static bool
over_limit(const struct space *s)
{
  u64 limit = atomic_load(&s->ws_limit);
  return limit && atomic_load(&s->resident) + BLOCK_PAGES > limit;
}

static int
collapse_locked(struct space *s, va_t va, va_t *away)
{
  struct area *a = area_find(s, va);
  if(a == NULL || !fits(a) || va + LEAF_SPAN > a->end)
    return -EINVAL;
  int err = over_limit(s) ? -EBUSY : pmap_unshare(&s->pmap, va, va + LEAF_SPAN);
  if(err || pmap_join(&s->pmap, va))
    return err;
  err = look_over(s, va, away);
  return err ? err : move_block(s, a, va, away);
}

static int
collapse(struct space *s, va_t va)
{
  for(;;){
    va_t away = 0;
    rw_write_lock(&s->lock);
    int err = collapse_locked(s, va, &away);
    rw_write_unlock(&s->lock);
    if(away == 0 || current->killed)
      return err;
    if(vm_fault(s, away, ACCESS_KEEP) != FAULT_OK)
      return -ENOMEM;
  }
}

// The last failure counts, as on Linux; only where there is no memory it ends there.
static int
collapse_piece(struct space *s, va_t va, va_t end)
{
  int err = round_up(va, LEAF_SPAN) > round_down(end, LEAF_SPAN) ? -EINVAL : 0;
  for(va = round_up(va, LEAF_SPAN); va + LEAF_SPAN <= end && err != -ENOMEM; va += LEAF_SPAN){
    int e = collapse(s, va);
    err = e ? e : err;
  }
  return err;
}

int
vm_collapse(struct space *s, va_t va, u64 len)
{
  va_t end = va + len, stop;
  bool hole = false;
  for(;; va = stop){
    rw_read_lock(&s->lock);
    struct area *a = next_piece(s, &va, end, &stop, &hole);
    bool may = a && fits(a);
    rw_read_unlock(&s->lock);
    int err = a == NULL ? 0 : may ? collapse_piece(s, va, stop) : -EINVAL;
    if(a == NULL || err)
      return err ? err : hole ? -ENOMEM : 0;
  }
}
