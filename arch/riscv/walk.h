// SPDX-License-Identifier: MIT
//
// From the root of a space down to an entry of a leaf table.  Part of <pmap.h>: faults walk
// in place.  What is read through an entry is read after it, so no walk needs a fence.

#pragma once

static inline pte_t *root_of(const struct pmap *pm) { return pa_kva(pm->root); }

// The entry that names the leaf table of va. => NULL if there is no middle table
static inline pte_t *
middle_entry(const struct pmap *pm, va_t va)
{
  pte_t top = atomic_load(root_of(pm) + table_index(va, 2));
  return likely(top & PTE_V) ? pte_table(top) + table_index(va, 1) : NULL;
}

static inline pte_t *
lock_leaf(pte_t table, va_t va)
{
  frame_lock(pte_frame(table));
  return pte_table(table) + table_index(va, 0);
}

// The entry of va in a leaf table of pm, which is locked.
static inline pte_t *
entry_in(const struct pmap *pm, pte_t leaf, va_t va)
{
  pte_t *e = pte_table(leaf) + table_index(va, 0);
  if(leaf & PTE_V)
    ledger_table(pm->root, e, va);
  return e;
}

// The entry of va in the leaf table that mid names, locked.
static inline pte_t *
open_leaf(const struct pmap *pm, pte_t mid, va_t va)
{
  frame_lock(pte_frame(mid));
  return entry_in(pm, mid, va);
}

// The leaf table of va, a user's. => 0 if the space has none of its own
static inline pte_t
leaf_of(const struct pmap *pm, va_t va)
{
  pte_t top = atomic_load(root_of(pm) + va / MID_SPAN);
  if(unlikely(!(top & PTE_V)))
    return 0;
  pte_t mid = atomic_load(pte_table(top) + table_index(va, 1));
  return likely(pte_is_table(mid)) ? mid : 0;
}

// => NULL if there is none
static inline pte_t *
pmap_walk(const struct pmap *pm, va_t va)
{
  pte_t leaf = leaf_of(pm, va);
  return likely(leaf != 0) ? open_leaf(pm, leaf, va) : NULL;
}
