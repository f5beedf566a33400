// SPDX-License-Identifier: MIT
//
// Large pages of programs: one entry of a middle table for 2 MiB.
//
// Where the 512 entries of a leaf table say the same of 512 frames in a row, the entry
// above can say it for all.  It becomes a leaf, and the table is set aside for the way
// back, which so cannot fail.  The frames stay single pages, each with its counts, and
// nobody above arch/ knows: whoever wants the entry of one page finds it in a table, for
// the large page is split before.  Only pmap_scan reads a large entry as it is.
//
// All its entries have A, D and W: no hart has anything to note in them, so nothing is lost
// that one notes in a table set aside before it is fenced.
//
// Fences (Privileged specification, "Supervisor Memory-Management Fence Instruction"):
// both forms translate each address alike, so it does not matter which of them a hart
// uses, nor that it may hold both, and neither has to be invalid in between.  Joining
// fences all levels, for the table may come to serve another address.  Splitting fences
// nothing: who changes a page's entry afterwards fences that page, and with it goes each
// leaf entry that translates it, the large one too.
//
// Locks: pmap.upper > leaf table.

#include <pmap.h>
#include "kernel/printk.h"
#include "mm/frame.h"
#include "mm/space.h"
#include "tables.h"

// A page of ours alone that has been stored to.
#define OWN (PTE_V | PTE_R | PTE_W | PTE_U | PTE_A | PTE_D)

// Are the pages of this table those of a large one?
static bool
uniform(const pte_t *leaf)
{
  pte_t first = leaf[0];
  if((first & OWN) != OWN || pte_pfn(first) % TABLE_ENTRIES != 0)
    return false;
  for(u64 i = 1; i < TABLE_ENTRIES; i++)
    if(leaf[i] != pte_beside(first, i))
      return false;
  return true;
}

static inline void
set_aside(struct pmap *pm, struct frame *table)
{
  table->owner = pm->aside;
  pm->aside = (u32)frame_pfn(table);
}

static inline struct frame *
take_aside(struct pmap *pm)
{
  struct frame *table = pfn_frame(pm->aside);
  pm->aside = table->owner;
  table->owner = 0;
  return table;
}

bool
pmap_join(struct pmap *pm, va_t va)
{
  spin_lock(&pm->upper);
  pte_t *e = middle_entry(pm, va), mid = e ? *e : 0;
  bool large = pte_is_large(mid);
  if(pte_is_table(mid)){
    pte_t *leaf = lock_leaf(mid, va);
    large = uniform(leaf);
    if(large){
      atomic_store_rel(e, leaf[0]);
      set_aside(pm, pte_frame(mid));
      ledger_unlinked(pm->root, pte_pfn(mid));
      pmap_fence(pm, va, va + LEAF_SPAN);
      vm_count(VM_JOIN);
    }
    pmap_unlock(leaf);
  }
  spin_unlock(&pm->upper);
  return large;
}

pte_t
split(struct pmap *pm, pte_t *e)
{
  assert(spin_held(&pm->upper) && pm->aside != FRAME_NONE);
  struct frame *table = take_aside(pm);
  pte_t *leaf = frame_kva(table), large = *e;
  for(u64 i = 0; i < TABLE_ENTRIES; i++)
    leaf[i] = pte_beside(large, i);
  atomic_store_rel(e, pte_of(frame_pa(table), PTE_V));
  vm_count(VM_SPLIT);
  return *e;
}
