// SPDX-License-Identifier: MIT
//
// System calls about extended attributes, which no file system here has: a file has
// none to list, and cannot be given any.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/syscall.h"
#include "kernel/user_path.h"

static i64 refuse(struct inode *i, const u64 *a) { return -EOPNOTSUPP; }
static i64 none(struct inode *i, const u64 *a) { return 0; }

static i64
named(const u64 *a, u32 flags, inode_call *fn)
{
  return on_path(AT_FDCWD, a[0], flags, flags, fn, a);
}

i64 sys_setxattr(const u64 *a) { return named(a, 0, refuse); }
i64 sys_lsetxattr(const u64 *a) { return named(a, AT_SYMLINK_NOFOLLOW, refuse); }
i64 sys_fsetxattr(const u64 *a) { return on_fd(fd_get(a[0]), refuse, a); }
i64 sys_getxattr(const u64 *a) { return named(a, 0, refuse); }
i64 sys_lgetxattr(const u64 *a) { return named(a, AT_SYMLINK_NOFOLLOW, refuse); }
i64 sys_fgetxattr(const u64 *a) { return on_fd(fd_get(a[0]), refuse, a); }
i64 sys_removexattr(const u64 *a) { return named(a, 0, refuse); }
i64 sys_lremovexattr(const u64 *a) { return named(a, AT_SYMLINK_NOFOLLOW, refuse); }
i64 sys_fremovexattr(const u64 *a) { return on_fd(fd_get(a[0]), refuse, a); }
i64 sys_listxattr(const u64 *a) { return named(a, 0, none); }
i64 sys_llistxattr(const u64 *a) { return named(a, AT_SYMLINK_NOFOLLOW, none); }
i64 sys_flistxattr(const u64 *a) { return on_fd(fd_get(a[0]), none, a); }
