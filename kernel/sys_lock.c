// SPDX-License-Identifier: MIT
//
// System calls that lock files: fcntl's and flock.

#include <machine.h>
#include "fs/filelock.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/user_path.h"

// Linux's struct flock.
struct flock { i16 type, whence; i64 start, len; i32 pid; };
_Static_assert(sizeof(struct flock) == 32, "struct flock");

// ---- fcntl ----

// The bytes that l speaks of.  => 0, -EINVAL, -EOVERFLOW
static int
to_range(struct file *f, const struct flock *l, struct filelock *to)
{
  const i64 from[] = { 0, f->pos, f->inode->object.size };     // by whence
  i64 first, last = FILELOCK_END, before = l->len < 0 ? l->len : 0;
  if((u16)l->whence >= count_of(from))
    return -EINVAL;
  if(__builtin_add_overflow(from[l->whence], l->start, &first))
    return -EOVERFLOW;
  if(first < 0 || first + before < 0)
    return -EINVAL;
  if(l->len > 0 && __builtin_add_overflow(first, l->len - 1, &last))
    return -EOVERFLOW;
  to->first = first + before;
  to->last = before ? first - 1 : last;
  return 0;
}

static int
get_lock(struct file *f, const struct flock *l, bool of_file, struct filelock *to)
{
  if(l->type < F_RDLCK || l->type > F_UNLCK || (of_file && l->pid))
    return -EINVAL;
  *to = (struct filelock){
    .owner = of_file ? (void *)f : current->files,
    .kind = of_file ? LOCK_OF_FILE : LOCK_OF_PROCESS,
    .type = l->type, .pid = of_file ? -1 : (i32)current->process->pid,
  };
  return to_range(f, l, to);
}

static int
test(struct file *f, struct flock *l, const struct filelock *want)
{
  struct filelock found;
  if(want->type == F_UNLCK)
    return -EINVAL;
  l->type = F_UNLCK;
  if(filelock_test(f->inode, want, &found))
    *l = (struct flock){
      .type = found.type, .whence = SEEK_SET, .start = found.first, .pid = found.pid,
      .len = found.last == FILELOCK_END ? 0 : found.last - found.first + 1,
    };
  return 0;
}

static int
set(struct file *f, const struct filelock *want, bool wait)
{
  u32 mode = f->flags & O_ACCMODE;
  if((want->type == F_RDLCK && mode == O_WRONLY) || (want->type == F_WRLCK && mode == O_RDONLY))
    return -EBADF;
  return filelock_set(f->inode, want, wait);
}

// Another thread may have closed fd while we were at it, and dropped the locks that
// there were then.
static bool
closed_meanwhile(int fd, struct file *f)
{
  struct file *now = fd_file(fd);
  file_put(now);
  return now != f;
}

i64
fcntl_lock(int fd, struct file *f, u32 cmd, va_t arg)
{
  struct flock l;
  struct filelock want;
  bool of_file = cmd >= F_OFD_GETLK;
  u32 what = of_file ? cmd - F_OFD_GETLK : cmd - F_GETLK;
  if(copy_from_user(&l, arg, sizeof l))
    return -EFAULT;
  int e = get_lock(f, &l, of_file, &want);
  if(e == 0 && what == 0){
    e = test(f, &l, &want);
    return e ? e : copy_to_user(arg, &l, sizeof l) ? -EFAULT : 0;
  }
  if(e == 0)
    e = set(f, &want, what == 2);
  if(e == 0 && !of_file && closed_meanwhile(fd, f)){
    filelock_drop(f->inode, want.owner);
    e = -EBADF;
  }
  return e;
}

// ---- flock ----

enum { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 };

static i64
lock_whole(struct file *f, const u64 *a)
{
  static const u8 types[] = { [LOCK_SH] = F_RDLCK, [LOCK_EX] = F_WRLCK, [LOCK_UN] = F_UNLCK };
  u32 op = (u32)a[1] & ~LOCK_NB;
  if(op != LOCK_SH && op != LOCK_EX && op != LOCK_UN)
    return -EINVAL;
  struct filelock want = {
    .owner = f, .kind = LOCK_WHOLE, .type = types[op], .last = FILELOCK_END,
    .pid = (i32)current->process->pid,
  };
  return filelock_set(f->inode, &want, !(a[1] & LOCK_NB));
}

i64 sys_flock(const u64 *a) { return on_file(a, lock_whole); }
