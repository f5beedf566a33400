// SPDX-License-Identifier: MIT
//
// The reaper: the one task that makes memory free when it runs short, and the
// wait of those who need it.

#pragma once

#include "kernel/types.h"

// Memory runs short (or will soon). => any context that may take spinlocks
void reaper_wake(void);

// A block of 2^order frames was wanted and is not there: make one.
void reaper_want_block(u32 order);

// Wait for a pass that begins after this call. => did it help?
bool reaper_pass(void);

// Wait until the reaper has made memory free.  The caller holds no lock, and
// starts again from the top afterwards.  May sleep.
// => 0, or -ENOMEM if a full pass freed nothing (and nobody could be killed),
//    or the caller itself is being killed
int memory_wait(void);

// The same without the OOM killer. => is there memory now?
bool memory_reclaim(void);

// What else may be given back: dentries, inodes, stacks.  fn frees about `want`
// frames' worth and says how many it freed; it may sleep.
struct shrinker {
  const char *name;
  u64 (*fn)(u64 want);
  struct shrinker *next;
};
void shrinker_register(struct shrinker *s);

// What harts keep at hand, frames and free objects, goes back.  May sleep.
// => frames more in the buddy
u64 harts_drain(void);

void reaper_start(void);                   // kernel task; once tasks can run
