// SPDX-License-Identifier: MIT
//
// Path names and descriptors as the arguments of system calls.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/task.h"
#include "kernel/user_path.h"

static int
inode_of(struct fd_ref r, struct inode **out)
{
  if(r.file == NULL)
    return -EBADF;
  *out = inode_get(r.file->inode);
  fd_put(r);
  return 0;
}

int fd_file_inode(int fd, struct inode **out) { return inode_of(fd_get(fd), out); }

static __attribute__((noinline)) i64
copy_long(struct user_path *p, va_t path)
{
  p->s = p->long_one = kmalloc(PATH_MAX);
  return p->s ? copy_str_from_user(p->long_one, path, PATH_MAX) : -ENOMEM;
}

static int
copy_in(struct user_path *p, va_t path)
{
  p->s = p->short_one;
  i64 n = copy_str_from_user(p->short_one, path, sizeof p->short_one);
  if(unlikely(n == -ENAMETOOLONG))
    n = copy_long(p, path);
  return min(n, 0L);
}

static int
find_base(struct user_path *p, int dirfd)
{
  if(p->s[0] == '/' || dirfd == AT_FDCWD)
    return 0;
  int e = inode_of(fd_get_any(dirfd), &p->base);
  if(e == 0 && p->s[0] && !S_ISDIR(p->base->mode))
    e = -ENOTDIR;
  return e;
}

int
user_path_get(struct user_path *p, int dirfd, va_t path)
{
  p->base = NULL;
  p->long_one = NULL;
  int e = copy_in(p, path);
  return e ? e : find_base(p, dirfd);
}

static inline int
find(int dirfd, va_t path, u32 flags, struct inode **out)
{
  struct user_path p;
  int e = user_path_get(&p, dirfd, path);
  if(e == 0 && p.s[0] == '\0' && (flags & AT_EMPTY_PATH)){
    *out = p.base ? p.base : fs_pos_cwd(current->fs);
    p.base = NULL;
  } else if(e == 0){
    e = path_lookup(p.base, p.s, flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW, out);
  }
  user_path_put(&p);
  return e;
}

int
user_inode(int dirfd, va_t path, u32 flags, struct inode **out)
{
  return find(dirfd, path, flags, out);
}

// ---- Calls about one inode, or one open file ----

i64
on_path(int dirfd, va_t path, u32 flags, u32 known, inode_call *fn, const u64 *a)
{
  struct inode *i;
  i64 e = flags & ~known ? -EINVAL : find(dirfd, path, flags, &i);
  if(e)
    return e;
  e = fn(i, a);
  inode_put(i);
  return e;
}

i64
on_fd(struct fd_ref r, inode_call *fn, const u64 *a)
{
  i64 e = r.file ? fn(r.file->inode, a) : -EBADF;
  fd_put(r);
  return e;
}

i64
on_file(const u64 *a, file_call *fn)
{
  struct fd_ref r = fd_get(a[0]);
  i64 e = r.file ? fn(r.file, a) : -EBADF;
  fd_put(r);
  return e;
}
