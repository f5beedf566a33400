// SPDX-License-Identifier: MIT
//
// System calls on names.

#include <machine.h>
#include "fs/attr.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/user_path.h"
#include "mm/slab.h"

// The permissions a new file gets of those asked for.
static u32
masked(u32 mode)
{
  return mode & MODE_BITS & ~current->fs->umask;
}

i64
sys_openat(const u64 *a)
{
  struct user_path p;
  struct file *f;
  u32 flags = a[2] | O_LARGEFILE;      // as all are
  if(flags & O_PATH)                   // a place: nothing is made or changed there
    flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  if((flags & O_ACCMODE) == O_ACCMODE || ((flags & O_CREAT) && (flags & O_TMPFILE)) ||
     ((flags & O_TMPFILE & ~O_DIRECTORY) &&
      ((flags & O_TMPFILE) != O_TMPFILE || (flags & O_ACCMODE) == O_RDONLY)))
    return -EINVAL;
  int e = user_path_get(&p, a[0], a[1]);
  if(e == 0)
    e = vfs_open(p.base, p.s, flags, masked(a[3]), &f);
  user_path_put(&p);
  return e ? e : fd_install(f, 0, flags);
}

// ---- memfd_create ----

enum { MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2, MFD_EXEC = 0x10, MFD_NAME_MAX = 249 };

// The name is for the eyes of people who look at /proc elsewhere.
i64
sys_memfd_create(const u64 *a)
{
  char name[MFD_NAME_MAX + 1];
  struct inode *i;
  struct file *f;
  u32 flags = a[1];
  if(flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC))
    return -EINVAL;
  i64 e = copy_str_from_user(name, a[0], sizeof name);
  if(e >= 0)
    e = tmpfs_nameless(&i);
  if(e == 0){
    i->seals = SEALABLE | (flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL);
    e = inode_open(i, O_RDWR, &f);
  }
  if(e)
    return e == -ENAMETOOLONG ? -EINVAL : e;
  return fd_install(f, 0, flags & MFD_CLOEXEC ? O_CLOEXEC : 0);
}

// ---- New names ----

static i64
create(int dirfd, va_t path, u32 mode, u64 rdev)
{
  struct user_path p;
  int e = user_path_get(&p, dirfd, path);
  if(e == 0)
    e = vfs_create(p.base, p.s, (mode & S_IFMT) | masked(mode), rdev);
  user_path_put(&p);
  return e;
}

enum { DIR_MODE_BITS = 01777 };      // of those asked for; the others are chmod's

i64
sys_mkdirat(const u64 *a)
{
  return create(a[0], a[1], S_IFDIR | (a[2] & DIR_MODE_BITS), 0);
}

i64
sys_mknodat(const u64 *a)
{
  u32 mode = a[2];
  switch(mode & S_IFMT){
  case 0: return create(a[0], a[1], S_IFREG | mode, 0);
  case S_IFREG:
  case S_IFIFO: return create(a[0], a[1], mode, 0);
  case S_IFCHR:
  case S_IFBLK: return create(a[0], a[1], mode, (u32)a[3]);
  case S_IFDIR: return -EPERM;
  default: return -EINVAL;
  }
}

i64
sys_symlinkat(const u64 *a)
{
  struct user_path target, p;
  int e = user_path_get(&target, AT_FDCWD, a[0]), e2 = user_path_get(&p, a[1], a[2]);
  e = e ? e : e2 ? e2 : vfs_symlink(p.base, p.s, target.s);
  user_path_put(&target);
  user_path_put(&p);
  return e;
}

i64
sys_linkat(const u64 *a)
{
  struct inode *i;
  struct user_path p;
  u32 flags = a[4], how = flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW;
  if(flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
    return -EINVAL;
  int e = user_inode(a[0], a[1], how | (flags & AT_EMPTY_PATH), &i);
  if(e)
    return e;
  e = user_path_get(&p, a[2], a[3]);
  if(e == 0)
    e = vfs_link(i, p.base, p.s);
  user_path_put(&p);
  inode_put(i);
  return e;
}

// ---- Names no more, or others ----

i64
sys_unlinkat(const u64 *a)
{
  struct user_path p;
  u32 flags = a[2];
  if(flags & ~AT_REMOVEDIR)
    return -EINVAL;
  int e = user_path_get(&p, a[0], a[1]);
  if(e == 0)
    e = vfs_unlink(p.base, p.s, flags & AT_REMOVEDIR);
  user_path_put(&p);
  return e;
}

i64
sys_renameat2(const u64 *a)
{
  struct user_path p, q;
  u32 flags = a[4];
  if(flags & (flags - 1) || flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
    return -EINVAL;
  int e = user_path_get(&p, a[0], a[1]), e2 = user_path_get(&q, a[2], a[3]);
  e = e ? e : e2 ? e2 : vfs_rename(p.base, p.s, q.base, q.s, flags);
  user_path_put(&p);
  user_path_put(&q);
  return e;
}

i64
sys_renameat(const u64 *a)
{
  u64 b[6] = { a[0], a[1], a[2], a[3], 0, 0 };
  return sys_renameat2(b);
}

// ---- Symbolic links ----

static i64
read_link(struct inode *i, const u64 *a)
{
  if(!S_ISLNK(i->mode))
    return -EINVAL;
  char *text = kmalloc(PATH_MAX);
  if(text == NULL)
    return -ENOMEM;
  i64 n = i->ops->readlink(i, text, PATH_MAX);
  n = min(n, (i64)(u32)a[1]);
  if(n > 0 && copy_to_user(a[0], text, n))
    n = -EFAULT;
  kfree(text);
  return n;
}

i64
sys_readlinkat(const u64 *a)
{
  u32 flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  char first;
  if((i32)a[3] <= 0)
    return -EINVAL;
  i64 n = on_path(a[0], a[1], flags, flags, read_link, a + 2);
  if(n == -EINVAL && copy_from_user(&first, a[1], 1) == 0 && first == 0)
    n = -ENOENT;                       // not a link, nor a name of one
  return n;
}

// ---- The current directory ----

static i64
change_to(struct inode *i, const u64 *a)
{
  inode_get(i);
  return fs_pos_move(current->fs, i);
}

i64 sys_chdir(const u64 *a) { return on_path(AT_FDCWD, a[0], 0, 0, change_to, a); }
i64 sys_fchdir(const u64 *a) { return on_fd(fd_get_any(a[0]), change_to, a); }

static i64
copy_path(struct inode *i, char *text, va_t buf, u64 size)
{
  i64 n = i->nlink == 0 ? -ENOENT : vfs_path_of(i, text, PATH_MAX);
  if(n < 0)
    return n;
  if((u64)n + 1 > size)
    return -ERANGE;
  return copy_to_user(buf, text, n + 1) ? -EFAULT : n + 1;
}

i64
sys_getcwd(const u64 *a)
{
  char *text = kmalloc(PATH_MAX);
  if(text == NULL)
    return -ENOMEM;
  struct inode *i = fs_pos_cwd(current->fs);
  i64 n = copy_path(i, text, a[0], a[1]);
  inode_put(i);
  kfree(text);
  return n;
}

i64
sys_umask(const u64 *a)
{
  struct fs_pos *fs = current->fs;
  spin_lock(&fs->lock);
  u32 old = fs->umask;
  fs->umask = a[0] & 0777;
  spin_unlock(&fs->lock);
  return old;
}
