// SPDX-License-Identifier: MIT
//
// What pmap.c, share.c, kmap.c and tlb.c know in common.

#pragma once

#include <pmap.h>

extern struct pmap kernel_pmap;    // the root every space's upper half repeats

// The large page of an entry becomes 512 small ones; pm->upper is held. => the entry now
pte_t split(struct pmap *pm, pte_t *e);

// The entry for the leaf table of the first address in [*va, end) that has one, or
// that another space holds too; *va moves to that address.  => NULL: none, *va = end
pte_t *next_table(struct pmap *pm, va_t *va, va_t end);

// The table below entry i of `table`, made if there is none. => NULL without memory
pte_t *table_below(struct pmap *pm, pte_t *table, u64 i);

// Put a table below entry e, or take it away; pm->upper is held.
// => unlink_table: does e's table name no others any more?
void link_table(struct pmap *pm, pte_t *e, pte_t p);
bool unlink_table(struct pmap *pm, pte_t *e);

// A frozen entry becomes valid, if need be with a copy.  => false without memory
bool thaw(struct pmap *pm, pte_t *e);

static inline va_t
leaf_end(va_t va, va_t end)
{
  return min(round_down(va, LEAF_SPAN) + LEAF_SPAN, end);
}

void tlb_probe_asids(void);        // boot hart, before any space exists
