// SPDX-License-Identifier: MIT
//
// Where the parts of a file system lie on a device of a size: for who makes one, and for who
// finds one whose superblock no longer says.

#pragma once

#include "fs/qfs_format.h"

enum { JOURNAL_MAX = 8192 };               // blocks

// The feature of share counts is as *sb says.
static inline void
layout(struct qfs_super *sb, u64 blocks)
{
  u64 journal = max(blocks / 64, min(blocks / 8, 1024UL));
  sb->blocks = blocks;
  sb->bitmap_start = 1;
  sb->bitmap_blocks = (blocks + QFS_BITS - 1) / QFS_BITS;
  sb->shares_blocks = qfs_shares_blocks(sb);
  sb->shares_start = sb->shares_blocks ? sb->bitmap_start + sb->bitmap_blocks : 0;
  sb->journal_start = sb->bitmap_start + sb->bitmap_blocks + sb->shares_blocks;
  sb->journal_blocks = min(journal, (u64)JOURNAL_MAX);
  sb->data_start = sb->journal_start + sb->journal_blocks;
}
