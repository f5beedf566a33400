// SPDX-License-Identifier: MIT
//
// Reading and writing regular files through the pages of their object.
//
// The inode's lock makes a read or write of one call atomic to others.  User
// memory is touched under it only with faults off: a page of the buffer may be a
// page of this very file, and a fault must not wait for us.  When such a copy
// ends early the lock is dropped, the buffer is faulted in, and it goes on.

#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/reaper.h"

enum {
  DIRTY_BATCH = 256,      // pages of a file before its writer has to care
  DIRTY_SHARE = 8,        // and the share of memory it may fill with them
};

// A transfer under the lock ended with r before n bytes at buf were done.
// => 0: try again; else the reason not to
static int
go_on(i64 r, va_t buf, u64 n, bool to_user)
{
  if(r == -ENOMEM)
    return memory_wait();
  if(r < 0 && r != -EAGAIN)
    return r;
  return object_fault_in(buf, n, to_user);
}

// The access time is kept only as well as it is of use: was the file read since
// it was last written?
static void
note_access(struct inode *i)
{
  if(i->super->read_only || i->atime.sec > i->mtime.sec ||
     (i->atime.sec == i->mtime.sec && i->atime.nsec > i->mtime.nsec))
    return;
  rw_write_lock(&i->lock);
  time_now(&i->atime);
  i->dirty = true;
  rw_write_unlock(&i->lock);
}

static i64
regular_read(struct file *f, va_t buf, u64 n, u64 *pos)
{
  struct inode *i = f->inode;
  u64 done = 0;
  i64 r = 0;
  while(r == 0 && done < n && !current->killed){
    rw_read_lock(&i->lock);
    r = object_read(&i->object, *pos, buf + done, n - done);
    bool end = *pos + (r > 0 ? r : 0) >= i->object.size;
    rw_read_unlock(&i->lock);
    if(r > 0){
      done += r;
      *pos += r;
    }
    if(end || done == n)
      break;
    r = go_on(r, buf + done, n - done, true);
  }
  if(done == 0)
    return r;
  note_access(i);
  return done;
}

static i64
write_locked(struct file *f, va_t buf, u64 n, u64 *pos)
{
  struct inode *i = f->inode;
  if(f->flags & O_APPEND)
    *pos = i->object.size;
  if(*pos >= FILE_SIZE_MAX)
    return -EFBIG;
  i64 r = object_write(&i->object, *pos, buf, min(n, FILE_SIZE_MAX - *pos));
  if(r > 0){
    *pos += r;
    inode_modified(i);
  }
  return r;
}

// Whoever fills memory with dirty pages faster than they are written has to wait
// for the disk.
static void
throttle(struct inode *i)
{
  u64 dirty = atomic_load(&i->object.pages.marked);
  if(unlikely(dirty > DIRTY_BATCH) && dirty > frames_total() / DIRTY_SHARE)
    object_sync(&i->object, 0, ~0UL);
}

static i64
regular_write(struct file *f, va_t buf, u64 n, u64 *pos)
{
  struct inode *i = f->inode;
  u64 done = 0;
  i64 r = 0;
  while(r == 0 && done < n && !current->killed){
    rw_write_lock(&i->lock);
    r = write_locked(f, buf + done, n - done, pos);
    rw_write_unlock(&i->lock);
    if(r > 0)
      done += r;
    if(done < n)
      r = go_on(r, buf + done, n - done, false);
  }
  throttle(i);
  return done > 0 ? (i64)done : r;
}

static struct object *
regular_map(struct file *f)
{
  object_get(&f->inode->object);
  return &f->inode->object;
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
