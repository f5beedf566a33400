// SPDX-License-Identifier: MIT
//
// What is said about ranges of addresses rather than single areas: advice, locks,
// what is in memory.  Holes in a range are passed over and reported at the end.
//
// Locks: space.lock, for writing where something changes; taken here.

#include <machine.h>
#include "kernel/errno.h"
#include "mm/area.h"
#include "mm/evict.h"
#include "mm/object.h"
#include "mm/slot.h"

struct area *
next_piece(struct space *s, va_t *va, va_t end, va_t *stop, bool *hole)
{
  struct area *a = *va < end ? area_above(s, *va) : NULL;
  if(a && a->start >= end)
    a = NULL;
  *hole |= a ? a->start > *va : *va < end;
  if(a){
    *va = max(*va, a->start);
    *stop = min(a->end, end);
  }
  return a;
}

// ---- Giving pages up ----

static int
discard_locked(struct space *s, va_t va, va_t end, bool (*fits)(const struct area *a))
{
  struct area *a;
  va_t stop;
  bool hole = false;
  int err = pmap_unshare_edges(&s->pmap, va, end);
  if(err)
    return err;
  for(; (a = next_piece(s, &va, end, &stop, &hole)) != NULL; va = stop){
    if(fits && !fits(a))
      return -EINVAL;
    clear_pages(s, va, stop);
  }
  return hole ? -ENOMEM : 0;
}

int
vm_discard(struct space *s, va_t addr, u64 len, bool (*fits)(const struct area *a))
{
  len = page_up(len);
  if(!range_ok(addr, len))
    return -EINVAL;
  rw_write_lock(&s->lock);
  int err = discard_locked(s, addr, addr + len, fits);
  rw_write_unlock(&s->lock);
  return err;
}

// ---- Sending pages out ----

// Those from *va on that nobody else maps become BUSY and pinned. => how many; *va: where
// it stopped
static u32
take_pages(struct space *s, va_t *va, va_t end, struct frame **v)
{
  u32 n = 0;
  while(*va < end && n < EVICT_MAX){
    pte_t *e = pmap_find(&s->pmap, *va);
    if(e == NULL){
      *va = round_down(*va, LEAF_SPAN) + LEAF_SPAN;
      continue;
    }
    struct frame *f = pte_state(*e) == PTE_PRESENT ? pte_frame(*e) : zero_frame;
    if(word_mapped(atomic_load(&f->word)) == 1 && evict_may(f) && evict_take(f))
      v[n++] = f;
    pmap_unlock(e);
    *va += PAGE_SIZE;
  }
  *va = min(*va, end);
  return n;
}

int
vm_page_out(struct space *s, va_t va, u64 len)
{
  struct frame *v[EVICT_MAX];
  va_t end = va + page_up(len), stop;
  bool hole = false;
  int err = range_ok(va, page_up(len)) ? 0 : -ENOMEM;
  while(err == 0 && va < end){
    u32 n = 0;
    rw_read_lock(&s->lock);
    struct area *a = next_piece(s, &va, end, &stop, &hole);
    if(a && (a->flags & AREA_LOCKED))
      err = -EINVAL;
    else if(a)
      n = take_pages(s, &va, stop, v);
    rw_read_unlock(&s->lock);
    evict(v, n);
    if(a == NULL || current->killed)
      break;
  }
  return err ? err : hole ? -ENOMEM : 0;
}

// ---- Flags ----

// whole: only up to the first hole.
static int
change_locked(struct space *s, va_t start, va_t end, bool whole, u32 clear, u32 set,
              bool (*fits)(const struct area *a), struct list *dead)
{
  struct area *a;
  va_t va = start, stop;
  bool hole = false, changes = clear | set;
  int err = set & AREA_LOCKED ? pmap_unshare(&s->pmap, va, end) :
            changes ? pmap_unshare_edges(&s->pmap, va, end) : 0;
  if(err == 0 && changes)
    err = area_cut_out(s, va, end);
  for(; err == 0 && (a = next_piece(s, &va, end, &stop, &hole)) != NULL; va = stop){
    if(fits && !fits(a)){
      err = -EINVAL;
    } else if(hole && whole){
      break;
    } else {
      area_set_flags(a, (a->flags & ~clear) | set);
      if((clear | set) & AREA_LOCKED)
        pmap_lock_pages(&s->pmap, a->start, a->end, set & AREA_LOCKED);
      area_merge(s, a, dead);
    }
  }
  area_mend(s, start, end, dead);
  return err ? err : hole ? -ENOMEM : 0;
}

int
vm_change_flags(struct space *s, va_t addr, u64 len, u32 clear, u32 set,
                bool (*fits)(const struct area *a))
{
  struct list dead = LIST_INIT(dead);
  len = page_up(len);
  if(!range_ok(addr, len))
    return -ENOMEM;
  rw_write_lock(&s->lock);
  int err = change_locked(s, addr, addr + len, clear & AREA_LOCKED, clear, set, fits, &dead);
  rw_write_unlock(&s->lock);
  areas_release(&dead);
  return err;
}

int
vm_lock_all(struct space *s, bool all, u32 how, u32 future)
{
  struct list dead = LIST_INIT(dead);
  int err = 0;
  rw_write_lock(&s->lock);
  s->future = future;
  if(all && (how & AREA_LOCKED))
    err = pmap_unshare(&s->pmap, USER_MIN, USER_TOP);
  if(all && err == 0)                  // nothing has to be cut, so nothing else fails
    change_locked(s, USER_MIN, USER_TOP, false, AREA_LOCKED | AREA_ONFAULT, how, NULL, &dead);
  rw_write_unlock(&s->lock);
  areas_release(&dead);
  return err;
}

// ---- What is in memory ----

// The private page at va is, or else its object's.
static bool
incore(struct space *s, const struct area *a, va_t va)
{
  bool there = false, own = a->object == NULL;
  pte_t *e = pmap_find(&s->pmap, va);
  if(e){
    there = pte_has_frame(*e) || (*e && slot_resident(pte_slot(*e)));
    own |= *e != 0;
    pmap_unlock(e);
  }
  if(own)
    return there;
  struct frame *f = object_peek(a->object, (a->offset + (va - a->start)) >> PAGE_SHIFT);
  if(f)
    frame_put(f, PIN_1);
  return f != NULL;
}

int
vm_incore(struct space *s, va_t addr, u64 pages, u8 *in)
{
  va_t va = addr, end = addr + pages * PAGE_SIZE, stop;
  struct area *a;
  bool hole = false;
  rw_read_lock(&s->lock);
  for(; (a = next_piece(s, &va, end, &stop, &hole)) != NULL && !hole; va = stop)
    for(; va < stop; va += PAGE_SIZE)
      in[(va - addr) >> PAGE_SHIFT] = incore(s, a, va);
  rw_read_unlock(&s->lock);
  return hole ? -ENOMEM : 0;
}

// ---- Bringing pages in ----

// The first page from va on that is in swap, or end.
static va_t
next_away(struct space *s, va_t va, va_t end)
{
  rw_read_lock(&s->lock);
  while(va < end){
    pte_t *e = pmap_find(&s->pmap, va);
    bool away = e && pte_state(*e) == PTE_SWAPPED;
    if(e)
      pmap_unlock(e);
    if(away)
      break;
    va = e ? va + PAGE_SIZE : round_down(va, LEAF_SPAN) + LEAF_SPAN;
  }
  rw_read_unlock(&s->lock);
  return min(va, end);
}

void
vm_swap_in(struct space *s, va_t va, va_t end)
{
  int err = 0;
  for(; err != -ENOMEM && err != -EINTR && (va = next_away(s, va, end)) < end; va += PAGE_SIZE)
    err = vm_populate(s, va, PAGE_SIZE, ACCESS_READ);
}

// What a page is most likely to be wanted for: a private page that may be written
// will be, so it is made at once.
static enum access
likely_access(const struct area *a)
{
  if((a->prot & PROT_WRITE) && !(a->flags & AREA_SHARED))
    return ACCESS_WRITE;
  return a->prot & (PROT_READ | PROT_WRITE) ? ACCESS_READ : ACCESS_EXEC;
}

// Only what is locked, and on after an error; or everything, up to the first error.
static int
make_present(struct space *s, va_t va, u64 len, bool only_locked)
{
  va_t end = va + page_up(len), stop = end;
  bool hole = false;
  for(int err = 0;; va = stop){
    rw_read_lock(&s->lock);
    struct area *a = next_piece(s, &va, end, &stop, &hole);
    enum access access = a ? likely_access(a) : 0;
    bool locked = a && (a->flags & (AREA_LOCKED | AREA_ONFAULT)) == AREA_LOCKED;
    rw_read_unlock(&s->lock);
    if(a == NULL || (err && !only_locked))
      return err ? err : hole ? -ENOMEM : 0;
    if(locked || !only_locked)
      err = vm_populate(s, va, stop - va, access);
  }
}

int
vm_make_present(struct space *s, va_t addr, u64 len)
{
  return make_present(s, addr, len, false);
}

void
vm_populate_locked(struct space *s, va_t addr, u64 len)
{
  make_present(s, addr, len, true);
}
