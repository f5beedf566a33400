// SPDX-License-Identifier: MIT
//
// The bits of an Sv39 entry (Privileged specification, "Sv39: Page-Based 39-bit
// Virtual-Memory System"), and what can be asked of one entry.  Part of <pmap.h>:
// the functions are everybody's, the bits arch/riscv's alone.
//
//  63      54 53                 10 9   8  7 6 5 4 3 2 1 0
//  0          physical page number  L   SD D A G U X W R V
//
// V clear and the rest not zero, the low bits are ours:
//  hidden(frame)  R set:  the page number stays; D, A, SD, L keep their places
//  swapped(slot)  W set:  bits 53..10 are the slot
// L is the LOCKED and SD the soft-dirty software bit.
// An entry of a middle table with V clear and R set is frozen: see share.c.  One with W maps
// a large page: see large.c.

#pragma once

#include "mm/frame.h"
#include "mm/frame_lock.h"

#define PTE_V (1UL << 0)
#define PTE_R (1UL << 1)
#define PTE_W (1UL << 2)
#define PTE_X (1UL << 3)
#define PTE_U (1UL << 4)
#define PTE_G (1UL << 5)
#define PTE_A (1UL << 6)
#define PTE_D (1UL << 7)
#define PTE_L (1UL << 9)

#define PTE_HIDDEN_TAG  PTE_R
#define PTE_SWAPPED_TAG PTE_W
#define PTE_FROZEN_TAG  PTE_R
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

static inline u64 pte_pfn(pte_t p) { return p >> PTE_PPN_SHIFT; }
static inline pa_t pte_pa(pte_t p) { return pte_pfn(p) << PAGE_SHIFT; }
static inline pte_t *pte_table(pte_t p) { return pa_kva(pte_pa(p)); }
static inline bool pte_is_table(pte_t p) { return (p & (PTE_V | PTE_R | PTE_W | PTE_X)) == PTE_V; }

static inline bool
pte_is_frozen(pte_t p)
{
  return (p & (PTE_V | PTE_FROZEN_TAG)) == PTE_FROZEN_TAG;
}
static inline bool pte_is_large(pte_t p) { return p & PTE_W; }    // of a middle table
static inline pte_t pte_of(pa_t pa, u64 bits) { return pa >> PAGE_SHIFT << PTE_PPN_SHIFT | bits; }

// The same for the frame that is n further on.
static inline pte_t pte_beside(pte_t p, u64 n) { return p + (n << PTE_PPN_SHIFT); }

static inline enum pte_state
pte_state(pte_t p)
{
  if(p & PTE_V)
    return PTE_PRESENT;
  if(p == 0)
    return PTE_NONE;
  return p & PTE_HIDDEN_TAG ? PTE_HIDDEN : PTE_SWAPPED;
}

static inline pte_t
pte_named(const struct frame *f)       // the page number at its place
{
  return ((u64)f - (u64)frames) * ((1UL << PTE_PPN_SHIFT) / sizeof(struct frame));
}

static inline struct frame *pte_frame(pte_t p) { return pfn_frame(pte_pfn(p)); }  // present, hidden
static inline bool pte_is_zero(pte_t p) { return pte_frame(p) == zero_frame; }  // maps that frame
static inline bool pte_dirty(pte_t p) { return p & PTE_D; }
static inline bool pte_writable(pte_t p) { return (p & (PTE_V | PTE_W)) == (PTE_V | PTE_W); }
static inline bool pte_lacks_write(pte_t p) { return (p & (PTE_V | PTE_W)) == PTE_V; }
static inline bool pte_executable(pte_t p) { return p & PTE_X; }

static inline pte_t pte_swapped(u32 slot) { return (u64)slot << PTE_PPN_SHIFT | PTE_SWAPPED_TAG; }
static inline u32 pte_slot(pte_t p) { return (u32)(p >> PTE_PPN_SHIFT); }

// Is there a page in memory to it, mapped or hidden?
static inline bool pte_has_frame(pte_t p) { return p & (PTE_V | PTE_HIDDEN_TAG); }
static inline bool pte_is_locked(pte_t p) { return p & PTE_L; }
static inline bool pte_used(pte_t p) { return p & PTE_A; }

static inline bool
pte_names(pte_t p, const struct frame *f)
{
  return pte_has_frame(p) && pte_frame(p) == f;
}

// PROT_READ, PROT_WRITE, PROT_EXEC are 1, 2, 4; R, W, X the same one bit up, and L that
// of ENTRY_LOCKED.
// Sv39 reserves W without R, so writable means readable, as on Linux.
static inline u64
prot_bits(u32 prot)
{
  _Static_assert(PROT_WRITE == PTE_R, "prot & PROT_WRITE is PTE_R");
  _Static_assert((u64)ENTRY_LOCKED << 1 == PTE_L, "L comes with the protection");
  if(unlikely(prot == PROT_NONE))
    return PTE_HIDDEN_TAG;
  return (u64)prot << 1 | (prot & PROT_WRITE) | PTE_U | PTE_V;
}

// Does it allow all of these PROT_ bits?
static inline bool
pte_allows(pte_t p, u32 access)
{
  u64 need = (u64)access << 1 | PTE_V;
  return (p & need) == need;
}

// PROT_NONE gives a hidden entry.  A is set; D is, if `dirty`.  Counts are the
// caller's: up before pmap_set, down after the fence.
static inline pte_t
pte_make(const struct frame *f, u32 prot, bool dirty)
{
  return pte_named(f) | prot_bits(prot) | PTE_A | (dirty ? PTE_D : 0);
}

// The same rights and W, as after a store.
static inline pte_t
pte_stored(pte_t p, const struct frame *f)
{
  return (p & ((1UL << PTE_PPN_SHIFT) - 1)) | pte_named(f) | PTE_W | PTE_A | PTE_D;
}

// With A, and D for a write.
static inline pte_t
pte_touched(pte_t p, bool write)
{
  return p | PTE_A | (write ? PTE_D : 0);
}
