// SPDX-License-Identifier: MIT
//
// Changing attributes of inodes.  All may sleep; => 0 or -errno.

#pragma once

#include "fs/vfs.h"

enum { MODE_BITS = 07777, S_ISUID = 04000, S_ISGID = 02000, S_IXGRP = 010 };
enum { ID_KEEP = ~0U };      // chown(2)'s -1

int inode_chmod(struct inode *i, u32 mode);
int inode_chown(struct inode *i, u32 uid, u32 gid);
int inode_set_times(struct inode *i, const struct timespec *atime,
                    const struct timespec *mtime);     // NULL: as it is
