// SPDX-License-Identifier: MIT
//
// fsck, between what checks and mends a file system and the program around it: mkfs/fsck.c
// on the host, user/fsck.c in the guest, the unit tests.  Plain C types, for each of them
// has headers of its own.
//
// The check works on blocks in memory, mends them there, and has them written at the end:
// all of them or, if something is in the way, none.

#pragma once

#include <stdarg.h>
#include <stdbool.h>

enum fsck_status {
  FSCK_SOUND = 0,
  FSCK_MENDED = 1,               // there were faults, and are no more
  FSCK_FAULTY = 4,
  FSCK_FAILED = 8,               // no such file system, or it cannot be read or written
  FSCK_USAGE = 16,
};

struct fsck_result {
  unsigned long faults, files, blocks, free_blocks;
  bool replay;                   // the journal holds something
};

// Check a device of that many blocks of 4 KiB; `repair`: and write what was mended.
enum fsck_status fsck_device(unsigned long blocks, bool repair, struct fsck_result *r);

// ---- What the program around it gives ----

int fsck_read(unsigned long block, void *to);            // => 0 or -errno
int fsck_write(unsigned long block, const void *from);
int fsck_flush(void);                                    // all that was written is on the disk
void *fsck_memory(unsigned long bytes);                  // zeros; never NULL, never given back
void fsck_say(const char *fmt, va_list ap);              // a part of a line, or its end
