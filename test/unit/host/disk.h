// SPDX-License-Identifier: MIT
//
// A block device in memory, with an empty file system on it; and what it was asked to do,
// so that a test can tell what may be on it when power fails.

#pragma once

#include "kernel/block.h"
#include "mkfs/fsck/fsck.h"

struct block_device *disk_make(u64 bytes);     // one a test
struct block_device *disk_device(void);
// What was written, and when it was flushed, since recording began.
struct disk_event {
  enum block_op op;
  u64 at;                                      // bytes
  u32 len;
  u8 *data;
};
extern struct disk_event *disk_events;
extern u64 disk_nevents;
void disk_record(bool on);                     // from nothing, or no more
void disk_free_events(struct disk_event *v, u64 n);

extern u8 *disk_bytes;                         // what is on it
extern u64 disk_size;

void disk_fail(u32 one_in);                    // requests that end with -EIO; 0 = none
// The nth from now on, or all from there on; 0 = none.  => how many there were since last time
u64 disk_fail_at(u64 n, bool on);

// ---- fsck ----

enum fsck_status disk_check(bool repair);      // what it says goes to the kernel's messages
void disk_expect_consistent(void);
