// SPDX-License-Identifier: MIT
//
// sendfile and copy_file_range: from a file to a descriptor.

#include <machine.h>
#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/syscall.h"

// ---- Where to begin ----

// A position: what `at` points to, or if that is 0 the file's own.
static int
get_pos(struct file *f, va_t at, u64 *pos)
{
  *pos = f->pos;
  if(at == 0)
    return 0;
  if(!f->seekable)
    return -ESPIPE;
  return copy_from_user(pos, at, sizeof *pos) ? -EFAULT : (i64)*pos < 0 ? -EINVAL : 0;
}

static int
put_pos(struct file *f, va_t at, u64 pos)
{
  if(at)
    return copy_to_user(at, &pos, sizeof pos) ? -EFAULT : 0;
  f->pos = pos;
  return 0;
}

static int
check_access(struct file *in, struct file *out)
{
  if((in->flags & O_ACCMODE) == O_WRONLY || (out->flags & O_ACCMODE) == O_RDONLY)
    return -EBADF;
  return file_can_copy(in) ? 0 : -EINVAL;
}

// ---- The calls ----

static i64
send(struct file *out, struct file *in, va_t at, u64 n)
{
  u64 from;
  int e = get_pos(in, at, &from);
  if(e == 0)
    e = check_access(in, out);
  if(e == 0 && (out->flags & O_APPEND))
    e = -EINVAL;
  if(e)
    return e;
  i64 r = file_copy(out, NULL, in, &from, n);
  e = put_pos(in, at, from);
  return e ? e : r;
}

i64
sys_sendfile(const u64 *a)
{
  struct fd_ref out = fd_get(a[0]), in = fd_get(a[1]);
  i64 r = out.file && in.file ? send(out.file, in.file, a[2], a[3]) : -EBADF;
  fd_put(in);
  fd_put(out);
  return r;
}

static i64
copy_range(struct file *out, va_t out_at, struct file *in, va_t in_at, u64 n)
{
  u64 from, to;
  int e = get_pos(in, in_at, &from);
  if(e == 0)
    e = get_pos(out, out_at, &to);
  if(S_ISDIR(in->inode->mode) || S_ISDIR(out->inode->mode))
    e = -EISDIR;
  if(e == 0)
    e = S_ISREG(out->inode->mode) ? check_access(in, out) : -EINVAL;
  if(e == 0 && (out->flags & O_APPEND))
    e = -EBADF;
  if(e == 0 && in->inode == out->inode && from < to + n && to < from + n)
    e = -EINVAL;
  if(e)
    return e;
  i64 r = file_copy(out, &to, in, &from, n);
  e = put_pos(in, in_at, from);
  if(e == 0)
    e = put_pos(out, out_at, to);
  return e ? e : r;
}

i64
sys_copy_file_range(const u64 *a)
{
  if(a[5])
    return -EINVAL;
  struct fd_ref in = fd_get(a[0]), out = fd_get(a[2]);
  i64 r = out.file && in.file ? copy_range(out.file, a[3], in.file, a[1], a[4]) : -EBADF;
  fd_put(out);
  fd_put(in);
  return r;
}
