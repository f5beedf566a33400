// SPDX-License-Identifier: MIT
//
// The page tables of spaces: walking them, single entries, and ranges.  Owns
// every non-kernel table frame.  Calls frame allocation and counting, and
// tlb.c for fences.
//
// Locks: a leaf table is locked by its own frame's lock bit; pmap.upper covers
// the entries above against the reverse map.  Tables are removed only with
// space.lock held for writing, so a walk under space.lock needs neither.

#include <pmap.h>
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "mm/frame.h"
#include "mm/gather.h"
#include "mm/slot.h"
#include "mm/space.h"
#include "tables.h"

// ---- Walking ----

// The same by way of e, which is not 0, whatever it is now; pm->upper is held.
static inline __attribute__((always_inline)) pte_t *
reach_leaf(struct pmap *pm, pte_t *e, va_t va)
{
  pte_t mid = *e;
  return open_leaf(pm, unlikely(pte_is_large(mid)) ? split(pm, e) : mid, va);
}

pte_t *
pmap_find(struct pmap *pm, va_t va)
{
  pte_t *e = middle_entry(pm, va);
  pte_t mid = e ? atomic_load_acq(e) : 0;
  if(unlikely(pte_is_large(mid)))
    return pmap_reach(pm, va);
  return mid ? open_leaf(pm, mid, va) : NULL;
}

pte_t *
pmap_reach(struct pmap *pm, va_t va)
{
  spin_lock(&pm->upper);
  pte_t *mid = middle_entry(pm, va), *e = mid && *mid ? reach_leaf(pm, mid, va) : NULL;
  spin_unlock(&pm->upper);
  return e;
}

void
link_table(struct pmap *pm, pte_t *e, pte_t p)
{
  assert(spin_held(&pm->upper) && *e == 0);
  kva_frame((void *)page_down((u64)e))->index++;
  atomic_store_rel(e, p);
  atomic_add(&pm->tables, 1);
}

bool
unlink_table(struct pmap *pm, pte_t *e)
{
  assert(spin_held(&pm->upper) && *e != 0);
  atomic_store(e, 0);
  atomic_add(&pm->tables, -1UL);
  return --kva_frame((void *)page_down((u64)e))->index == 0;
}

// Two faults may race to make it; the loser's is freed.
pte_t *
table_below(struct pmap *pm, pte_t *table, u64 i)
{
  pte_t *e = table + i;
  if(atomic_load_acq(e) & PTE_V)
    return pte_table(*e);
  struct frame *f = frame_alloc(KIND_TABLE, ALLOC_ZERO);
  if(f == NULL)
    return NULL;
  f->index = 0;
  spin_lock(&pm->upper);
  if(*e == 0){
    link_table(pm, e, pte_of(frame_pa(f), PTE_V));
    f = NULL;
  }
  spin_unlock(&pm->upper);
  if(f)
    frame_free(f);
  return pte_table(*e);
}

pte_t *
pmap_make_tables(struct pmap *pm, va_t va)
{
  pte_t *mid = table_below(pm, root_of(pm), table_index(va, 2));
  if(mid == NULL)
    return NULL;
  pte_t *e = mid + table_index(va, 1), p = atomic_load_acq(e);
  if(pte_is_large(p))
    return pmap_reach(pm, va);
  if(pte_is_frozen(p) ? !thaw(pm, e) : !table_below(pm, mid, table_index(va, 1)))
    return NULL;
  return pmap_walk(pm, va);
}

pte_t *
next_table(struct pmap *pm, va_t *va, va_t end)
{
  va_t at = *va;
  while(at < end){
    pte_t *e = middle_entry(pm, at);
    va_t stop = round_down(at, MID_SPAN) + MID_SPAN;
    for(; e && at < min(stop, end); at = round_down(at, LEAF_SPAN) + LEAF_SPAN, e++)
      if(*e){
        *va = at;
        return e;
      }
    at = max(at, stop);
  }
  *va = end;
  return NULL;
}

// The first entry at or after *va, below end, that has a leaf table, locked.
// The reverse map comes here too, so the tables above are locked on the way.
static pte_t *
next_leaf(struct pmap *pm, va_t *va, va_t end)
{
  spin_lock(&pm->upper);
  pte_t *e = next_table(pm, va, end);
  pte_t *leaf = e ? reach_leaf(pm, e, *va) : NULL;
  spin_unlock(&pm->upper);
  return leaf;
}

// ---- Ranges ----

// Take out what is in [e, end) until the gather is full; *some: there was something.
// => where it stopped
static inline pte_t *
clear_leaf(pte_t *e, pte_t *end, struct gather *g, bool *some)
{
  for(; e < end && !gather_full(g); e++){
    if(*e == 0)
      continue;
    pte_t old = pmap_set(e, 0);
    struct frame *f = pte_frame(old);
    *some = true;
    if(unlikely(!pte_has_frame(old)))
      slot_put(pte_slot(old));
    else if(f != zero_frame)
      gather_page(g, f, pte_dirty(old));
  }
  return e;
}

va_t
pmap_clear(struct pmap *pm, va_t va, va_t end, struct gather *g)
{
  pte_t *e;
  while(!gather_full(g) && (e = next_leaf(pm, &va, end)) != NULL){
    u64 pages = (leaf_end(va, end) - va) >> PAGE_SHIFT;
    bool some = false;
    va_t stop = va + (u64)(clear_leaf(e, e + pages, g, &some) - e) * PAGE_SIZE;
    pmap_unlock(e);
    if(some)
      gather_range(g, va, stop);
    va = stop;
  }
  return va;
}

// => how many had D
static inline u32
clean_leaf(pte_t *e, u64 n, struct gather *g)
{
  u64 *to = g->page;
  for(pte_t *end = e + n; e < end; e++){
    pte_t p = *e;
    if(!(p & PTE_D) || !pte_has_frame(p))
      continue;
    pmap_set(e, p & ~PTE_D);
    *to++ = (u64)pte_frame(p);
  }
  return (u32)(to - g->page);
}

void
pmap_clean(struct pmap *pm, va_t va, va_t end, struct gather *g, void (*fold)(struct gather *g))
{
  pte_t *e;
  while((e = next_leaf(pm, &va, end)) != NULL){
    va_t stop = min(leaf_end(va, end), va + GATHER_MAX * PAGE_SIZE);
    g->n = clean_leaf(e, (stop - va) >> PAGE_SHIFT, g);
    gather_range(g, va, stop);
    if(g->n > 0)
      fold(g);
    pmap_unlock(e);
    va = stop;
  }
}

static inline bool
writable_without_fault(const struct frame *f, bool shared)
{
  u64 w = atomic_load(&f->word);
  if(shared)
    return w & FRAME_PLACED;
  return (w & KIND(0xf)) == KIND(KIND_ANON) && word_share(w) == 1;
}

static inline void
mark_locked(pte_t *e, bool locked)
{
  if(locked)
    atomic_or(e, PTE_L);
  else
    atomic_and(e, ~PTE_L);
}

// What a change of protection gives the entries of a range, and what it took.
struct change {
  u64 bits;        // of a page that needs no fault for what the area allows
  u64 checked;     // of one that does
  bool shared, exec;
  u64 lost;        // permissions that a hart may have cached
  bool stale;      // instruction caches know less than the pages hold
};

// => what the entry lost
static inline u64
protect_entry(pte_t *e, pte_t old, const struct change *c)
{
  bool whole = c->bits == c->checked || writable_without_fault(pte_frame(old), c->shared);
  pte_t p = (old & ~PTE_PERMISSIONS) | (whole ? c->bits : c->checked);
  if(p == old)
    return 0;
  old = pmap_set(e, p);
  // The hardware may have set D since; losing it would lose a store.
  if(unlikely(old & ~p & PTE_D))
    pmap_set(e, p | PTE_D);
  return old & PTE_V ? old & ~p : 0;
}

static void
protect_leaf(pte_t *e, pte_t *end, struct change *c)
{
  struct change how = *c;
  for(; e < end; e++){
    pte_t p = *e;
    if(!pte_has_frame(p)){
      how.lost |= p ? PTE_V : 0;       // of a slot: the reaper may have yet to fence
      continue;
    }
    how.lost |= protect_entry(e, p, &how);
    if(unlikely(how.exec))
      how.stale |= frame_fetchable(pte_frame(p));
  }
  how.lost &= PTE_V | PTE_R | PTE_W | PTE_X;
  *c = how;
}

// Pages of files are fenced under their table's lock: write-back, which looks
// there, takes an entry without W to mean that no hart can store any more.
void
pmap_protect(struct pmap *pm, va_t start, va_t end, u32 prot, bool shared)
{
  u32 checked = prot & PROT_WRITE ? (prot & ~PROT_WRITE) | PROT_READ : prot;
  struct change c = { .bits = prot_bits(prot), .checked = prot_bits(checked), .shared = shared,
                      .exec = prot & PROT_EXEC };
  va_t va = start;
  pte_t *e;
  while((e = next_leaf(pm, &va, end)) != NULL){
    va_t stop = leaf_end(va, end);
    protect_leaf(e, e + ((stop - va) >> PAGE_SHIFT), &c);
    if(c.lost && shared){
      pmap_fence(pm, va, stop);
      c.lost = 0;
    }
    pmap_unlock(e);
    va = stop;
  }
  if(c.lost)
    pmap_fence(pm, start, end);
  if(c.stale)
    pmap_fence_exec();
}

void
pmap_lock_pages(struct pmap *pm, va_t va, va_t end, bool locked)
{
  pte_t *e;
  for(; (e = next_leaf(pm, &va, end)) != NULL; va = leaf_end(va, end)){
    u64 n = (leaf_end(va, end) - va) >> PAGE_SHIFT;
    for(u64 i = 0; i < n; i++)
      if(pte_has_frame(e[i]))
        mark_locked(e + i, locked);
    pmap_unlock(e);
  }
}

void
pmap_scan(struct pmap *pm, va_t va, va_t end, bool (*enter)(struct frame *table),
          void (*fn)(void *arg, va_t va, pte_t p, const struct frame *table), void *arg)
{
  for(; va < end; va = leaf_end(va, end)){
    spin_lock(&pm->upper);
    pte_t *mid = next_table(pm, &va, end), p = mid ? *mid : 0;
    u64 n = (leaf_end(va, end) - va) >> PAGE_SHIFT;
    bool skip = p == 0 || (pte_is_frozen(p) && enter && !enter(pte_frame(p)));
    pte_t *leaf = skip || pte_is_large(p) ? NULL : open_leaf(pm, p, va);
    for(u64 i = 0; pte_is_large(p) && i < n; i++)
      fn(arg, va + i * PAGE_SIZE, pte_beside(p, table_index(va, 0) + i), NULL);
    spin_unlock(&pm->upper);
    if(leaf == NULL)
      continue;
    const struct frame *table = kva_frame((void *)page_down((u64)leaf));
    for(u64 i = 0; i < n; i++)
      if(leaf[i] != 0)
        fn(arg, va + i * PAGE_SIZE, atomic_load(&leaf[i]), table);
    pmap_unlock(leaf);
  }
}

u32
pmap_pages(struct pmap *pm, va_t *va, struct frame **v, u32 n)
{
  u32 got = 0;
  pte_t *leaf;
  while(got < n && (leaf = next_leaf(pm, va, USER_MAX)) != NULL){
    va_t stop = leaf_end(*va, USER_MAX);
    for(pte_t *e = leaf; *va < stop && got < n; e++, *va += PAGE_SIZE)
      if(pte_has_frame(*e) && !pte_is_zero(*e))
        v[got++] = pte_frame(*e);
    pmap_unlock(leaf);
  }
  return got;
}

struct residence { u64 frames, slots; };

static void
count_entry(void *arg, va_t va, pte_t p, const struct frame *table)
{
  struct residence *r = arg;
  if(pte_has_frame(p))
    r->frames += !pte_is_zero(p);
  else
    r->slots++;
}

u64
pmap_resident(struct pmap *pm, u64 *swapped)
{
  struct residence r = { 0 };
  pmap_scan(pm, 0, USER_MAX, NULL, count_entry, &r);
  if(swapped)
    *swapped = r.slots;
  return r.frames;
}

// ---- Making and removing tables ----

// Unlink the table below e and put it on a list threaded through its frame.
// => true if there is none beside it any more
static bool
drop_table(struct pmap *pm, pte_t *e, struct frame **list)
{
  struct frame *f = pte_frame(*e);
  spin_lock(&pm->upper);
  bool last = unlink_table(pm, e);
  ledger_unlinked(pm->root, frame_pfn(f));
  spin_unlock(&pm->upper);
  f->next = *list ? (u32)frame_pfn(*list) : FRAME_NONE;
  *list = f;
  return last;
}

// Unlink the leaf table of va, and the middle one if that was its last (or none
// was made below it, for want of memory).
// => the next address that may have a leaf table
static va_t
unlink_leaf(struct pmap *pm, va_t va, struct frame **list)
{
  pte_t *e = middle_entry(pm, va);
  if(e == NULL)
    return round_down(va, MID_SPAN) + MID_SPAN;
  assert(!pte_is_frozen(*e));
  if(*e ? drop_table(pm, e, list) : kva_frame((void *)page_down((u64)e))->index == 0)
    drop_table(pm, root_of(pm) + table_index(va, 2), list);
  return round_down(va, LEAF_SPAN) + LEAF_SPAN;
}

static struct frame *
unlink_range(struct pmap *pm, va_t start, va_t end, va_t floor, va_t ceiling)
{
  struct frame *list = NULL;
  va_t va = max(round_down(start, LEAF_SPAN), round_up(floor, LEAF_SPAN));
  end = min(round_up(end, LEAF_SPAN), round_down(ceiling, LEAF_SPAN));
  while(va < end)
    va = unlink_leaf(pm, va, &list);
  return list;
}

// A table may be reused once no hart can walk through it any more.  A reverse
// map that still holds the leaf's lock found no entry there and lets go soon.
static void
free_tables(struct frame *list)
{
  while(list){
    struct frame *f = list;
    list = f->next == FRAME_NONE ? NULL : pfn_frame(f->next);
    frame_lock(f);
    frame_unlock(f);
    frame_free_zeroed(f);
  }
}

void
pmap_prune(struct pmap *pm, va_t start, va_t end, va_t floor, va_t ceiling)
{
  struct frame *list = unlink_range(pm, start, end, floor, ceiling);
  if(list == NULL)
    return;
  pmap_fence(pm, 0, USER_MAX);
  free_tables(list);
}

void
pmap_prune_dying(struct pmap *pm, va_t start, va_t end)
{
  free_tables(unlink_range(pm, start, end, 0, USER_MAX));
}

int
pmap_init(struct pmap *pm)
{
  memset(pm, 0, sizeof *pm);
  struct frame *f = frame_alloc(KIND_TABLE, ALLOC_ZERO);
  if(f == NULL)
    return -ENOMEM;
  spin_init(&pm->upper, "pmap.upper");
  f->index = 0;
  pm->root = frame_pa(f);
  pm->tables = 1;
  // The kernel's half never changes at this level once the kernel has booted.
  u64 half = TABLE_ENTRIES / 2;
  memcpy(root_of(pm) + half, root_of(&kernel_pmap) + half, half * sizeof(pte_t));
  return 0;
}

// Nobody runs the space any more and its ASID is not used again before every
// hart has flushed, so nothing needs a fence.
void
pmap_destroy(struct pmap *pm)
{
  assert(pm->active == 0 && pm->tables == 1);
  pa_frame(pm->root)->index = 0;
  ledger_forget(pm->root);
  frame_free(pa_frame(pm->root));
  pm->root = 0;
}
