// SPDX-License-Identifier: MIT
//
// The fence of one page.  Part of <pmap.h>: a space that one hart only runs is fenced in place.

#pragma once

#include "kernel/task.h"
#include <fence.h>

enum { ASID_SHIFT = 44, ASID_BITS = 16 };
#define ASID_MASK ((1UL << ASID_BITS) - 1)

// The number this hart runs its space under: the space may have a newer one by now.
static inline u64
loaded_asid(void)
{
  return satp_read() << (64 - ASID_SHIFT - ASID_BITS) >> (64 - ASID_BITS);
}

// Nobody else has run it, nor will before this hart has been told.
static inline bool
only_here(struct pmap *pm, u64 me)
{
  atomic_fence();
  return likely((atomic_load(&pm->active) & me) && atomic_load(&pm->ran) == me);
}

static inline void
pmap_fence_local(struct pmap *pm, va_t va)
{
  u64 asid = loaded_asid();
  fence_one_page(page_down(va), asid);
  ledger_fenced(page_down(va), page_down(va) + PAGE_SIZE, asid);
}

static inline void
pmap_fence_page(struct pmap *pm, va_t va)
{
  if(likely(only_here(pm, 1UL << this_hart()->index)))
    pmap_fence_local(pm, va);
  else
    aside(pmap_fence, pm, va, va + PAGE_SIZE);
}
