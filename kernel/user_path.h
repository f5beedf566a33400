// SPDX-License-Identifier: MIT
//
// Path names and descriptors as the arguments of system calls.

#pragma once

#include "fs/vfs.h"
#include "kernel/files.h"
#include "mm/slab.h"

enum {
  AT_FDCWD = -100,
  AT_SYMLINK_NOFOLLOW = 0x100, AT_REMOVEDIR = 0x200, AT_EACCESS = 0x200,
  AT_SYMLINK_FOLLOW = 0x400, AT_NO_AUTOMOUNT = 0x800, AT_EMPTY_PATH = 0x1000,
};

struct user_path {
  struct inode *base;       // where it starts, referenced; NULL: the current directory
  const char *s;
  char *long_one;           // kmalloc'd, for paths that do not fit
  char short_one[112];
};

// Copy a path in.  dirfd: AT_FDCWD or a descriptor.  May sleep.
// => 0, or -EFAULT, -ENAMETOOLONG, -ENOMEM, -EBADF, -ENOTDIR; user_path_put follows in any case
int user_path_get(struct user_path *p, int dirfd, va_t path);

static inline void
user_path_put(struct user_path *p)
{
  inode_put(p->base);
  if(unlikely(p->long_one))
    kfree(p->long_one);
}

// What a path names, or with AT_EMPTY_PATH and "" the descriptor itself.  Of flags,
// AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH.  => 0 and *out referenced
int user_inode(int dirfd, va_t path, u32 flags, struct inode **out);

// The inode of a descriptor that is not just a place (O_PATH).
// => 0 and *out referenced, or -EBADF
int fd_file_inode(int fd, struct inode **out);

// System calls about one inode, referenced meanwhile: what a path names, with flags of
// which `known` are known, or that of a descriptor just got, which is put; they get
// arguments from `a` on.  And about an open file, that of descriptor a[0].
typedef i64 inode_call(struct inode *i, const u64 *a);
typedef i64 file_call(struct file *f, const u64 *a);
i64 on_path(int dirfd, va_t path, u32 flags, u32 known, inode_call *fn, const u64 *a);
i64 on_fd(struct fd_ref r, inode_call *fn, const u64 *a);
i64 on_file(const u64 *a, file_call *fn);
