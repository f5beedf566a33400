// SPDX-License-Identifier: MIT
//
// System calls that tell or change the attributes of files.

#include <machine.h>
#include "fs/attr.h"
#include "fs/stat.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/string.h"
#include "kernel/syscall.h"
#include "kernel/user_path.h"

// ---- stat ----

static i64
tell(struct inode *i, va_t buf)
{
  struct kstat st;
  inode_stat(i, &st);
  inode_put(i);
  return copy_to_user(buf, &st, sizeof st) ? -EFAULT : 0;
}

i64
sys_fstat(const u64 *a)
{
  struct inode *i;
  int e = fd_inode(a[0], &i);
  return e ? e : tell(i, a[1]);
}

enum { STAT_FLAGS = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT };

i64
sys_newfstatat(const u64 *a)
{
  struct inode *i;
  u32 flags = a[3];
  if(flags & ~STAT_FLAGS)
    return -EINVAL;
  int e = user_inode(a[0], a[1], flags, &i);
  return e ? e : tell(i, a[2]);
}

// Linux's struct statx.
struct statx_time { i64 sec; u32 nsec, pad; };
struct statx {
  u32 mask, blksize;
  u64 attributes;
  u32 nlink, uid, gid;
  u16 mode, pad1;
  u64 ino, size, blocks, attributes_mask;
  struct statx_time atime, btime, ctime, mtime;
  u32 rdev_major, rdev_minor, dev_major, dev_minor;
  u64 spare[14];
};
_Static_assert(sizeof(struct statx) == 256, "struct statx");
enum { STATX_BASIC_STATS = 0x7ff, STATX_SYNC = 0x6000 };
#define STATX_RESERVED 0x80000000U

static struct statx_time
statx_time(struct timespec t)
{
  return (struct statx_time){ .sec = t.sec, .nsec = t.nsec };
}

static void
fill_statx(struct statx *x, const struct kstat *st)
{
  *x = (struct statx){
    .mask = STATX_BASIC_STATS, .blksize = st->blksize, .nlink = st->nlink, .uid = st->uid,
    .gid = st->gid, .mode = st->mode, .ino = st->ino, .size = st->size, .blocks = st->blocks,
    .atime = statx_time(st->atime), .ctime = statx_time(st->ctime),
    .mtime = statx_time(st->mtime),
    .rdev_major = dev_major(st->rdev), .rdev_minor = dev_minor(st->rdev),
    .dev_major = dev_major(st->dev), .dev_minor = dev_minor(st->dev),
  };
}

i64
sys_statx(const u64 *a)
{
  struct inode *i;
  struct kstat st;
  struct statx x;
  u32 flags = a[2];
  if((flags & ~(STAT_FLAGS | STATX_SYNC)) || (flags & STATX_SYNC) == STATX_SYNC ||
     (a[3] & STATX_RESERVED))
    return -EINVAL;
  int e = user_inode(a[0], a[1], flags, &i);
  if(e)
    return e;
  inode_stat(i, &st);
  inode_put(i);
  fill_statx(&x, &st);
  return copy_to_user(a[4], &x, sizeof x) ? -EFAULT : 0;
}

enum { X_OK = 1, W_OK = 2, ACCESS_BITS = 7, MODE_EXEC_ANY = 0111 };

// Everybody is root: what is refused is to write on a read-only file system, and
// to execute what nobody may.
static i64
access(int dirfd, va_t path, u32 mode, u32 flags)
{
  struct inode *i;
  if((mode & ~ACCESS_BITS) || (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
    return -EINVAL;
  int e = user_inode(dirfd, path, flags, &i);
  if(e)
    return e;
  if((mode & W_OK) && i->super->read_only && (S_ISREG(i->mode) || S_ISDIR(i->mode)))
    e = -EROFS;
  else if((mode & X_OK) && !S_ISDIR(i->mode) && !(i->mode & MODE_EXEC_ANY))
    e = -EACCES;
  inode_put(i);
  return e;
}

i64 sys_faccessat(const u64 *a) { return access(a[0], a[1], a[2], 0); }
i64 sys_faccessat2(const u64 *a) { return access(a[0], a[1], a[2], a[3]); }

// ---- Changes ----

static i64
chmod(struct inode *i, u32 mode)
{
  int e = S_ISLNK(i->mode) ? -EOPNOTSUPP : inode_chmod(i, mode);
  inode_put(i);
  return e;
}

i64
sys_fchmod(const u64 *a)
{
  struct inode *i;
  int e = fd_file_inode(a[0], &i);
  return e ? e : chmod(i, a[1]);
}

static i64
chmod_at(int dirfd, va_t path, u32 mode, u32 flags)
{
  struct inode *i;
  if(flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
    return -EINVAL;
  int e = user_inode(dirfd, path, flags, &i);
  return e ? e : chmod(i, mode);
}

i64 sys_fchmodat(const u64 *a) { return chmod_at(a[0], a[1], a[2], 0); }
i64 sys_fchmodat2(const u64 *a) { return chmod_at(a[0], a[1], a[2], a[3]); }

static i64
chown(struct inode *i, u32 uid, u32 gid)
{
  int e = inode_chown(i, uid, gid);
  inode_put(i);
  return e;
}

i64
sys_fchown(const u64 *a)
{
  struct inode *i;
  int e = fd_file_inode(a[0], &i);
  return e ? e : chown(i, a[1], a[2]);
}

i64
sys_fchownat(const u64 *a)
{
  struct inode *i;
  u32 flags = a[4];
  if(flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
    return -EINVAL;
  int e = user_inode(a[0], a[1], flags, &i);
  return e ? e : chown(i, a[2], a[3]);
}

i64
sys_truncate(const u64 *a)
{
  struct inode *i;
  if((i64)a[1] < 0)
    return -EINVAL;
  int e = user_inode(AT_FDCWD, a[0], 0, &i);
  if(e)
    return e;
  e = vfs_truncate(i, a[1]);
  inode_put(i);
  return e;
}

// ---- utimensat ----

enum { UTIME_NOW = 0x3fffffff, UTIME_OMIT = 0x3ffffffe, NS = 1000000000 };

// => 0, or -EINVAL; *set: what to set the time to, NULL to leave it
static int
chosen_time(struct timespec *t, struct timespec **set)
{
  *set = t->nsec == UTIME_OMIT ? NULL : t;
  if(t->nsec == UTIME_NOW)
    time_now(t);
  return *set && (t->nsec < 0 || t->nsec >= NS) ? -EINVAL : 0;
}

i64
sys_utimensat(const u64 *a)
{
  struct timespec t[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } }, *atime, *mtime;
  struct inode *i;
  u32 flags = a[3];
  if(flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
    return -EINVAL;
  if((a[2] && copy_from_user(t, a[2], sizeof t)) || (a[1] == 0 && (int)a[0] == AT_FDCWD))
    return -EFAULT;
  int e = chosen_time(&t[0], &atime);
  if(e == 0)
    e = chosen_time(&t[1], &mtime);
  if(e == 0)
    e = a[1] ? user_inode(a[0], a[1], flags, &i) : fd_file_inode(a[0], &i);
  if(e)
    return e;
  e = inode_set_times(i, atime, mtime);
  inode_put(i);
  return e;
}
