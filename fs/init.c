// SPDX-License-Identifier: MIT
//
// The start of fs/, and what it gives back when memory is short.

#include "fs/init.h"
#include "fs/vfs.h"
#include "mm/reaper.h"

// About how many make a page, what hangs on them not counted.
enum { NAMES_A_PAGE = 32, INODES_A_PAGE = 8 };

static u64 shrink_names(u64 want) { return dentry_shrink(want * NAMES_A_PAGE) / NAMES_A_PAGE; }
static u64 shrink_inodes(u64 want) { return inode_shrink(want * INODES_A_PAGE) / INODES_A_PAGE; }

static struct shrinker names = { .name = "names", .fn = shrink_names };
static struct shrinker inodes = { .name = "inodes", .fn = shrink_inodes };

void
vfs_init(void)
{
  dentry_init();
  tmpfs_init();
  shrinker_register(&names);
  shrinker_register(&inodes);
  flusher_start();
}
