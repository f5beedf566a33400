// SPDX-License-Identifier: MIT
//
// Open files: the record behind a descriptor, and reads and writes through it.
//
// file->lock guards the position of files that have one; it is outside the
// inode's lock.  Pipes and terminals have none, so that a reader who waits for
// input does not keep a writer out.

#include "fs/filelock.h"
#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/string.h"
#include "mm/slab.h"
#include "mm/space.h"

static void
construct(void *p)
{
  struct file *f = p;
  memset(f, 0, sizeof *f);
  sleep_init(&f->lock, "file position");
  list_init(&f->watches);
}

static struct cache file_cache = CACHE("file", sizeof(struct file), construct);

struct file *
file_create(const struct file_ops *ops, u32 flags)
{
  struct file *f = cache_alloc(&file_cache);
  if(f == NULL)
    return NULL;
  f->refs = 1;
  f->flags = flags;
  f->inode = NULL;
  f->ops = ops;
  f->seekable = false;
  f->claim = 0;
  f->reserves = false;
  f->errors = 0;
  f->pos = 0;
  f->priv = NULL;
  return f;
}

struct file *
file_get(struct file *f)
{
  if(f)
    atomic_add(&f->refs, 1);
  return f;
}

void
file_put(struct file *f)
{
  if(f == NULL || atomic_add_full(&f->refs, -1UL) != 1)
    return;
  filelock_drop(f->inode, f);
  if(unlikely(!list_empty(&f->watches)))
    epoll_forget(f);
  if(f->ops->release)
    f->ops->release(f);
  if(unlikely(f->reserves))
    file_unreserve(f);
  if(f->claim)
    inode_unclaim(f->inode, f->claim);
  inode_put(f->inode);
  cache_free(&file_cache, f);
}

// ---- Reading and writing ----

enum { COUNT_MAX = 0x7ffff000 };   // of one call, as in Linux

typedef i64 transfer_op(struct file *f, va_t buf, u64 n, u64 *pos);

static __attribute__((noinline)) i64
transfer_locked(struct file *f, transfer_op *op, va_t buf, u64 n)
{
  sleep_lock(&f->lock);
  i64 r = op(f, buf, n, &f->pos);
  sleep_unlock(&f->lock);
  return r;
}

static inline i64
transfer(struct file *f, transfer_op *op, va_t buf, u64 n, u64 *pos)
{
  if(op == NULL)
    return -EINVAL;
  n = min(n, COUNT_MAX);
  if(unlikely(buf > USER_MAX || n > USER_MAX - buf))
    return -EFAULT;
  if(pos)
    return f->seekable ? op(f, buf, n, pos) : -ESPIPE;
  if(!f->seekable || atomic_load(&f->refs) == 1)   // nobody else moves the position
    return op(f, buf, n, &f->pos);
  return transfer_locked(f, op, buf, n);
}

i64
file_read(struct file *f, va_t buf, u64 n, u64 *pos)
{
  if((f->flags & O_ACCMODE) == O_WRONLY)
    return -EBADF;
  return transfer(f, f->ops->read, buf, n, pos);
}

i64
file_write(struct file *f, va_t buf, u64 n, u64 *pos)
{
  if((f->flags & O_ACCMODE) == O_RDONLY)
    return -EBADF;
  return transfer(f, f->ops->write, buf, n, pos);
}

// Where off leads, f->lock held.  All of a file counts as data, with a hole at its end.
static i64
seek_target(const struct file *f, i64 off, int whence)
{
  i64 size = f->inode->object.size, to;
  const i64 from[] = { [SEEK_SET] = 0, [SEEK_CUR] = f->pos, [SEEK_END] = size };
  if(whence == SEEK_DATA || whence == SEEK_HOLE)
    return off < 0 || off >= size ? -ENXIO : whence == SEEK_DATA ? off : size;
  if((u32)whence >= count_of(from) || __builtin_add_overflow(from[whence], off, &to))
    return -EINVAL;
  return to < 0 || to > (i64)FILE_SIZE_MAX ? -EINVAL : to;
}

i64
file_seek(struct file *f, i64 off, int whence)
{
  if(!f->seekable)
    return -ESPIPE;
  if(f->ops->no_position)
    return 0;
  sleep_lock(&f->lock);
  i64 to = seek_target(f, off, whence);
  if(to >= 0)
    f->pos = to;
  sleep_unlock(&f->lock);
  return to;
}
