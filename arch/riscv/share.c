// SPDX-License-Identifier: MIT
//
// fork's part of the page tables, which does as little as it can.
//
// A leaf table that lies wholly inside one private anonymous area is not copied:
// parent and child both hold it, each by a frozen entry in its middle table, which
// no hart can walk through.  So such a table is in no TLB, its entries may keep W,
// and they count their pages once, however many spaces hold the table.  The first
// fault of a holder, or a change of the range, makes the table its own: the last
// holder takes it back as it is, the others copy it, page by page counted.
//
// No object's page is ever in a frozen table: its reverse map need not know.
//
// `index` of a leaf table's frame: the holders beyond the first, under its lock.
//
// Locks: pmap.upper > leaf table.

#include <pmap.h>
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "mm/frame.h"
#include "mm/slot.h"
#include "tables.h"

// ---- Copying ----

static inline u64
counts_of(const struct frame *f)
{
  if(likely(frame_kind(f) == KIND_ANON))
    return SHARE_1 | MAPPED_1;
  return f == zero_frame ? 0 : MAPPED_1;
}

// One entry more names the page: the count first, then the entry.  What was locked in
// memory is not locked in the copy.  D becomes the frame's, for either entry may go
// without the other; nobody stores to the page any more once the caller has fenced.
// => false if the count is full
static inline bool
copy_present(pte_t *to, pte_t *from, pte_t p)
{
  u64 w = FRAME_DIRTY;
  struct frame *f = pte_frame(p);
  u64 one = counts_of(f);
  if(likely(one != 0)){
    w = atomic_add(&f->word, one);
    if(unlikely((word_share(w) | word_mapped(w)) > SHARE_MAX / 2)){
      frame_put(f, one);
      return false;
    }
  }
  if(pte_writable(p)){
    p = atomic_and(from, ~PTE_W);
    ledger_set(from, p, p & ~PTE_W);
  }
  if(unlikely(!(w & FRAME_DIRTY)) && pte_dirty(p))
    atomic_or(&f->word, FRAME_DIRTY);
  pmap_set(to, p & ~(PTE_W | PTE_D | PTE_L));
  return true;
}

// A hidden page, or a slot.
static __attribute__((noinline)) bool
copy_other(pte_t *to, pte_t p)
{
  if(!pte_has_frame(p)){
    if(!slot_share(pte_slot(p)))
      return false;
  } else if(!pte_is_zero(p)){
    u64 one = counts_of(pte_frame(p)), w = atomic_add(&pte_frame(p)->word, one);
    if((word_share(w) | word_mapped(w)) > SHARE_MAX / 2){
      frame_put(pte_frame(p), one);
      return false;
    }
    if(pte_dirty(p))
      atomic_or(&pte_frame(p)->word, FRAME_DIRTY);
  }
  pmap_set(to, pte_has_frame(p) ? p & ~(PTE_D | PTE_L) : p);
  return true;
}

static inline bool
copy_entry(pte_t *to, pte_t *from, pte_t p)
{
  return likely(p & PTE_V) ? copy_present(to, from, p) : copy_other(to, p);
}

// => how many entries were copied, n unless a count is full
static u64
copy_entries(pte_t *to, pte_t *from, u64 n)
{
  for(u64 i = 0; i < n; i++)
    if(from[i] != 0 && !copy_entry(to + i, from + i, from[i]))
      return i;
  return n;
}

// The child's tables are made before the parent's leaf is locked: upper tables
// come first.
static int
copy_leaf(struct pmap *to, pte_t table, va_t va, va_t stop)
{
  pte_t *e = pmap_make(to, va);
  if(e == NULL)
    return -ENOMEM;
  pte_t *from = lock_leaf(table, va);
  u64 n = (stop - va) >> PAGE_SHIFT, done = copy_entries(e, from, n);
  pmap_unlock(from);
  pmap_unlock(e);
  return done == n ? 0 : -ENOMEM;
}

// ---- Sharing ----

static void
freeze(struct pmap *pm, pte_t *e, va_t va)
{
  spin_lock(&pm->upper);
  pte_t *leaf = lock_leaf(*e, va);
  pte_frame(*e)->index++;
  if(!pte_is_frozen(*e)){
    pm->frozen++;
    atomic_store(e, (*e & ~PTE_V) | PTE_FROZEN_TAG);
    ledger_unlinked(pm->root, pte_pfn(*e));
  }
  pmap_unlock(leaf);
  spin_unlock(&pm->upper);
}

// Both sides hold the table of e, an entry of `from`, frozen.
static int
share_leaf(struct pmap *to, struct pmap *from, pte_t *e, va_t va)
{
  pte_t *mid = table_below(to, root_of(to), table_index(va, 2));
  if(mid == NULL)
    return -ENOMEM;
  freeze(from, e, va);
  spin_lock(&to->upper);
  link_table(to, mid + table_index(va, 1), *e);
  to->frozen++;
  spin_unlock(&to->upper);
  return 0;
}

int
pmap_fork(struct pmap *to, struct pmap *from, va_t va, va_t end, bool common)
{
  pte_t *e;
  int err = 0;
  while(err == 0 && (e = next_table(from, &va, end)) != NULL){
    va_t stop = leaf_end(va, end);
    if(unlikely(pte_is_large(*e)))
      pmap_unlock(pmap_reach(from, va));
    if(common && stop - va == LEAF_SPAN)
      err = share_leaf(to, from, e, va);
    else
      err = copy_leaf(to, *e, va, stop);
    va = stop;
  }
  return err;
}

// ---- The way back ----

// The table's entries in `copy`, or nothing done: a count is full.
static bool
copy_table(struct frame *copy, struct frame *table)
{
  pte_t *to = frame_kva(copy), *from = frame_kva(table);
  u64 done = copy_entries(to, from, TABLE_ENTRIES);
  if(done == TABLE_ENTRIES)
    return true;
  for(u64 i = 0; i < done; i++)
    if(to[i] != 0 && !pte_has_frame(to[i]))
      slot_put(pte_slot(to[i]));
    else if(to[i] != 0 && !pte_is_zero(to[i]))
      frame_put(pte_frame(to[i]), counts_of(pte_frame(to[i])));
  return false;
}

// Nobody else holds the table.
static void
take_back(struct pmap *pm, pte_t *e)
{
  atomic_store_rel(e, (*e & ~PTE_FROZEN_TAG) | PTE_V);
  pm->frozen--;
}

// => is e valid now?  No: there are other holders, and no copy to go on with
static bool
try_thaw(struct pmap *pm, pte_t *e, struct frame **copy)
{
  spin_lock(&pm->upper);
  bool done = !pte_is_frozen(*e);
  struct frame *table = pte_frame(*e);
  if(!done){
    frame_lock(table);
    if(table->index == 0){
      take_back(pm, e);
      done = true;
    } else if(*copy && copy_table(*copy, table)){
      table->index--;
      atomic_store_rel(e, pte_of(frame_pa(*copy), PTE_V));
      pm->frozen--;
      *copy = NULL;
      done = true;
    }
    frame_unlock(table);
  }
  spin_unlock(&pm->upper);
  return done;
}

// Without a copy in hand first: it may not be needed.
bool
thaw(struct pmap *pm, pte_t *e)
{
  struct frame *copy = NULL;
  bool done = try_thaw(pm, e, &copy);
  if(!done && (copy = frame_alloc(KIND_TABLE, ALLOC_ZERO)) != NULL){
    copy->index = 0;
    done = try_thaw(pm, e, &copy);
  }
  if(copy)
    frame_free(copy);
  return done;
}

int
pmap_unshare(struct pmap *pm, va_t va, va_t end)
{
  pte_t *e;
  for(; pm->frozen && (e = next_table(pm, &va, end)) != NULL; va = leaf_end(va, end))
    if(pte_is_frozen(*e) && !thaw(pm, e))
      return -ENOMEM;
  return 0;
}

int
pmap_unshare_edges(struct pmap *pm, va_t start, va_t end)
{
  int err = 0;
  if(start % LEAF_SPAN)
    err = pmap_unshare(pm, start, start + PAGE_SIZE);
  if(end % LEAF_SPAN && err == 0)
    err = pmap_unshare(pm, end - PAGE_SIZE, end);
  return err;
}

// With other holders the table leaves this space; without, what it names is the
// caller's to clear.
static void
let_go(struct pmap *pm, pte_t *e)
{
  struct frame *table = pte_frame(*e);
  spin_lock(&pm->upper);
  frame_lock(table);
  if(table->index == 0){
    take_back(pm, e);
  } else {
    table->index--;
    unlink_table(pm, e);
    pm->frozen--;
  }
  frame_unlock(table);
  spin_unlock(&pm->upper);
}

void
pmap_let_go(struct pmap *pm, va_t va, va_t end)
{
  pte_t *e;
  for(; pm->frozen && (e = next_table(pm, &va, end)) != NULL; va = leaf_end(va, end))
    if(pte_is_frozen(*e)){
      assert(leaf_end(va, end) - va == LEAF_SPAN);
      let_go(pm, e);
    }
}
