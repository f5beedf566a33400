// SPDX-License-Identifier: MIT
//
// What has been taken out of page tables and not yet been given up: counts go
// down only after every hart has fenced.

#pragma once

#include "kernel/types.h"

struct frame;
struct space;

enum { GATHER_MAX = 128 };
enum { GATHER_DIRTY = 1, GATHER_KEEPS_NAME = 2 };

struct gather {
  struct space *space;
  va_t lo, hi;                    // what to fence; lo >= hi: nothing
  u32 n;
  u64 page[GATHER_MAX];           // frame record; bit 0: its entry's D; bit 1: KEEPS_NAME
};

void gather_init(struct gather *g, struct space *s);

static inline bool
gather_full(const struct gather *g)
{
  return g->n == GATHER_MAX;
}

// Entries of [start, end) have been cleared.
static inline void
gather_range(struct gather *g, va_t start, va_t end)
{
  g->lo = min(g->lo, start);
  g->hi = max(g->hi, end);
}

// One of them named f, which has counts.  KEEPS_NAME: it still does, by its slot, so f is
// mapped once less, not shared less.
static inline void
gather_page(struct gather *g, struct frame *f, u64 how)
{
  g->page[g->n++] = (u64)f | how;
}

static inline struct frame *
gathered(const struct gather *g, u32 i)
{
  return (struct frame *)(g->page[i] & ~3UL);
}

// Fence every hart that may still use what was gathered, fold D into the
// frames, then drop the counts.  => the gather is empty
void gather_flush(struct gather *g);
