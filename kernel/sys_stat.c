// SPDX-License-Identifier: MIT
//
// System calls that tell or change the attributes of files.

#include <machine.h>
#include "fs/attr.h"
#include "fs/stat.h"
#include "kernel/errno.h"
#include "kernel/syscall.h"
#include "kernel/user_path.h"

// ---- stat ----

enum {
  PATH_FLAGS = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, STAT_FLAGS = PATH_FLAGS | AT_NO_AUTOMOUNT,
};

static i64
tell(struct inode *i, const u64 *a)
{
  struct kstat st;
  inode_stat(i, &st);
  return copy_to_user(a[0], &st, sizeof st) ? -EFAULT : 0;
}

i64 sys_fstat(const u64 *a) { return on_fd(fd_get_any(a[0]), tell, a + 1); }

i64
sys_newfstatat(const u64 *a)
{
  return on_path(a[0], a[1], a[3], STAT_FLAGS, tell, a + 2);
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

static i64
tell_more(struct inode *i, const u64 *a)
{
  struct kstat st;
  struct statx x;
  inode_stat(i, &st);
  fill_statx(&x, &st);
  return copy_to_user(a[0], &x, sizeof x) ? -EFAULT : 0;
}

i64
sys_statx(const u64 *a)
{
  u32 flags = a[2];
  if((flags & STATX_SYNC) == STATX_SYNC || (a[3] & STATX_RESERVED))
    return -EINVAL;
  return on_path(a[0], a[1], flags, STAT_FLAGS | STATX_SYNC, tell_more, a + 4);
}

enum { X_OK = 1, W_OK = 2, ACCESS_BITS = 7, MODE_EXEC_ANY = 0111 };

// Everybody is root: what is refused is to write on a read-only file system, and
// to execute what nobody may.
static i64
may_access(struct inode *i, const u64 *a)
{
  if((a[0] & W_OK) && i->super->read_only && (S_ISREG(i->mode) || S_ISDIR(i->mode)))
    return -EROFS;
  return (a[0] & X_OK) && !S_ISDIR(i->mode) && !(i->mode & MODE_EXEC_ANY) ? -EACCES : 0;
}

static i64
access(const u64 *a, u32 flags)
{
  if((u32)a[2] & ~ACCESS_BITS)
    return -EINVAL;
  return on_path(a[0], a[1], flags, PATH_FLAGS | AT_EACCESS, may_access, a + 2);
}

i64 sys_faccessat(const u64 *a) { return access(a, 0); }
i64 sys_faccessat2(const u64 *a) { return access(a, a[3]); }

// ---- Changes ----

static i64
chmod(struct inode *i, const u64 *a)
{
  return S_ISLNK(i->mode) ? -EOPNOTSUPP : inode_chmod(i, a[0]);
}

i64 sys_fchmod(const u64 *a) { return on_fd(fd_get(a[0]), chmod, a + 1); }
i64 sys_fchmodat(const u64 *a) { return on_path(a[0], a[1], 0, 0, chmod, a + 2); }
i64 sys_fchmodat2(const u64 *a) { return on_path(a[0], a[1], a[3], PATH_FLAGS, chmod, a + 2); }

static i64
chown(struct inode *i, const u64 *a)
{
  return inode_chown(i, a[0], a[1]);
}

i64 sys_fchown(const u64 *a) { return on_fd(fd_get(a[0]), chown, a + 1); }
i64 sys_fchownat(const u64 *a) { return on_path(a[0], a[1], a[4], PATH_FLAGS, chown, a + 2); }

static i64
truncate(struct inode *i, const u64 *a)
{
  i64 e = inode_claim(i, 1);
  if(e)
    return e;
  e = file_may_grow(i, a[0]) ? vfs_truncate(i, a[0]) : -EFBIG;
  inode_unclaim(i, 1);
  return e;
}

i64
sys_truncate(const u64 *a)
{
  return (i64)a[1] < 0 ? -EINVAL : on_path(AT_FDCWD, a[0], 0, 0, truncate, a + 1);
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
  if(flags & ~PATH_FLAGS)
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
