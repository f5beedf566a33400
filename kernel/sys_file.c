// SPDX-License-Identifier: MIT
//
// System calls on open files.

#include <machine.h>
#include "fs/vfs.h"
#include "kernel/block.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/pipe.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/termios.h"
#include "kernel/user_path.h"
#include "mm/space.h"

// ---- Reading and writing ----

typedef i64 transfer(struct file *f, va_t buf, u64 n, u64 *pos);

static __attribute__((noinline)) i64
one_of_any(int fd, transfer *op, va_t buf, u64 n, u64 *pos)
{
  struct fd_ref r = fd_get(fd);
  i64 done = r.file ? op(r.file, buf, n, pos) : -EBADF;
  fd_put(r);
  return done;
}

static inline i64
one(int fd, transfer *op, va_t buf, u64 n, u64 *pos)
{
  struct file *f = fd_own(fd);
  return likely(f) ? op(f, buf, n, pos) : one_of_any(fd, op, buf, n, pos);
}

i64 sys_read(const u64 *a) { return one(a[0], file_read, a[1], a[2], NULL); }
i64 sys_write(const u64 *a) { return one(a[0], file_write, a[1], a[2], NULL); }

static i64
one_at(int fd, transfer *op, va_t buf, u64 n, u64 pos)
{
  return ((i64)pos | (i64)(pos + n)) < 0 ? -EINVAL : one(fd, op, buf, n, &pos);
}

i64 sys_pread64(const u64 *a) { return one_at(a[0], file_read, a[1], a[2], a[3]); }
i64 sys_pwrite64(const u64 *a) { return one_at(a[0], file_write, a[1], a[2], a[3]); }

struct iovec { va_t base; u64 len; };
enum { IOV_MAX = 1024 };

// => 0 if each piece could be in user memory
static int
check_iovec(va_t iov, u64 n)
{
  if(n > IOV_MAX)
    return -EINVAL;
  for(u64 k = 0; k < n; k++){
    struct iovec v;
    if(copy_from_user(&v, iov + k * sizeof v, sizeof v))
      return -EFAULT;
    if((i64)v.len < 0)
      return -EINVAL;
    if(v.base > USER_MAX || v.len > USER_MAX - v.base)
      return -EFAULT;
  }
  return 0;
}

static i64
each(struct file *f, transfer *op, va_t iov, u64 n, u64 *pos)
{
  i64 total = 0;
  for(u64 k = 0; k < n; k++){
    struct iovec v;
    if(copy_from_user(&v, iov + k * sizeof v, sizeof v))
      return total > 0 ? total : -EFAULT;
    if(v.len == 0)
      continue;
    i64 r = op(f, v.base, v.len, pos);
    if(r < 0)
      return total > 0 ? total : r;
    total += r;
    if((u64)r < v.len)
      break;
  }
  return total;
}

static i64
vector(int fd, transfer *op, va_t iov, u64 n, u64 *pos)
{
  int e = check_iovec(iov, n);
  struct fd_ref r = fd_get(fd);
  bool turn = r.file && op == file_write && r.file->ops->turn;
  if(turn && e == 0)
    e = r.file->ops->turn(r.file, true);
  i64 done = r.file == NULL ? -EBADF : e ? e : each(r.file, op, iov, n, pos);
  if(turn && e == 0)
    r.file->ops->turn(r.file, false);
  fd_put(r);
  return done;
}

i64 sys_readv(const u64 *a) { return vector(a[0], file_read, a[1], a[2], NULL); }
i64 sys_writev(const u64 *a) { return vector(a[0], file_write, a[1], a[2], NULL); }

static i64
vector_at(int fd, transfer *op, va_t iov, u64 n, u64 pos)
{
  return (i64)pos < 0 ? -EINVAL : vector(fd, op, iov, n, &pos);
}

i64 sys_preadv(const u64 *a) { return vector_at(a[0], file_read, a[1], a[2], a[3]); }
i64 sys_pwritev(const u64 *a) { return vector_at(a[0], file_write, a[1], a[2], a[3]); }

// With position -1: the file's own.  Of the flags, one asks for haste: we make it anyway.
enum { RWF_HIPRI = 1, RWF_DSYNC = 2, RWF_SYNC = 4 };

static i64
vector2(const u64 *a, transfer *op)
{
  if(a[5] & ~(u64)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC))
    return -EOPNOTSUPP;
  return a[3] == ~0UL ? vector(a[0], op, a[1], a[2], NULL) : vector_at(a[0], op, a[1], a[2], a[3]);
}

i64 sys_preadv2(const u64 *a) { return vector2(a, file_read); }

i64
sys_pwritev2(const u64 *a)
{
  i64 done = vector2(a, file_write);
  i64 e = done > 0 && (a[5] & (RWF_DSYNC | RWF_SYNC)) ?
          (a[5] & RWF_SYNC ? sys_fsync(a) : sys_fdatasync(a)) : 0;
  return e < 0 && e != -EINVAL ? e : done;       // what cannot be synced need not be
}

static i64
seek(struct file *f, const u64 *a)
{
  return file_seek(f, a[1], a[2]);
}

i64 sys_lseek(const u64 *a) { return on_file(a, seek); }

// ---- Descriptors ----

i64
sys_close(const u64 *a)
{
  return fd_close(a[0]);
}

enum { CLOSE_RANGE_UNSHARE = 2, CLOSE_RANGE_CLOEXEC = 4 };

i64
sys_close_range(const u64 *a)
{
  u32 first = a[0], last = a[1], flags = a[2];
  if(first > last || (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)))
    return -EINVAL;
  int e = flags & CLOSE_RANGE_UNSHARE ? files_unshare() : 0;
  if(e == 0)
    fd_close_range(first, last, flags & CLOSE_RANGE_CLOEXEC);
  return e;
}

static i64
dup_from(int fd, u32 from, u32 flags)
{
  if(from >= current->files->limit)
    return -EINVAL;
  struct file *f = fd_file(fd);
  return f ? fd_install(f, from, flags) : -EBADF;
}

i64 sys_dup(const u64 *a) { return dup_from(a[0], 0, 0); }

i64
sys_dup3(const u64 *a)
{
  if((u32)a[0] == (u32)a[1] || (a[2] & ~(u64)O_CLOEXEC))
    return -EINVAL;
  struct file *f = fd_file(a[0]);
  return f ? fd_replace(f, a[1], a[2]) : -EBADF;
}

i64
sys_pipe2(const u64 *a)
{
  struct file *end[2];
  i32 fd[2];
  if(a[1] & ~(u64)(O_CLOEXEC | O_NONBLOCK))
    return -EINVAL;
  int e = pipe_create(end, a[1]);
  if(e)
    return e;
  fd[0] = fd_install(end[0], 0, a[1] & O_CLOEXEC);
  fd[1] = fd_install(end[1], 0, a[1] & O_CLOEXEC);
  e = fd[0] < 0 ? fd[0] : fd[1] < 0 ? fd[1] : copy_to_user(a[0], fd, sizeof fd) ? -EFAULT : 0;
  for(int k = 0; e && k < 2; k++)
    if(fd[k] >= 0)
      fd_close(fd[k]);
  return e;
}

enum {
  F_DUPFD = 0, F_GETFD = 1, F_SETFD = 2, F_GETFL = 3, F_SETFL = 4, F_DUPFD_CLOEXEC = 1030,
  F_SETPIPE_SZ = 1031, F_GETPIPE_SZ = 1032, F_ADD_SEALS = 1033, F_GET_SEALS = 1034,
  FD_CLOEXEC = 1,
};
enum { STATUS_FLAGS = O_APPEND | O_NONBLOCK };    // what F_SETFL can change

static i64
get_flags(int fd)
{
  struct fd_ref r = fd_get_any(fd);
  i64 flags = r.file ? (i64)r.file->flags : -EBADF;
  fd_put(r);
  return flags;
}

static bool
is_lock_command(u32 cmd)
{
  return (cmd >= F_GETLK && cmd <= F_SETLKW) || (cmd >= F_OFD_GETLK && cmd <= F_OFD_SETLKW);
}

// Commands about the open file.
static i64
fcntl_file(int fd, u32 cmd, u64 arg)
{
  struct fd_ref r = fd_get(fd);
  struct file *f = r.file;
  i64 e = f ? -EINVAL : -EBADF;
  if(f && cmd == F_SETFL){
    f->flags = (f->flags & ~STATUS_FLAGS) | (arg & STATUS_FLAGS);
    e = 0;
  } else if(f && (cmd == F_GETPIPE_SZ || cmd == F_SETPIPE_SZ)){
    e = pipe_set_size(f, cmd == F_GETPIPE_SZ ? 0 : max((u32)arg, 1U));
  } else if(f && cmd == F_ADD_SEALS){
    e = (f->flags & O_ACCMODE) == O_RDONLY ? -EPERM : inode_seal(f->inode, arg);
  } else if(f && cmd == F_GET_SEALS){
    e = f->inode->seals ? f->inode->seals & ~SEALABLE : -EINVAL;
  } else if(f && is_lock_command(cmd)){
    e = fcntl_lock(fd, f, cmd, arg);
  }
  fd_put(r);
  return e;
}

i64
sys_fcntl(const u64 *a)
{
  switch((int)a[1]){
  case F_DUPFD: return dup_from(a[0], a[2], 0);
  case F_DUPFD_CLOEXEC: return dup_from(a[0], a[2], O_CLOEXEC);
  case F_GETFD: return fd_get_cloexec(a[0]);
  case F_SETFD: return fd_set_cloexec(a[0], a[2] & FD_CLOEXEC);
  case F_GETFL: return get_flags(a[0]);
  default: return fcntl_file(a[0], a[1], a[2]);
  }
}

static i64
set_nonblocking(struct file *f, va_t arg)
{
  u32 on;
  if(copy_from_user(&on, arg, sizeof on))
    return -EFAULT;
  f->flags = (f->flags & ~O_NONBLOCK) | (on ? O_NONBLOCK : 0);
  return 0;
}

// Linux's struct file_clone_range.
struct clone_range { i64 from; u64 off, n, at; };

static i64
clone(struct file *to, const struct clone_range *r)
{
  struct fd_ref from = fd_get((u64)r->from);
  i64 e = from.file ? vfs_clone(to, r->at, from.file, r->off, r->n) : -EBADF;
  fd_put(from);
  return e;
}

static i64
ioctl(struct file *f, const u64 *a)
{
  u32 cmd = a[1];
  u64 arg = a[2];
  if(cmd == FIOCLEX || cmd == FIONCLEX)
    return fd_set_cloexec(a[0], cmd == FIOCLEX);
  if(cmd == FIONBIO)
    return set_nonblocking(f, arg);
  struct clone_range r = { .from = (i32)arg };
  if(cmd == FICLONERANGE && copy_from_user(&r, arg, sizeof r))
    return -EFAULT;
  if(cmd == FICLONE || cmd == FICLONERANGE)
    return clone(f, &r);
  if(cmd == FIONREAD && S_ISREG(f->inode->mode)){
    u64 left = f->inode->object.size - min(f->pos, f->inode->object.size);
    return store_user_u32(arg, left);
  }
  return f->ops->ioctl ? f->ops->ioctl(f, cmd, arg) : -ENOTTY;
}

i64 sys_ioctl(const u64 *a) { return on_file(a, ioctl); }

// ---- Size and disk ----

static i64
truncate(struct file *f, const u64 *a)
{
  if((i64)a[1] < 0 || (f->flags & O_ACCMODE) == O_RDONLY)
    return -EINVAL;
  return file_may_grow(f->inode, a[1]) ? vfs_truncate(f->inode, a[1]) : -EFBIG;
}

i64 sys_ftruncate(const u64 *a) { return on_file(a, truncate); }

enum { FALLOC_KEEP_SIZE = 1, FALLOC_PUNCH_HOLE = 2, FALLOC_ZERO_RANGE = 16 };

// Room, a hole, or both: room where there are zeros now.
static i64
allocate(struct file *f, const u64 *a)
{
  i64 off = a[2], len = a[3];
  u32 mode = a[1];
  bool punch = mode == (FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE), zero = mode == FALLOC_ZERO_RANGE;
  if(off < 0 || len <= 0)
    return -EINVAL;
  if(mode && !punch && !zero)
    return -EOPNOTSUPP;
  if((f->flags & O_ACCMODE) == O_RDONLY)
    return -EBADF;
  int e = punch || zero ? vfs_punch(f->inode, off, len) : 0;
  return e || punch ? e : vfs_allocate(f->inode, off, len);
}

i64 sys_fallocate(const u64 *a) { return on_file(a, allocate); }

static i64
sync_file(struct file *f, bool data_only)
{
  struct inode *i = f->inode;
  if(S_ISBLK(i->mode))
    return block_flush(f->priv);
  return S_ISREG(i->mode) || S_ISDIR(i->mode) ? file_sync_range(f, 0, ~0UL, data_only) : -EINVAL;
}

static i64 sync_all(struct file *f, const u64 *a) { return sync_file(f, false); }
static i64 sync_data(struct file *f, const u64 *a) { return sync_file(f, true); }
static i64 sync_super(struct file *f, const u64 *a) { return super_sync(f->inode->super); }

i64 sys_fsync(const u64 *a) { return on_file(a, sync_all); }
i64 sys_fdatasync(const u64 *a) { return on_file(a, sync_data); }
i64 sys_syncfs(const u64 *a) { return on_file(a, sync_super); }

// Which of the pages are on their way, and who waits: all that are dirty go, and it does.
static i64
sync_part(struct file *f, const u64 *a)
{
  enum { SYNC_FLAGS = 7 };
  u64 off = a[1], n = a[2];
  if((u32)a[3] & ~SYNC_FLAGS || (i64)(off | n | (off + n)) < 0)
    return -EINVAL;
  if(S_ISFIFO(f->inode->mode) || S_ISCHR(f->inode->mode))
    return -ESPIPE;
  return (u32)a[3] && S_ISREG(f->inode->mode) ?
         file_sync_range(f, off, n ? off + n : ~0UL, true) : 0;
}

i64 sys_sync_file_range(const u64 *a) { return on_file(a, sync_part); }

enum { READAHEAD_MAX = 2 * MiB };      // of one call, as in Linux

static i64
read_ahead(struct file *f, const u64 *a)
{
  if((f->flags & O_ACCMODE) == O_WRONLY)
    return -EBADF;
  if(!S_ISREG(f->inode->mode) || (i64)a[1] < 0)
    return -EINVAL;
  object_read_ahead(&f->inode->object, a[1], min(a[2], (u64)READAHEAD_MAX));
  return 0;
}

i64 sys_readahead(const u64 *a) { return on_file(a, read_ahead); }

// Advice that is understood, and not needed.
static i64
take_advice(struct file *f, const u64 *a)
{
  enum { ADVICE_MAX = 5 };
  if(S_ISFIFO(f->inode->mode))
    return -ESPIPE;
  return (u32)a[3] > ADVICE_MAX || (i64)a[2] < 0 ? -EINVAL : 0;
}

i64 sys_fadvise64(const u64 *a) { return on_file(a, take_advice); }
