// SPDX-License-Identifier: MIT
//
// What has been taken out of page tables and not yet been given up: counts go
// down only after every hart has fenced.

#pragma once

#include "kernel/types.h"

struct frame;
struct space;

enum { GATHER_MAX = 128 };

struct gather {
  struct space *space;
  va_t lo, hi;                    // what to fence; lo >= hi: nothing
  u32 n;
  u32 frame[GATHER_MAX];          // frame number
  u64 dirty[GATHER_MAX / 64];     // its entry's D bit
};

void gather_init(struct gather *g, struct space *s);

static inline bool
gather_full(const struct gather *g)
{
  return g->n == GATHER_MAX;
}

// => the entry of va has been cleared; pfn 0 for an entry without counts
void gather_add(struct gather *g, va_t va, u64 pfn, bool dirty);

// Fence every hart that may still use what was gathered, fold D into the
// frames, then drop the counts.  => the gather is empty
void gather_flush(struct gather *g);
