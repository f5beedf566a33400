// SPDX-License-Identifier: MIT
//
// read and write of an object's pages: the same pages that mmap shows.
//
// The caller holds the file's lock.  User memory is touched with faults off, so
// that a buffer which maps this very file cannot make a fault wait for a page
// that we hold BUSY; a copy that ends early is the caller's to go on with.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/objects.h"
#include "mm/space.h"

// => bytes copied
static u64
copy_out(va_t buf, const void *src, u64 n)
{
  current->faults_off++;
  u64 left = copy_to_user(buf, src, n);
  current->faults_off--;
  return n - left;
}

static u64
copy_in(void *dst, va_t buf, u64 n)
{
  current->faults_off++;
  u64 left = copy_from_user(dst, buf, n);
  current->faults_off--;
  return n - left;
}

static i64
result(u64 done, int err)
{
  return done ? (i64)done : err;
}

i64
object_read(struct object *o, u64 off, va_t buf, u64 n)
{
  u64 done = 0;
  u64 size = atomic_load(&o->size);
  n = off < size ? min(n, size - off) : 0;
  while(done < n){
    u64 in_page = (off + done) & PAGE_MASK, len = min(PAGE_SIZE - in_page, n - done);
    struct frame *f;
    int err = object_page(o, (off + done) >> PAGE_SHIFT, &f);
    if(err)
      return result(done, err);
    u64 got = copy_out(buf + done, (char *)frame_kva(f) + in_page, len);
    frame_put(f, PIN_1);
    done += got;
    if(got < len)
      return result(done, -EAGAIN);
  }
  return (i64)done;
}

i64
object_read_kernel(struct object *o, u64 off, void *buf, u64 n)
{
  u64 done = 0;
  u64 size = atomic_load(&o->size);
  n = off < size ? min(n, size - off) : 0;
  while(done < n){
    u64 in_page = (off + done) & PAGE_MASK, len = min(PAGE_SIZE - in_page, n - done);
    struct frame *f;
    int err = object_page(o, (off + done) >> PAGE_SHIFT, &f);
    if(err)
      return result(done, err);
    memcpy((char *)buf + done, (char *)frame_kva(f) + in_page, len);
    frame_put(f, PIN_1);
    done += len;
  }
  return (i64)done;
}

// The page that holds the old end must read as zeroes from there on, in the
// store too, before the size may go past it.
static int
zero_old_tail(struct object *o, u64 size)
{
  u64 in_page = size & PAGE_MASK;
  struct frame *f;
  if(in_page == 0)
    return 0;
  int err = object_page(o, size >> PAGE_SHIFT, &f);
  if(err)
    return err;
  err = object_make_dirty(o, f);
  if(err == 0){
    memset((char *)frame_kva(f) + in_page, 0, PAGE_SIZE - in_page);
    object_mark_dirty(o, f);
  }
  frame_put(f, PIN_1);
  return err;
}

int
object_extend(struct object *o, u64 size)
{
  int err = size > o->size ? zero_old_tail(o, o->size) : 0;
  if(err == 0)
    atomic_store(&o->size, size);
  return err;
}

// Reserve the page's place in the store, unless it is dirty and so has one.
// Nothing is BUSY yet: this may wait for the store.
static int
reserve(struct object *o, u64 index, const struct frame *f)
{
  if(f && (atomic_load(&f->word) & FRAME_DIRTY))
    return 0;
  return o->ops && o->ops->page_mkwrite ? o->ops->page_mkwrite(o, index) : 0;
}

// The page to write len bytes at off to, pinned; made without reading it when
// nothing of it will be left, and then BUSY (*fresh) until all of it means something.
static int
page_to_write(struct object *o, u64 off, u64 len, struct frame **out, bool *fresh)
{
  u64 index = off >> PAGE_SHIFT;
  struct frame *f = object_peek(o, index);
  int err = reserve(o, index, f);
  *fresh = false;
  *out = f;
  if(err && f)
    frame_put(f, PIN_1);
  if(err || f)
    return err;
  if(len == PAGE_SIZE || page_down(off) >= o->size)
    return object_page_fresh(o, index, out, fresh);
  return object_page(o, index, out);
}

// A fresh page that was not overwritten as a whole: what the file has there counts
// after all.  Read it, or leave it alone if nothing was copied.
// => 0 with *f a page that is not fresh, or NULL; -errno
static int
give_up_fresh(struct object *o, struct frame **f, u64 got)
{
  u64 index = (*f)->index;
  object_forget(o, *f);
  frame_put(*f, PIN_1);
  *f = NULL;
  return got ? object_page(o, index, f) : 0;
}

// => bytes copied, or -errno
static i64
write_page(struct object *o, u64 off, va_t buf, u64 len)
{
  u64 in_page = off & PAGE_MASK;
  bool fresh;
  struct frame *f;
  int err = page_to_write(o, off, len, &f, &fresh);
  if(err)
    return err;
  u64 got = copy_in((char *)frame_kva(f) + in_page, buf, len);
  if(fresh && got < len && page_down(off) < o->size){
    err = give_up_fresh(o, &f, got);
    if(err || f == NULL)
      return err;
    fresh = false;
    got = copy_in((char *)frame_kva(f) + in_page, buf, len);
  }
  if(fresh){
    char *kva = frame_kva(f);
    memset(kva, 0, in_page);
    memset(kva + in_page + got, 0, PAGE_SIZE - in_page - got);
  }
  object_mark_dirty(o, f);
  if(fresh)
    frame_unbusy(f);
  frame_put(f, PIN_1);
  return (i64)got;
}

i64
object_write(struct object *o, u64 off, va_t buf, u64 n)
{
  u64 done = 0;
  if(n && off > o->size){
    int err = zero_old_tail(o, o->size);
    if(err)
      return err;
  }
  while(done < n){
    u64 at = off + done, len = min(PAGE_SIZE - (at & PAGE_MASK), n - done);
    i64 got = write_page(o, at, buf + done, len);
    if(got < 0)
      return result(done, (int)got);
    done += (u64)got;
    if(got && at + (u64)got > o->size)
      atomic_store(&o->size, at + (u64)got);
    if((u64)got < len)
      return result(done, -EAGAIN);
  }
  return (i64)done;
}

// Enough for a retry to copy something; a long buffer takes several rounds.
enum { FAULT_IN_PAGES = 16 };

int
object_fault_in(va_t buf, u64 n, bool for_write)
{
  va_t end = min(buf + n, page_down(buf) + FAULT_IN_PAGES * PAGE_SIZE);
  if(n == 0)
    return 0;
  if(end <= buf || end > USER_MAX)
    return -EFAULT;
  for(va_t va = page_down(buf); va < end; va += PAGE_SIZE)
    if(vm_fault(current->space, va, for_write ? ACCESS_WRITE : ACCESS_READ) != FAULT_OK)
      return va > buf ? 0 : -EFAULT;
  return 0;
}
