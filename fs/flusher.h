// SPDX-License-Identifier: MIT
//
// The flusher: the task that writes what has been dirty for long, or is too much.

#pragma once

#include "mm/object.h"

extern u64 flusher_background;             // pages, above which the flusher is at work

int flusher_admit_slow(struct object *o);

// Before pages of o become dirty: while there are too many, wait until some are written.
// The caller holds no lock.  => 0; or the error, if o's cannot be
static inline int
flusher_admit(struct object *o)
{
  u64 dirty = atomic_load(&pages_dirty) + atomic_load(&pages_writing);
  return likely(dirty <= atomic_load(&flusher_background)) ? 0 : flusher_admit_slow(o);
}

// Settings, as Linux's vm.dirty_*: percentages of the memory that is free or files', bytes
// (0: it is the percentage that counts, and the other way round), hundredths of a second.
enum { CENTISECS_MAX = 0x7fffffff };
extern struct flusher_set {
  u64 ratio, bytes, background_ratio, background_bytes, expire, interval;
} flusher_set;

void flusher_wake(void);                   // they have changed, or there is something to do
