// SPDX-License-Identifier: MIT
//
// The bits of an Sv39 entry (Privileged specification, "Sv39: Page-Based 39-bit
// Virtual-Memory System"), private to pmap.c and kmap.c.
//
//  63      54 53                 10 9   8  7 6 5 4 3 2 1 0
//  reserved   physical page number  L   SD D A G U X W R V
//
// V clear and the rest not zero, the low bits are ours:
//  hidden(frame)  R set:  the page number stays; D, A, SD, L keep their places
//  swapped(slot)  W set:  bits 53..10 are the slot
// L is the LOCKED and SD the soft-dirty software bit.

#pragma once

#include <pmap.h>
#include "mm/frame.h"

#define PTE_V (1UL << 0)
#define PTE_R (1UL << 1)
#define PTE_W (1UL << 2)
#define PTE_X (1UL << 3)
#define PTE_U (1UL << 4)
#define PTE_G (1UL << 5)
#define PTE_A (1UL << 6)
#define PTE_D (1UL << 7)

#define PTE_HIDDEN_TAG  PTE_R
#define PTE_SWAPPED_TAG PTE_W
#define PTE_PERMISSIONS (PTE_V | PTE_R | PTE_W | PTE_X | PTE_U)
#define PTE_PPN_SHIFT 10

enum { LEVELS = 3, INDEX_BITS = 9, TABLE_ENTRIES = 1 << INDEX_BITS };

#define LEAF_SPAN (PAGE_SIZE << INDEX_BITS)        // bytes a leaf table maps
#define MID_SPAN  (LEAF_SPAN << INDEX_BITS)        // bytes a root entry maps
#define SATP_SV39 (8UL << 60)

static inline u64
table_index(va_t va, int level)
{
  return (va >> (PAGE_SHIFT + INDEX_BITS * level)) & (TABLE_ENTRIES - 1);
}

static inline u64 pte_pfn(pte_t p) { return (p << 10) >> 20; }
static inline pa_t pte_pa(pte_t p) { return pte_pfn(p) << PAGE_SHIFT; }
static inline pte_t *pte_table(pte_t p) { return pa_kva(pte_pa(p)); }
static inline bool pte_is_table(pte_t p) { return (p & (PTE_V | PTE_R | PTE_W | PTE_X)) == PTE_V; }
static inline pte_t pte_of(pa_t pa, u64 bits) { return pa >> PAGE_SHIFT << PTE_PPN_SHIFT | bits; }
static inline pte_t *root_of(const struct pmap *pm) { return pa_kva(pm->root); }

extern struct pmap kernel_pmap;    // the root every space's upper half repeats
