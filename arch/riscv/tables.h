// SPDX-License-Identifier: MIT
//
// What pmap.c, kmap.c and tlb.c share.

#pragma once

#include <pmap.h>

extern struct pmap kernel_pmap;    // the root every space's upper half repeats

static inline pte_t *root_of(const struct pmap *pm) { return pa_kva(pm->root); }

void tlb_probe_asids(void);        // boot hart, before any space exists
