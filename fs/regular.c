// SPDX-License-Identifier: MIT
//
// Reading and writing regular files through the pages of their object.
//
// The inode's lock makes a read of one call, or a write of up to 256 KiB, atomic to
// others; larger writes are made of such, so that the flusher can slow them down.  User
// memory is touched under it only with faults off: a page of the buffer may be a
// page of this very file, and a fault must not wait for us.  When such a copy
// ends early the lock is dropped, the buffer is faulted in, and it goes on.

#include "fs/flusher.h"
#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/signal.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/reaper.h"

enum { WRITE_BATCH = 64 * PAGE_SIZE };   // before more has to be admitted

// One try, under the inode's lock.  => as object_read; *pos has moved by *done
typedef int attempt(struct file *f, va_t buf, u64 n, u64 *pos, u64 *done);

// A try ended with err before n bytes at buf were done.  No page of the buffer is stored to
// that the file has nothing for.
// => 0: try again; else the reason not to
static int
go_on(int err, struct file *f, u64 pos, va_t buf, u64 n, bool to_user)
{
  u64 size = f->inode->object.size;
  if(err == -ENOMEM)
    return memory_wait();
  if(to_user)
    n = min(n, size - min(size, pos));
  return err == -EAGAIN ? object_fault_in(buf, n, to_user) : err;
}

// Go on until it is done, where the first try did `total` and ended with err.
static __attribute__((noinline)) i64
retry(struct file *f, attempt *once, bool to_user, va_t buf, u64 n, u64 *pos, u64 total, int err)
{
  while(!current->killed && err &&
        (err = go_on(err, f, *pos, buf + total, n - total, to_user)) == 0){
    u64 done;
    err = once(f, buf + total, n - total, pos, &done);
    total += done;
  }
  return total ? (i64)total : err;
}

static __attribute__((noinline)) void
accessed(struct inode *i)
{
  if(i->super->read_only)
    return;
  rw_write_lock(&i->lock);
  time_now(&i->atime);
  i->dirty = true;
  rw_write_unlock(&i->lock);
}

// The access time is kept only as well as it is of use: was the file read since
// it was last written?
static inline void
note_access(struct inode *i)
{
  if(i->atime.sec < i->mtime.sec ||
     (i->atime.sec == i->mtime.sec && i->atime.nsec <= i->mtime.nsec))
    accessed(i);
}

static inline int
read_once(struct file *f, va_t buf, u64 n, u64 *pos, u64 *done)
{
  struct inode *i = f->inode;
  rw_read_lock(&i->lock);
  int err = object_read(&i->object, *pos, buf, n, done);
  rw_read_unlock(&i->lock);
  *pos += *done;
  return err;
}

static i64
regular_read(struct file *f, va_t buf, u64 n, u64 *pos)
{
  u64 done;
  int err = read_once(f, buf, n, pos, &done);
  i64 r = likely(err == 0) ? (i64)done : retry(f, read_once, true, buf, n, pos, done, err);
  if(r > 0)
    note_access(f->inode);
  return r;
}

static inline __attribute__((always_inline)) int
write_once(struct file *f, va_t buf, u64 n, u64 *pos, u64 *done)
{
  struct inode *i = f->inode;
  u64 some = min(n, (u64)WRITE_BATCH);
  int err = flusher_admit(&i->object);
  *done = 0;
  if(unlikely(err))
    return err;
  rw_write_lock(&i->lock);
  u64 end = FILE_SIZE_MAX, size = i->object.size;
  err = -EFBIG;
  if(i->seals & F_SEAL_GROW){          // as Linux: of the last page all or nothing
    end = *pos + some > size ? page_down(size) : size;
    err = -EPERM;
  }
  if(f->flags & O_APPEND)
    *pos = i->object.size;
  if(unlikely(i->object.fixed))
    err = inode_fixed_error(i);
  else if(*pos < end)
    err = object_write(&i->object, *pos, buf, min(some, end - *pos), done);
  if(*done > 0)
    inode_modified(i);
  rw_write_unlock(&i->lock);
  *pos += *done;
  return err == 0 && *done == some && some < n ? -EAGAIN : err;
}

static i64
write_through(struct file *f, u64 start, i64 n)
{
  int e = file_sync_range(f, start, start + n, (f->flags & O_SYNC) != O_SYNC);
  return e ? e : n;
}

bool
file_may_grow(const struct inode *i, u64 size)
{
  if(likely(size <= max(i->object.size, current->process->limits[RLIMIT_FSIZE].soft)))
    return true;
  signal_raise(SIGXFSZ);
  return false;
}

// Of n bytes, those that the limit on a file's size allows.  => false: not even one
static bool
within_limit(struct file *f, u64 pos, u64 *n)
{
  u64 limit = current->process->limits[RLIMIT_FSIZE].soft;
  u64 at = f->flags & O_APPEND ? f->inode->object.size : pos;
  if(likely(limit == LIMIT_NONE) || *n == 0)
    return true;
  *n = min(*n, limit - min(at, limit));
  return *n > 0 || file_may_grow(f->inode, LIMIT_NONE);
}

static i64
regular_write(struct file *f, va_t buf, u64 n, u64 *pos)
{
  u64 done;
  if(!within_limit(f, *pos, &n))
    return -EFBIG;
  int err = write_once(f, buf, n, pos, &done);
  i64 r = likely(err == 0) ? (i64)done : retry(f, write_once, false, buf, n, pos, done, err);
  return unlikely(f->flags & O_DSYNC) && r > 0 ? write_through(f, *pos - r, r) : r;
}

// ---- Making room ----

// The pages of [off, end) have their places, and the file reaches to end.
static int
allocate_locked(struct inode *i, u64 off, u64 end)
{
  int e = 0;
  if(i->object.fixed)
    return inode_fixed_error(i);
  if(end > i->object.size && (i->seals & F_SEAL_GROW))
    return -EPERM;
  if(end > i->object.size)
    e = object_extend(&i->object, end);
  for(u64 at = page_down(off); e == 0 && at < end; at += PAGE_SIZE){
    struct frame *f;
    e = object_page(&i->object, at >> PAGE_SHIFT, &f);
    if(e == 0){
      e = object_make_dirty(&i->object, f);
      frame_put(f, PIN_1);
    }
  }
  inode_modified(i);
  return e;
}

int
vfs_allocate(struct inode *i, u64 off, u64 len)
{
  if(!S_ISREG(i->mode) || i->object.refs == 0)
    return S_ISDIR(i->mode) ? -EISDIR : S_ISFIFO(i->mode) ? -ESPIPE : -ENODEV;
  u64 before = i->object.size;
  if(off + len > FILE_SIZE_MAX || !file_may_grow(i, off + len))
    return -EFBIG;
  int e = 0;
  for(u64 at = off, next; e == 0 && at < off + len; at = next){
    if((e = flusher_admit(&i->object)))
      break;
    next = min(off + len, round_up(at + 1, WRITE_BATCH));
    rw_write_lock(&i->lock);
    e = allocate_locked(i, at, next);
    rw_write_unlock(&i->lock);
  }
  if(e && i->object.size > before)
    vfs_truncate(i, before);
  return e;
}

// ---- And holes ----

static int
punch_locked(struct inode *i, u64 off, u64 end)
{
  struct object *o = &i->object;
  u64 first = page_up(off), last = end < o->size ? page_down(end) : page_up(o->size);
  if(o->fixed)
    return inode_fixed_error(i);
  inode_modified(i);
  end = min(end, o->size);
  if(first > last)
    return object_zero(o, off, end);
  int e = object_zero(o, off, min(first, end));
  if(e == 0)
    e = object_zero(o, last, end);
  if(e || first == last)
    return e;
  return i->ops->move(i, first >> PAGE_SHIFT, (last - first) >> PAGE_SHIFT, NULL, 0);
}

int
vfs_punch(struct inode *i, u64 off, u64 len)
{
  if(!S_ISREG(i->mode) || i->ops->move == NULL)
    return S_ISDIR(i->mode) ? -EISDIR : S_ISFIFO(i->mode) ? -ESPIPE : -EOPNOTSUPP;
  int e = flusher_admit(&i->object);
  if(e)
    return e;
  rw_write_lock(&i->lock);
  e = off < i->object.size ? punch_locked(i, off, off + len) : 0;
  rw_write_unlock(&i->lock);
  return e;
}

// ---- The rest ----

static struct object *
regular_map(struct file *f)
{
  return object_get(&f->inode->object);
}

i64
file_read_kernel(struct file *f, void *buf, u64 n, u64 pos)
{
  struct inode *i = f->inode;
  if(i == NULL || !S_ISREG(i->mode) || i->object.refs == 0)
    return -EINVAL;
  rw_read_lock(&i->lock);
  i64 r = object_read_kernel(&i->object, pos, buf, n);
  rw_read_unlock(&i->lock);
  return r;
}

const struct file_ops regular_file_ops = {
  .read = regular_read,
  .write = regular_write,
  .map = regular_map,
};
