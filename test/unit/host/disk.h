// SPDX-License-Identifier: MIT
//
// A block device in a file of the host's, with an empty file system on it.

#pragma once

#include "kernel/block.h"

struct block_device *disk_make(u64 bytes);     // one a test
void disk_fail(u32 one_in);                    // requests that end with -EIO; 0 = none
void disk_expect_consistent(void);             // fsck finds nothing wrong
