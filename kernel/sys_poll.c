// SPDX-License-Identifier: MIT
//
// ppoll and pselect6: two notations of one thing, waiting for any of several
// files.

#include <machine.h>
#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/poll.h"
#include "kernel/signal.h"
#include "kernel/string.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
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
    poll_wait_init(&it[k].wait, set);
    it[k].file = it[k].fd >= 0 ? fd_file(it[k].fd) : NULL;
  }
}

static void
items_close(struct item *it, u32 n)
{
  for(u32 k = 0; k < n; k++){
    poll_wait_done(&it[k].wait);
    if(it[k].file)
      file_put(it[k].file);
  }
}

static u32
ask(struct item *it)
{
  struct file *f = it->file;
  if(it->fd < 0)
    return 0;
  if(f == NULL)
    return POLLNVAL;
  u32 ready = POLLIN | POLLOUT;          // a file that never makes anybody wait
  if(f->ops->poll)
    ready = f->ops->poll(f, it->wait.source ? NULL : &it->wait);
  return ready & (it->events | POLLERR | POLLHUP);
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

enum { NS = 1000000000 };

static int
get_deadline(va_t timeout, u64 *deadline)
{
  struct timespec ts;
  *deadline = ~0UL;
  if(timeout == 0)
    return 0;
  if(copy_from_user(&ts, timeout, sizeof ts))
    return -EFAULT;
  if(ts.sec < 0 || ts.nsec < 0 || ts.nsec >= NS)
    return -EINVAL;
  u64 ns;
  if(!__builtin_mul_overflow((u64)ts.sec, NS, &ns) &&
     !__builtin_add_overflow(ns, ts.nsec + machine_time_ns(), &ns))
    *deadline = ns;
  return 0;
}

// Wait with another signal mask, if there is one.
static i64
await_masked(struct item *it, u32 n, u64 deadline, va_t mask, u64 mask_size)
{
  u64 set, old = current->sig_blocked;
  if(mask == 0)
    return await(it, n, deadline);
  if(mask_size != sizeof set)
    return -EINVAL;
  if(copy_from_user(&set, mask, sizeof set))
    return -EFAULT;
  signal_block(set);
  i64 r = await(it, n, deadline);
  signal_block(old);
  return r;
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
  u64 deadline;
  u32 n = a[1];
  if(n > current->files->limit)
    return -EINVAL;
  i64 e = get_deadline(a[2], &deadline);
  struct item *it = e ? NULL : items_alloc(n);
  if(it == NULL)
    return e ? e : -ENOMEM;
  i64 r = get_pollfds(it, a[0], n);
  if(r == 0)
    r = await_masked(it, n, deadline, a[3], a[4]);
  if(r >= 0 && (e = put_pollfds(it, a[0], n)))
    r = e;
  kfree(it);
  return r;
}

// ---- pselect6 ----

enum { SETS = 3, SET_BITS = 1024, SET_WORDS = SET_BITS / 64 };

// Which events put a descriptor into the read, write and exception set; the
// first one asks for the event itself.
static const u32 set_events[SETS] = { POLLIN | POLLHUP | POLLERR, POLLOUT | POLLERR, POLLPRI };

struct sets { u64 bits[SETS][SET_WORDS]; };

static bool
in_set(const u64 *bits, u32 fd)
{
  return bits[fd / 64] >> fd % 64 & 1;
}

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
      if(in_set(s->bits[k], fd))
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
      if(!in_set(s->bits[k], fd))
        continue;
      if(it[fd].ready & set_events[k])
        count++;
      else
        s->bits[k][fd / 64] &= ~(1UL << fd % 64);
    }
  return count;
}

static i64
select(struct sets *s, const u64 *a, u32 nfds, u64 deadline)
{
  struct { va_t set; u64 size; } mask = { 0, 0 };
  if(a[5] && copy_from_user(&mask, a[5], sizeof mask))
    return -EFAULT;
  struct item *it = items_alloc(nfds);
  if(it == NULL)
    return -ENOMEM;
  sets_to_items(s, it, nfds);
  i64 r = await_masked(it, nfds, deadline, mask.set, mask.size);
  if(r >= 0)
    r = items_to_sets(s, it, nfds);
  kfree(it);
  return r;
}

i64
sys_pselect6(const u64 *a)
{
  struct sets s;
  u64 deadline;
  u32 nfds = min((u64)(i64)(i32)a[0], (u64)SET_BITS);
  if((i32)a[0] < 0)
    return -EINVAL;
  i64 r = get_deadline(a[4], &deadline);
  if(r == 0)
    r = get_sets(&s, a, nfds);
  if(r == 0)
    r = select(&s, a, nfds, deadline);
  int e = r >= 0 ? put_sets(&s, a, nfds) : 0;
  return e ? e : r;
}
