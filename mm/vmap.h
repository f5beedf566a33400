// SPDX-License-Identifier: MIT
//
// Kernel virtual memory that is not the direct map: guard-paged stacks and
// device registers.

#pragma once

#include "kernel/types.h"

#if defined(DEBUG) || defined(KASAN) || defined(UBSAN)
enum { KSTACK_PAGES = 4 };     // calls are deeper, and locals have gaps between them
#else
enum { KSTACK_PAGES = 2 };
#endif
#define KSTACK_SIZE (KSTACK_PAGES * PAGE_SIZE)

// A kernel stack with an unmapped page below it. => its lowest address, or NULL
void *kstack_alloc(void);
void kstack_free(void *stack);
bool kstack_guard_hit(va_t va);         // is va in some stack's guard page?
u64 kstack_spare(void);                   // => frames of stacks nobody uses
u64 kstack_trim(u64 keep);              // all spare stacks but so many go back. => frames

// Device registers, uncached as the machine does it; never unmapped. => NULL without memory
void *vmap_device(pa_t pa, u64 size);
