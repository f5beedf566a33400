// SPDX-License-Identifier: MIT
//
// ppoll and pselect6: two notations of one thing, waiting for any of several
// files.

#include <machine.h>
#include "fs/vfs.h"
#include "kernel/bits.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/poll.h"
#include "kernel/signal.h"
#include "kernel/string.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/timespec.h"
#include "mm/slab.h"

struct item {
  int fd;                    // < 0: left out
  u32 events, ready;
  struct file *file;         // referenced, or NULL
  struct poll_wait wait;
};

// ---- The waiting ----

static void
items_open(struct item *it, u32 n, struct poll_set *set)
{
  poll_set_init(set);
  for(u32 k = 0; k < n; k++){
    poll_wait_init(&it[k].wait, poll_set_tell, set);
    it[k].file = it[k].fd >= 0 ? fd_file(it[k].fd) : NULL;
  }
}

static void
items_close(struct item *it, u32 n)
{
  for(u32 k = 0; k < n; k++){
    poll_wait_done(&it[k].wait);
    file_put(it[k].file);
  }
}

static u32
ask(struct item *it)
{
  struct file *f = it->file;
  if(it->fd < 0)
    return 0;
  if(f == NULL || (f->flags & O_PATH))
    return POLLNVAL;
  u32 ready = POLLIN | POLLOUT;          // a file that never makes anybody wait
  if(f->ops->poll)
    ready = f->ops->poll(f, it->wait.source ? NULL : &it->wait);
  return poll_normal(ready) & (it->events | POLLERR | POLLHUP);
}

// => how many are ready
static u32
ask_all(struct item *it, u32 n)
{
  u32 count = 0;
  for(u32 k = 0; k < n; k++){
    it[k].ready = ask(&it[k]);
    count += it[k].ready != 0;
  }
  return count;
}

// => items that are ready, 0 if the deadline passed, or -EINTR
static i64
await(struct item *it, u32 n, u64 deadline)
{
  struct poll_set set;
  u32 count;
  int e = 0;
  items_open(it, n, &set);
  while((count = ask_all(it, n)) == 0 && e == 0)
    e = poll_set_wait(&set, deadline);
  items_close(it, n);
  return count > 0 ? (i64)count : e == -ETIMEDOUT ? 0 : e;
}

// ---- Time limit and signal mask ----

// Wait with another signal mask, if there is one, and tell how much of the time is
// left: a call that is made again goes on with that.
static i64
await_masked(struct item *it, u32 n, va_t timeout, va_t mask, u64 mask_size)
{
  u64 deadline;
  int e = timespec_get_deadline(timeout, &deadline);
  if(e == 0 && mask)
    e = signal_mask_for_call(mask, mask_size);
  if(e)
    return e;
  i64 r = await(it, n, deadline);
  bool told = timespec_put_rest(timeout, deadline) == 0;
  if(r == -EINTR && told)
    r = -ENOHANDLER;
  return mask ? signal_mask_back(r) : r;
}

static struct item *
items_alloc(u64 n)
{
  return kzalloc(max(n, 1UL) * sizeof(struct item));
}

// ---- ppoll ----

struct pollfd { i32 fd; i16 events, revents; };

static int
get_pollfds(struct item *it, va_t fds, u32 n)
{
  for(u32 k = 0; k < n; k++){
    struct pollfd p;
    if(copy_from_user(&p, fds + k * sizeof p, sizeof p))
      return -EFAULT;
    it[k].fd = p.fd;
    it[k].events = (u16)p.events;
  }
  return 0;
}

static int
put_pollfds(const struct item *it, va_t fds, u32 n)
{
  for(u32 k = 0; k < n; k++){
    i16 ready = it[k].ready;
    va_t at = fds + k * sizeof(struct pollfd) + offsetof(struct pollfd, revents);
    if(copy_to_user(at, &ready, sizeof ready))
      return -EFAULT;
  }
  return 0;
}

i64
sys_ppoll(const u64 *a)
{
  u32 n = a[1];
  if(n > current->files->limit)
    return -EINVAL;
  struct item *it = items_alloc(n);
  if(it == NULL)
    return -ENOMEM;
  i64 r = get_pollfds(it, a[0], n);
  if(r == 0)
    r = await_masked(it, n, a[2], a[3], a[4]);
  int e = r >= 0 ? put_pollfds(it, a[0], n) : 0;
  kfree(it);
  return e ? e : r;
}

// ---- pselect6 ----

enum { SETS = 3, SET_BITS = 1024, SET_WORDS = SET_BITS / 64 };

// Which events put a descriptor into the read, write and exception set; the
// first one asks for the event itself.
static const u32 set_events[SETS] = { POLLIN | POLLHUP | POLLERR, POLLOUT | POLLERR, POLLPRI };

struct sets { u64 bits[SETS][SET_WORDS]; };

static u64
set_bytes(u32 nfds)
{
  return round_up(nfds, 64) / 8;
}

static int
get_sets(struct sets *s, const u64 *a, u32 nfds)
{
  memset(s, 0, sizeof *s);
  for(u32 k = 0; k < SETS; k++)
    if(a[1 + k] && copy_from_user(s->bits[k], a[1 + k], set_bytes(nfds)))
      return -EFAULT;
  return 0;
}

static int
put_sets(const struct sets *s, const u64 *a, u32 nfds)
{
  for(u32 k = 0; k < SETS; k++)
    if(a[1 + k] && copy_to_user(a[1 + k], s->bits[k], set_bytes(nfds)))
      return -EFAULT;
  return 0;
}

static void
sets_to_items(const struct sets *s, struct item *it, u32 nfds)
{
  for(u32 fd = 0; fd < nfds; fd++){
    for(u32 k = 0; k < SETS; k++)
      if(bits_get(s->bits[k], fd))
        it[fd].events |= set_events[k];
    it[fd].fd = it[fd].events ? (int)fd : -1;
  }
}

// => bits set in all, or -EBADF
static i64
items_to_sets(struct sets *s, const struct item *it, u32 nfds)
{
  i64 count = 0;
  for(u32 fd = 0; fd < nfds; fd++)
    for(u32 k = 0; k < SETS; k++){
      if(it[fd].ready & POLLNVAL)
        return -EBADF;
      if(!bits_get(s->bits[k], fd))
        continue;
      if(it[fd].ready & set_events[k])
        count++;
      else
        bits_set(s->bits[k], fd, false);
    }
  return count;
}

static i64
select(struct sets *s, const u64 *a, u32 nfds)
{
  struct { va_t set; u64 size; } mask = { 0, 0 };
  if(a[5] && copy_from_user(&mask, a[5], sizeof mask))
    return -EFAULT;
  struct item *it = items_alloc(nfds);
  if(it == NULL)
    return -ENOMEM;
  sets_to_items(s, it, nfds);
  i64 r = await_masked(it, nfds, a[4], mask.set, mask.size);
  if(r >= 0)
    r = items_to_sets(s, it, nfds);
  kfree(it);
  return r;
}

i64
sys_pselect6(const u64 *a)
{
  struct sets s;
  u32 nfds = min((u64)(i64)(i32)a[0], (u64)SET_BITS);
  if((i32)a[0] < 0)
    return -EINVAL;
  i64 r = get_sets(&s, a, nfds);
  if(r == 0)
    r = select(&s, a, nfds);
  int e = r >= 0 ? put_sets(&s, a, nfds) : 0;
  return e ? e : r;
}
