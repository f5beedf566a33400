// SPDX-License-Identifier: MIT
//
// Linux's struct stat, as asm-generic/stat.h lays it out on 64-bit machines,
// and its way to write device numbers.

#pragma once

#include "fs/vfs.h"

struct kstat {
  u64 dev, ino;
  u32 mode, nlink, uid, gid;
  u64 rdev, pad1;
  i64 size;
  i32 blksize, pad2;
  i64 blocks;                       // of 512 bytes
  struct timespec atime, mtime, ctime;
  u32 unused[2];
};
_Static_assert(sizeof(struct kstat) == 128, "struct stat");

//  63      32 31           20 19         8 7            0
//      0      minor 19..8     major 11..0   minor 7..0
static inline u32 dev_major(u64 d) { return (d >> 8) & 0xfff; }
static inline u32 dev_minor(u64 d) { return (d & 0xff) | ((d >> 12) & 0xfff00); }

static inline u64
dev_make(u32 major, u32 minor)
{
  return (minor & 0xff) | (u64)major << 8 | (u64)(minor & 0xfff00) << 12;
}
