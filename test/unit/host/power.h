// SPDX-License-Identifier: MIT
//
// Power failures: what a disk may hold when power fails before event p of those that were
// recorded.  All that was flushed by then is there; of what was written since all, some, or
// halves.

#pragma once

#include "mounted.h"

// Of what was not flushed: all of it, all but one (that event), at random, or at random too
// which of these.
enum cut { CUT_NONE, CUT_ONE, CUT_RANDOM, CUT_ANY };

// Events from the last flush before p on.
u64 power_since(const struct disk_event *v, u64 p);
void power_cut(const struct disk_event *v, u64 p, enum cut how, u64 one);   // on the disk as it is

// The disk recovers, which may itself be cut short, up to twice; fsck finds no fault with it
// before or after; and `check` says whether it is what was done.
void power_check(void (*check)(u64 p), u64 p);

// What was on them before must never be seen.
void power_fill_free_blocks(void);

// What a file held after a step, by sectors of one value each.
enum { POWER_SECTORS = 320 };
struct contents { u32 sectors, stamp[POWER_SECTORS]; };

// Sectors [from, to) were written; between the old end and `from` there are zeros.
void contents_stamp(struct contents *c, u32 from, u32 to, u32 value);
// Is every sector of i, and its size, of a step in [from, to]?  Else it is a lie.  c: after
// step 0; those of later steps follow at that distance.
void contents_check(struct inode *i, const struct contents *c, u64 distance, u32 from, u32 to);

extern u32 lies;                         // what was not as it ought to be
extern u64 states;                       // that were looked at
#define lie(...) (lies++, printk(__VA_ARGS__), printk("\n"))
