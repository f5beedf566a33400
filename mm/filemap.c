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

// => bytes not copied
static inline u64
copy_out(va_t buf, const void *src, u64 n)
{
  current->faults_off++;
  u64 left = copy_to_user(buf, src, n);
  current->faults_off--;
  return left;
}

static inline u64
copy_in(void *dst, va_t buf, u64 n)
{
  current->faults_off++;
  u64 left = copy_from_user(dst, buf, n);
  current->faults_off--;
  return left;
}

// How many of n bytes at off are in one page.
static inline u64
in_one_page(u64 off, u64 n)
{
  return min(PAGE_SIZE - (off & PAGE_MASK), n);
}

// ---- Reading ----

// What is in one page.  => as object_read
static inline int
read_page(struct object *o, u64 off, va_t buf, u64 len, u64 *done)
{
  struct frame *f = object_look(o, off >> PAGE_SHIFT);
  int err = likely(f) ? 0 : object_page(o, off >> PAGE_SHIFT, &f);
  if(unlikely(err))
    return err;
  u64 got = len - copy_out(buf, (char *)frame_kva(f) + (off & PAGE_MASK), len);
  frame_unpin(f);
  *done += got;
  return got == len ? 0 : -EAGAIN;
}

typedef int transfer(struct object *o, u64 off, va_t buf, u64 n, u64 *done);

// Several pages, one by one.
static __attribute__((noinline)) int
each_page(transfer *one, struct object *o, u64 off, va_t buf, u64 n, u64 *done)
{
  u64 total = 0;
  int err;
  do {
    err = one(o, off + total, buf + total, in_one_page(off + total, n - total), done);
    total += *done;
  } while(err == 0 && *done > 0 && total < n);
  *done = total;
  return err;
}

int
object_read(struct object *o, u64 off, va_t buf, u64 n, u64 *done)
{
  u64 size = atomic_load(&o->size);
  *done = 0;
  if(off >= size)
    return 0;
  n = min(n, size - off);
  if(unlikely(in_one_page(off, n) < n))
    return each_page(object_read, o, off, buf, n, done);
  return read_page(o, off, buf, n, done);
}

i64
object_read_kernel(struct object *o, u64 off, void *buf, u64 n)
{
  u64 size = atomic_load(&o->size), done = 0;
  n = off < size ? min(n, size - off) : 0;
  while(done < n){
    u64 at = off + done, len = in_one_page(at, n - done);
    struct frame *f;
    int err = object_page(o, at >> PAGE_SHIFT, &f);
    if(err)
      return done ? (i64)done : err;
    memcpy((char *)buf + done, (char *)frame_kva(f) + (at & PAGE_MASK), len);
    frame_unpin(f);
    done += len;
  }
  return (i64)done;
}

// ---- Growing ----

int
object_zero(struct object *o, u64 off, u64 end)
{
  struct frame *f;
  int err = off < end ? object_page(o, off >> PAGE_SHIFT, &f) : 0;
  if(err || off >= end)
    return err;
  err = object_make_dirty(o, f);
  if(err == 0){
    memset((char *)frame_kva(f) + (off & PAGE_MASK), 0, end - off);
    object_mark_dirty(o, f);
  }
  frame_unpin(f);
  return err;
}

// The page that holds the old end must read as zeroes from there on, in the
// store too, before the size may go past it.
static int
zero_old_tail(struct object *o)
{
  return object_zero(o, o->size, page_up(o->size));
}

int
object_extend(struct object *o, u64 size)
{
  int err = size > o->size ? zero_old_tail(o) : 0;
  if(err == 0)
    atomic_store(&o->size, size);
  return err;
}

// ---- Writing ----

// The size goes up before what was stored counts as dirty: write-back cuts the last
// page at the file's end.
static inline void
reach(struct object *o, u64 end)
{
  if(end > o->size)
    atomic_store(&o->size, end);
}

// A page that is there.  It is dirty, and has its place, before the first byte
// changes; and again after the last, should it have been written in between.
static __attribute__((noinline)) int
overwrite(struct object *o, struct frame *f, u64 off, va_t buf, u64 len, u64 *done)
{
  int err = object_make_dirty(o, f);
  if(err == 0){
    u64 got = len - copy_in((char *)frame_kva(f) + (off & PAGE_MASK), buf, len);
    if(got > 0)
      reach(o, off + got);
    object_mark_dirty(o, f);
    *done += got;
    err = got == len ? 0 : -EAGAIN;
  }
  frame_unpin(f);
  return err;
}

static __attribute__((noinline)) int
write_old(struct object *o, u64 off, va_t buf, u64 len, u64 *done)
{
  struct frame *f;
  int err = object_page(o, off >> PAGE_SHIFT, &f);
  return err ? err : overwrite(o, f, off, buf, len, done);
}

// What a fresh page holds beside n bytes at in_page is zero.
static __attribute__((noinline)) void
zero_around(char *page, u64 in_page, u64 n)
{
  memset(page, 0, in_page);
  memset(page + in_page + n, 0, PAGE_SIZE - in_page - n);
}

// Too little of the user's bytes was there to do without what the file has: as if the
// page had not been made.
static __attribute__((noinline)) int
give_up(struct object *o, struct frame *f, u64 off, va_t buf, u64 got, u64 *done)
{
  object_unmake(o, f);
  int err = got ? write_old(o, off, buf, got, done) : 0;
  return err ? err : -EAGAIN;
}

static __attribute__((noinline)) int
no_place(struct object *o, struct frame *f, int err)
{
  object_unmake(o, f);
  if(err == -EBUSY)
    err = o->ops->wait_place(o);
  return err ? err : -EAGAIN;
}

// A page that was made for this, without reading what the file has there: BUSY until
// all of it means something.  It gets its place last, when nothing can fail any more.
static inline int
write_fresh(struct object *o, struct frame *f, u64 off, va_t buf, u64 len, u64 *done)
{
  char *page = frame_kva(f);
  u64 in_page = off & PAGE_MASK, got = len - copy_in(page + in_page, buf, len);
  if(unlikely(got == 0) || (unlikely(got < len) && page_down(off) < o->size))
    return give_up(o, f, off, buf, got, done);
  int err = 0;
  if(likely(object_take_ahead(o, off >> PAGE_SHIFT)))
    frame_placed(f);
  else if((err = object_reserve(o, f)) != 0)
    return no_place(o, f, err);
  if(got < PAGE_SIZE)
    zero_around(page, in_page, got);
  reach(o, off + got);
  if(unlikely(f->slot))
    slot_drop(f);                      // nothing of what is there is left
  frame_ready(f);
  *done += got;
  return got == len ? 0 : -EAGAIN;
}

// Not read if nothing of it will be left.
static inline int
write_page(struct object *o, u64 off, va_t buf, u64 len, u64 *done)
{
  struct frame *f;
  bool fresh;
  if(len < PAGE_SIZE && page_down(off) < o->size)
    return write_old(o, off, buf, len, done);
  int err = object_fresh(o, off >> PAGE_SHIFT, &f, &fresh);
  if(unlikely(err))
    return err;
  return fresh ? write_fresh(o, f, off, buf, len, done) : overwrite(o, f, off, buf, len, done);
}

int
object_write(struct object *o, u64 off, va_t buf, u64 n, u64 *done)
{
  int err = n && off > o->size ? zero_old_tail(o) : 0;
  *done = 0;
  if(err || n == 0)
    return err;
  if(unlikely(in_one_page(off, n) < n))
    return each_page(object_write, o, off, buf, n, done);
  return write_page(o, off, buf, n, done);
}

// ---- The other side ----

// Enough for a retry to copy something; a long buffer takes several rounds.
enum { FAULT_IN_PAGES = 16 };

int
object_fault_in(va_t buf, u64 n, bool for_write)
{
  va_t end = min(buf + n, page_down(buf) + FAULT_IN_PAGES * PAGE_SIZE);
  if(n == 0 || end <= buf || end > USER_MAX)
    return n ? -EFAULT : 0;
  for(va_t va = page_down(buf); va < end; va += PAGE_SIZE)
    if(vm_fault(current->space, va, for_write ? ACCESS_WRITE : ACCESS_READ) != FAULT_OK)
      return va > buf ? 0 : -EFAULT;
  return 0;
}
