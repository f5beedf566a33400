// SPDX-License-Identifier: MIT
//
// Load control: fewer processes at a time when the working sets of all do not fit.

#pragma once

#include "kernel/types.h"

struct space;

// n pages were read for s, which took so long; not counting those of files that it goes
// through in order, and so has not lost before.
void load_read(struct space *s, u32 n, u64 ns);

// The reaper's: when to look again (~0: no need), and that look.
u64 load_due(void);
void load_tick(void);

// Evict about `want` pages of those who are suspended; the reaper's. => frames freed
u64 load_reclaim(u64 want);

extern u64 load_control;       // a setting: is there any?

struct load_stats {
  u64 suspended;               // spaces, now
  u64 suspends, resumes;       // since boot
  u64 sets;                    // working sets of those that run, in pages
  u64 fault_rate;              // faults of all that waited for a disk in the last second
};
void load_stats(struct load_stats *ls);
