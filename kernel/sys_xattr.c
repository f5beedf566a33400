// SPDX-License-Identifier: MIT
//
// System calls about extended attributes, which no file system here has: a file has
// none to list, and cannot be given any.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/syscall.h"
#include "kernel/user_path.h"

static i64
of_path(const u64 *a, u32 flags, i64 answer)
{
  struct inode *i;
  int e = user_inode(AT_FDCWD, a[0], flags, &i);
  if(e)
    return e;
  inode_put(i);
  return answer;
}

static i64
of_file(const u64 *a, i64 answer)
{
  struct inode *i;
  int e = fd_file_inode(a[0], &i);
  if(e)
    return e;
  inode_put(i);
  return answer;
}

i64 sys_setxattr(const u64 *a) { return of_path(a, 0, -EOPNOTSUPP); }
i64 sys_lsetxattr(const u64 *a) { return of_path(a, AT_SYMLINK_NOFOLLOW, -EOPNOTSUPP); }
i64 sys_fsetxattr(const u64 *a) { return of_file(a, -EOPNOTSUPP); }
i64 sys_getxattr(const u64 *a) { return of_path(a, 0, -EOPNOTSUPP); }
i64 sys_lgetxattr(const u64 *a) { return of_path(a, AT_SYMLINK_NOFOLLOW, -EOPNOTSUPP); }
i64 sys_fgetxattr(const u64 *a) { return of_file(a, -EOPNOTSUPP); }
i64 sys_removexattr(const u64 *a) { return of_path(a, 0, -EOPNOTSUPP); }
i64 sys_lremovexattr(const u64 *a) { return of_path(a, AT_SYMLINK_NOFOLLOW, -EOPNOTSUPP); }
i64 sys_fremovexattr(const u64 *a) { return of_file(a, -EOPNOTSUPP); }
i64 sys_listxattr(const u64 *a) { return of_path(a, 0, 0); }
i64 sys_llistxattr(const u64 *a) { return of_path(a, AT_SYMLINK_NOFOLLOW, 0); }
i64 sys_flistxattr(const u64 *a) { return of_file(a, 0); }
