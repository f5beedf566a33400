// SPDX-License-Identifier: MIT
//
// What is wrong in a known way, for tests of crashes to notice: disks, by what they were
// asked to do; a recovery, by the image that it is given; the file system itself.

#pragma once

#include "disk.h"

bool disk_is_commit(const struct disk_event *v);

void no_flush_before(struct disk_event *v, u64 n);
void no_flush_after(struct disk_event *v, u64 n);
void no_flush_at_home(struct disk_event *v, u64 n);
void commit_first(struct disk_event *v, u64 n);

void stop_early(u8 *image, u64 p);

enum plant {
  NOTHING,
  FREED_AT_ONCE,       // blocks may be used again before the commit of what frees them
  UNSHARED_AT_ONCE,    // shared ones may be written to, so early, by who is left with them
  FREED_UNMARKED,      // old copies of blocks that were metadata are not void
  DATA_LATE,           // data goes first only if it makes a file longer
  INDEX_ALONE,         // inner nodes of directories go home, but not with what they lead to
  ORPHANS_STAY,        // what a crash has left is not freed
};
extern enum plant planted;
