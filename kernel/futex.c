// SPDX-License-Identifier: MIT
//
// Futexes: tasks of one space waiting on an address.  The word itself is the
// program's; the kernel only compares it once, under the lock that wakers take,
// so that a change followed by a wake-up is never missed.
//
// Lock: that of the address's bucket.  The word is read with faults off under it.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/futex.h"
#include "kernel/lock.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "fs/vfs.h"

enum { BUCKETS = 64 };

struct bucket {
  struct spinlock lock;
  struct list waiters;
};

// On the waiting task's stack.
struct futex_waiter {
  struct list link;          // in its bucket until it is woken
  struct space *space;
  va_t va;
  struct waitq queue;        // of one
};

static struct bucket buckets[BUCKETS];

void
futex_init(void)
{
  for(u32 i = 0; i < BUCKETS; i++){
    spin_init(&buckets[i].lock, "futex");
    list_init(&buckets[i].waiters);
  }
}

static struct bucket *
bucket_of(va_t va)
{
  u64 key = (u64)current->space / sizeof(u64) + va / sizeof(u32);
  return &buckets[(key * 0x9e3779b97f4a7c15UL) >> 58];
}

static int
load_now(u32 *value, va_t va)
{
  current->faults_off++;
  int err = load_user_u32(value, va);
  current->faults_off--;
  return err;
}

// Take the bucket's lock with the word read under it. => 0, or -EFAULT unlocked
static int
lock_and_load(struct bucket *b, va_t va, u32 *value)
{
  for(;;){
    if(load_user_u32(value, va) < 0)        // may sleep, to make the page present
      return -EFAULT;
    spin_lock(&b->lock);
    if(load_now(value, va) == 0)
      return 0;
    spin_unlock(&b->lock);
  }
}

int
futex_wait(va_t va, u32 expected, u64 deadline)
{
  struct bucket *b = bucket_of(va);
  struct futex_waiter w = { .space = current->space, .va = va };
  u32 value;
  waitq_init(&w.queue);
  list_init(&w.link);
  if(va % sizeof(u32))
    return -EINVAL;
  int err = lock_and_load(b, va, &value);
  if(err)
    return err;
  if(value != expected){
    spin_unlock(&b->lock);
    return -EAGAIN;
  }
  list_append(&b->waiters, &w.link);
  while(!list_empty(&w.link) && err == 0)
    err = wait_until(&w.queue, &b->lock, deadline);
  if(list_empty(&w.link))
    err = 0;
  else
    list_remove(&w.link);
  spin_unlock(&b->lock);
  return err;
}

u32
futex_wake(va_t va, u32 most)
{
  struct bucket *b = bucket_of(va);
  struct futex_waiter *w, *next;
  u32 woken = 0;
  spin_lock(&b->lock);
  list_for_safe(w, next, &b->waiters, link){
    if(woken == most)
      break;
    if(w->space == current->space && w->va == va){
      list_remove(&w->link);
      wake_one(&w->queue);
      woken++;
    }
  }
  spin_unlock(&b->lock);
  return woken;
}

// ---- The system call ----

enum {
  FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_WAIT_BITSET = 9, FUTEX_WAKE_BITSET = 10,
  FUTEX_PRIVATE = 128, FUTEX_CLOCK_REALTIME = 256,
};
#define FUTEX_ANY_BIT 0xffffffffU

// WAIT's timeout is from now, WAIT_BITSET's a point in time. => 0 or -errno
static int
deadline_of(va_t timeout, u32 op, u64 *deadline)
{
  struct timespec ts, wall;
  *deadline = NEVER;
  if(timeout == 0)
    return 0;
  if(copy_from_user(&ts, timeout, sizeof ts))
    return -EFAULT;
  if(ts.sec < 0 || ts.nsec < 0 || ts.nsec >= 1000000000)
    return -EINVAL;
  u64 ns = (u64)ts.sec * 1000000000 + (u64)ts.nsec, now = machine_time_ns();
  if((op & ~(u32)(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME)) == FUTEX_WAIT)
    *deadline = now + ns;
  else if(op & FUTEX_CLOCK_REALTIME){
    u64 wall_ns = time_now(&wall);
    *deadline = ns > wall_ns ? now + (ns - wall_ns) : now;
  } else {
    *deadline = ns;
  }
  return 0;
}

i64
sys_futex(const u64 *a)
{
  u32 op = (u32)a[1], value = (u32)a[2];
  u64 deadline;
  switch(op & ~(u32)(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME)){
  case FUTEX_WAIT_BITSET:
    if((u32)a[5] != FUTEX_ANY_BIT)
      return -ENOSYS;
    // fall through
  case FUTEX_WAIT: {
    int err = deadline_of(a[3], op, &deadline);
    return err ? err : futex_wait(a[0], value, deadline);
  }
  case FUTEX_WAKE_BITSET:
    if((u32)a[5] != FUTEX_ANY_BIT)
      return -ENOSYS;
    // fall through
  case FUTEX_WAKE:
    return futex_wake(a[0], value);
  default:
    return -ENOSYS;
  }
}
