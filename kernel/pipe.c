// SPDX-License-Identifier: MIT
//
// Pipes and FIFOs: a ring of bytes in pages that come as it fills and go as it
// drains, with reading and writing ends that count.
//
// p->lock is a spinlock: bytes are copied under it with faults off, and a copy
// that ends early is tried again once the buffer has been faulted in without it.
// inode->lock, outside it, guards inode->pipe and thereby the pipe's life.

#include <machine.h>
#include "fs/text.h"
#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/pipe.h"
#include "kernel/poll.h"
#include "kernel/signal.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "kernel/termios.h"
#include "mm/frame.h"
#include "mm/reaper.h"
#include "mm/slab.h"

enum { RING_PAGES = PIPE_SIZE / PAGE_SIZE, PIPE_BUF = 4096 };

struct pipe {
  struct spinlock lock;             // below
  u64 head, tail;                   // bytes taken out and put in, ever
  u64 size;                         // how many it holds
  char *page[RING_PAGES];           // of byte b: page[b / PAGE_SIZE % RING_PAGES]
  u32 readers, writers;             // open ends
  u32 users;                        // open files, and who is opening one: inode->lock
  u64 reader_opens, writer_opens;   // ever
  struct waitq readable, writable;  // wait for data, for room; FIFOs: for the other end
  struct poll_source news;
  u64 visitor;                      // see pipe_peek
};

static const struct file_ops pipe_ops;

static void
pipe_construct(void *mem)
{
  struct pipe *p = mem;
  memset(p, 0, sizeof *p);
  p->size = PIPE_SIZE;
  spin_init(&p->lock, "pipe");
  waitq_init(&p->readable);
  waitq_init(&p->writable);
  poll_source_init(&p->news);
}

static struct cache pipe_cache = CACHE("pipe", sizeof(struct pipe), pipe_construct);
static struct cache node_cache = CACHE("pipe inode", sizeof(struct inode), NULL);

// ---- The ring; p->lock held ----

static u64 filled(const struct pipe *p) { return p->tail - p->head; }
static u64 room(const struct pipe *p) { return p->size - filled(p); }

static char **
page_slot(struct pipe *p, u64 byte)
{
  return &p->page[byte / PAGE_SIZE % RING_PAGES];
}

static void
free_page(char **slot)
{
  frame_free(kva_frame(*slot));
  *slot = NULL;
}

// head has moved up to `byte` within or to the end of its page, which goes unless
// the tail has come round to it, or it is the only one: the next message's.
static void
move_head(struct pipe *p, u64 byte)
{
  char **slot = page_slot(p, p->head);
  u64 end = page_down(p->head) + PAGE_SIZE;
  p->head = byte;
  if(byte == end && byte < p->tail && p->tail <= end - PAGE_SIZE + PIPE_SIZE)
    free_page(slot);
  if(p->head == p->tail){
    u64 at = (p->head - 1) / PAGE_SIZE % RING_PAGES * PAGE_SIZE;
    p->head = p->tail = at;              // an empty ring begins where its page does
  }
}

// => bytes moved, or -EFAULT if not even one could be
static i64
copy_out(struct pipe *p, va_t buf, u64 n)
{
  u64 done = 0, left = 0;
  current->faults_off++;
  while(done < n && left == 0){
    u64 off = p->head & PAGE_MASK, len = min(n - done, PAGE_SIZE - off);
    left = copy_to_user(buf + done, *page_slot(p, p->head) + off, len);
    done += len - left;
    if(len > left)
      move_head(p, p->head + len - left);
  }
  current->faults_off--;
  return done > 0 ? (i64)done : -EFAULT;
}

static bool
make_page(char **slot)
{
  if(*slot == NULL){
    struct frame *f = frame_alloc(KIND_KERNEL, ALLOC_USER);
    *slot = f ? frame_kva(f) : NULL;
  }
  return *slot != NULL;
}

// => bytes moved: all n if `whole`; else -EFAULT or -ENOMEM and nothing happened
static i64
copy_in(struct pipe *p, va_t buf, u64 n, bool whole)
{
  u64 done = 0, left = 0;
  i64 why = -EFAULT;
  current->faults_off++;
  while(done < n && left == 0){
    u64 at = p->tail + done, off = at & PAGE_MASK, len = min(n - done, PAGE_SIZE - off);
    if(!make_page(page_slot(p, at))){
      why = -ENOMEM;
      break;
    }
    left = copy_from_user(*page_slot(p, at) + off, buf + done, len);
    done += len - left;
  }
  current->faults_off--;
  if(done == 0 || (whole && done < n))
    return why;
  p->tail += done;
  return done;
}

// ---- Reading and writing ----

// => bytes to be had, 0 at the end of the file, or -errno
static i64
await_data(struct pipe *p, u32 flags)
{
  while(filled(p) == 0){
    if(p->writers == 0)
      return 0;
    if(flags & O_NONBLOCK)
      return -EAGAIN;
    int e = wait_intr(&p->readable, &p->lock);
    if(e)
      return e;
  }
  return filled(p);
}

// Only the first stretch waits for data; there is another if the copy met a page
// of the buffer that was not there.
static i64
pipe_read(struct file *f, va_t buf, u64 n, u64 *pos)
{
  struct pipe *p = f->priv;
  u64 done = 0, len = n;
  i64 r = 0;
  while(len > 0 && done < n){
    spin_lock(&p->lock);
    r = done > 0 ? (i64)filled(p) : await_data(p, f->flags);
    len = r > 0 ? min(n - done, (u64)r) : 0;
    if(len > 0)
      r = copy_out(p, buf + done, len);
    spin_unlock(&p->lock);
    u64 got = r > 0 ? (u64)r : 0;
    done += got;
    if(got == len || (r = object_fault_in(buf + done, len - got, true)) != 0)
      break;
  }
  if(done > 0){
    wake_all(&p->writable);
    poll_notify(&p->news, POLLOUT);
  }
  return done > 0 ? (i64)done : r;
}

// => bytes there is room for, at least `least`; or -errno
static i64
await_room(struct pipe *p, u32 flags, u64 least)
{
  for(;;){
    if(p->readers == 0)
      return -EPIPE;
    if(room(p) >= least)
      return room(p);
    if(flags & O_NONBLOCK)
      return -EAGAIN;
    int e = wait_intr(&p->writable, &p->lock);
    if(e)
      return e;
  }
}

// One stretch of a write.  Up to PIPE_BUF bytes go as one.  => bytes, 0: once
// more, or -errno
static i64
write_some(struct pipe *p, u32 flags, va_t buf, u64 n, bool whole)
{
  spin_lock(&p->lock);
  i64 r = await_room(p, flags, whole ? n : 1);
  u64 len = r > 0 ? min(n, (u64)r) : 0;
  if(len > 0)
    r = copy_in(p, buf, len, whole);
  spin_unlock(&p->lock);
  if(r == -EFAULT)
    return object_fault_in(buf, len, false);
  if(r == -ENOMEM)
    return memory_wait();
  if(r > 0){
    wake_all(&p->readable);
    poll_notify(&p->news, POLLIN);
  }
  return r;
}

static i64
pipe_write(struct file *f, va_t buf, u64 n, u64 *pos)
{
  u64 done = 0;
  i64 r = 0;
  while(done < n && r >= 0){
    r = write_some(f->priv, f->flags, buf + done, n - done, n <= PIPE_BUF);
    if(r > 0)
      done += r;
  }
  if(r == -EPIPE)
    signal_raise(SIGPIPE);
  return done > 0 ? (i64)done : r;
}

static u32
pipe_poll(struct file *f, struct poll_wait *w)
{
  struct pipe *p = f->priv;
  u32 mode = f->flags & O_ACCMODE, ready = 0;
  poll_add(&p->news, w);
  spin_lock(&p->lock);
  if(mode != O_WRONLY)
    ready |= (filled(p) > 0 ? POLLIN : 0) | (p->writers == 0 ? POLLHUP : 0);
  if(mode != O_RDONLY)
    ready |= (room(p) >= PIPE_BUF ? POLLOUT : 0) | (p->readers == 0 ? POLLERR : 0);
  spin_unlock(&p->lock);
  return ready;
}

static i64
pipe_ioctl(struct file *f, u64 cmd, u64 arg)
{
  struct pipe *p = f->priv;
  if(cmd != FIONREAD)
    return -ENOTTY;
  spin_lock(&p->lock);
  u32 n = filled(p);
  spin_unlock(&p->lock);
  return store_user_u32(arg, n);
}

i64
pipe_set_size(struct file *f, u32 size)
{
  struct pipe *p = f->priv;
  u64 to = PAGE_SIZE;
  if(f->ops != &pipe_ops)
    return -EBADF;
  while(to < size)
    to *= 2;
  if(to > PIPE_SIZE)
    return to > 1UL << 31 ? -EINVAL : -EPERM;
  spin_lock(&p->lock);
  i64 r = size == 0 ? (i64)p->size : filled(p) > to ? -EBUSY : (i64)(p->size = to);
  spin_unlock(&p->lock);
  wake_all(&p->writable);
  poll_notify(&p->news, POLLOUT);
  return r;
}

bool
pipe_peek(struct inode *i, u64 visitor, struct text *t)
{
  struct pipe *p = i->pipe;
  spin_lock(&p->lock);
  bool new = p->visitor != visitor;
  p->visitor = visitor;
  for(u64 at = p->head, n; new && at < p->tail; at += n){
    n = min(p->tail - at, PAGE_SIZE - (at & PAGE_MASK));
    text_add_bytes(t, *page_slot(p, at) + (at & PAGE_MASK), n);
  }
  spin_unlock(&p->lock);
  return new;
}

// ---- Ends ----

static void
add_ends(struct pipe *p, u32 flags)
{
  u32 mode = flags & O_ACCMODE;
  p->readers += mode != O_WRONLY;
  p->reader_opens += mode != O_WRONLY;
  p->writers += mode != O_RDONLY;
  p->writer_opens += mode != O_RDONLY;
}

static void
tell_all(struct pipe *p)
{
  wake_all(&p->readable);
  wake_all(&p->writable);
  poll_notify(&p->news, ~0U);
}

// The last end is closed: back to the constructed state.
static void
pipe_free(struct pipe *p)
{
  for(u32 k = 0; k < RING_PAGES; k++)
    if(p->page[k])
      free_page(&p->page[k]);
  p->head = p->tail = 0;
  p->size = PIPE_SIZE;
  p->reader_opens = p->writer_opens = 0;
  cache_free(&pipe_cache, p);
}

static void
pipe_release(struct file *f)
{
  struct pipe *p = f->priv;
  u32 mode = f->flags & O_ACCMODE;
  rw_write_lock(&f->inode->lock);
  spin_lock(&p->lock);
  p->readers -= mode != O_WRONLY;
  p->writers -= mode != O_RDONLY;
  spin_unlock(&p->lock);
  if(--p->users == 0){
    f->inode->pipe = NULL;
    pipe_free(p);
  } else {
    tell_all(p);
  }
  rw_write_unlock(&f->inode->lock);
}

static const struct file_ops pipe_ops = {
  .read = pipe_read,
  .write = pipe_write,
  .ioctl = pipe_ioctl,
  .poll = pipe_poll,
  .release = pipe_release,
};

// ---- FIFOs ----

// Open an end, then wait until the other is open, or has been meanwhile.
// => 0, -ENXIO or -EINTR; the end is open in any case
static int
open_end(struct pipe *p, u32 flags)
{
  u32 mode = flags & O_ACCMODE;
  u64 *opens = mode == O_RDONLY ? &p->writer_opens : &p->reader_opens;
  struct waitq *q = mode == O_RDONLY ? &p->readable : &p->writable;
  int e = 0;
  spin_lock(&p->lock);
  add_ends(p, flags);
  tell_all(p);
  bool alone = p->readers == 0 || p->writers == 0;
  u64 before = *opens;
  if(alone && (flags & O_NONBLOCK))
    e = mode == O_WRONLY ? -ENXIO : 0;
  else
    while(alone && *opens == before && e == 0)
      e = wait_intr(q, &p->lock);
  spin_unlock(&p->lock);
  return e;
}

// The pipe behind a FIFO, held by one more user of whom open_end will tell.
static struct pipe *
pipe_of(struct inode *i)
{
  if(i->pipe == NULL)
    i->pipe = cache_alloc(&pipe_cache);
  if(i->pipe)
    i->pipe->users++;
  return i->pipe;
}

int
fifo_open(struct file *f, struct inode *i)
{
  rw_write_lock(&i->lock);
  struct pipe *p = pipe_of(i);
  rw_write_unlock(&i->lock);
  if(p == NULL)
    return -ENOMEM;
  f->ops = &pipe_ops;
  f->priv = p;
  int e = open_end(p, f->flags);
  if(e)
    pipe_release(f);
  return e;
}

// ---- Pipes without a name ----

static struct super pipes;           // what their inodes belong to; never mounted

static void
node_evict(struct inode *i)
{
  cache_free(&node_cache, i);
}

static const struct inode_ops node_ops = { .evict = node_evict };

static struct inode *
node_create(void)
{
  struct inode *i = cache_zalloc(&node_cache);
  if(i == NULL)
    return NULL;
  inode_init(i, &pipes, &node_ops, 0, S_IFIFO | 0600);
  i->ino = i->id;
  i->pipe = cache_alloc(&pipe_cache);
  if(i->pipe == NULL){
    inode_put(i);
    return NULL;
  }
  time_now(&i->mtime);
  i->atime = i->ctime = i->mtime;
  return i;
}

static struct file *
end_create(struct inode *i, u32 flags)
{
  struct file *f = file_create(&pipe_ops, flags);
  if(f == NULL)
    return NULL;
  f->inode = inode_get(i);
  f->priv = i->pipe;
  i->pipe->users++;
  add_ends(i->pipe, flags);
  return f;
}

int
pipe_create(struct file *end[2], u32 flags)
{
  struct inode *i = node_create();
  if(i == NULL)
    return -ENOMEM;
  end[0] = end_create(i, O_RDONLY | (flags & O_NONBLOCK));
  end[1] = end[0] ? end_create(i, O_WRONLY | (flags & O_NONBLOCK)) : NULL;
  if(end[1] == NULL && end[0])
    file_put(end[0]);
  else if(end[1] == NULL)
    pipe_free(i->pipe);
  inode_put(i);
  return end[1] ? 0 : -ENOMEM;
}

void
pipe_init(void)
{
  super_init(&pipes, "pipefs", "pipefs");
}
