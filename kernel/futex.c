// SPDX-License-Identifier: MIT
//
// Futexes: tasks waiting on a word of user memory.  The word itself is the
// program's; the kernel only compares it once, under the lock that wakers take, so
// that a change followed by a wake-up is never missed.
//
// Locks: a bucket's, for its list and the keys and buckets of the waiters on it;
// of two buckets that with the lower address first.  Then the waiter's own, for
// whether it has been woken: it may meanwhile be on another bucket's list.  The word
// is read with faults off under the bucket's.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/futex.h"
#include "kernel/lock.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/timespec.h"
#include "fs/vfs.h"
#include "mm/object.h"
#include "mm/space.h"

enum { BUCKETS = 64 };

// Which word: of a space by address, or of an object by offset, so that all who
// share the memory mean the same.
struct key {
  void *owner;
  u64 offset;
  struct object *object;     // referenced; NULL for memory of one space
};

struct bucket {
  struct spinlock lock;
  struct list waiters;
};

// On the waiting task's stack.
struct waiter {
  struct list link;          // in its bucket until it is woken
  struct bucket *bucket;
  struct key key;
  u32 bits;                  // a wake-up must have one of them
  struct spinlock lock;
  bool woken;
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

// ---- Words ----

// => 0 or -EINVAL
static int
key_get(struct key *k, va_t va, bool private)
{
  if(va % sizeof(u32))
    return -EINVAL;
  *k = (struct key){ current->space, va, NULL };
  k->object = private ? NULL : vm_object_at(current->space, va, &k->offset);
  if(k->object)
    k->owner = k->object;
  return 0;
}

static bool
same(const struct key *a, const struct key *b)
{
  return a->owner == b->owner && a->offset == b->offset;
}

static struct bucket *
bucket_of(const struct key *k)
{
  u64 hash = (u64)k->owner / sizeof(u64) + k->offset / sizeof(u32);
  return &buckets[(hash * 0x9e3779b97f4a7c15UL) >> 58];
}

static void
lock_two(struct bucket *a, struct bucket *b)
{
  spin_lock(a < b ? &a->lock : &b->lock);
  if(a != b)
    spin_lock(a < b ? &b->lock : &a->lock);
}

static void
unlock_two(struct bucket *a, struct bucket *b)
{
  spin_unlock(&a->lock);
  if(a != b)
    spin_unlock(&b->lock);
}

static int
load_now(u32 *value, va_t va)
{
  current->faults_off++;
  int err = load_user_u32(value, va);
  current->faults_off--;
  return err;
}

// Lock the buckets with the word at va read under them. => 0, or -EFAULT unlocked
static int
lock_and_load(struct bucket *a, struct bucket *b, va_t va, u32 *value)
{
  for(;;){
    if(load_user_u32(value, va) < 0)        // may sleep, to make the page present
      return -EFAULT;
    lock_two(a, b);
    if(load_now(value, va) == 0)
      return 0;
    unlock_two(a, b);
  }
}

// ---- Waiting ----

// Off the list, wherever it has got to. => was it woken after all?
static bool
leave(struct waiter *w)
{
  struct bucket *b;
  for(;;){
    b = atomic_load(&w->bucket);
    spin_lock(&b->lock);
    if(b == w->bucket)
      break;
    spin_unlock(&b->lock);
  }
  list_remove(&w->link);
  spin_unlock(&b->lock);
  return w->woken;
}

static int
wait_as(struct waiter *w, va_t va, u32 expected, u64 deadline)
{
  struct bucket *b = bucket_of(&w->key);
  u32 value;
  int err = lock_and_load(b, b, va, &value);
  if(err)
    return err;
  if(value == expected){
    w->bucket = b;
    list_append(&b->waiters, &w->link);
  }
  spin_unlock(&b->lock);
  if(value != expected)
    return -EAGAIN;
  spin_lock(&w->lock);
  while(!w->woken && err == 0)
    err = wait_until(&w->queue, &w->lock, deadline);
  spin_unlock(&w->lock);
  return leave(w) ? 0 : err;
}

static int
futex_wait(va_t va, u32 expected, u32 bits, bool private, u64 deadline)
{
  struct waiter w = {
    .bits = bits, .link = LIST_INIT(w.link), .lock = SPINLOCK_INIT("futex waiter"),
    .queue = WAITQ_INIT(w.queue),
  };
  int err = key_get(&w.key, va, private);
  if(err)
    return err;
  err = wait_as(&w, va, expected, deadline);
  object_put(w.key.object);
  return err;
}

// ---- Waking ----

// Its bucket locked.  After the unlock w may be gone.
static void
wake(struct waiter *w)
{
  list_remove(&w->link);
  spin_lock(&w->lock);
  w->woken = true;
  wake_one(&w->queue);
  spin_unlock(&w->lock);
}

static u32
wake_some(struct bucket *b, const struct key *k, u32 most, u32 bits)
{
  struct waiter *w, *next;
  u32 woken = 0;
  list_for_safe(w, next, &b->waiters, link){
    if(woken == most)
      break;
    if(same(&w->key, k) && (w->bits & bits)){
      wake(w);
      woken++;
    }
  }
  return woken;
}

static i64
wake_bits(va_t va, u32 most, u32 bits, bool private)
{
  struct key k;
  int err = key_get(&k, va, private);
  if(err)
    return err;
  struct bucket *b = bucket_of(&k);
  spin_lock(&b->lock);
  u32 woken = wake_some(b, &k, most, bits);
  spin_unlock(&b->lock);
  object_put(k.object);
  return woken;
}

void
futex_wake(va_t va, u32 most)
{
  wake_bits(va, most, ~0U, false);
}

// ---- Moving waiters to another word ----

static u32
move(struct bucket *from, struct bucket *to, const struct key *old, const struct key *new, u32 most)
{
  struct waiter *w, *next;
  struct list moved = LIST_INIT(moved);
  u32 n = 0;
  list_for_safe(w, next, &from->waiters, link){
    if(n == most)
      break;
    if(!same(&w->key, old))
      continue;
    list_remove(&w->link);
    list_append(&moved, &w->link);
    w->key.owner = new->owner;           // without a reference: if the object goes and
    w->key.offset = new->offset;
    atomic_store(&w->bucket, to);        // another takes its place, w may wake for nothing
    n++;
  }
  list_for_safe(w, next, &moved, link){
    list_remove(&w->link);
    list_append(&to->waiters, &w->link);
  }
  return n;
}

struct requeue {
  va_t from, to;
  u32 most_woken, most_moved;
  bool compare, private;
  u32 expected;
};

static i64
requeue_keys(const struct requeue *r, const struct key *old, const struct key *new)
{
  struct bucket *from = bucket_of(old), *to = bucket_of(new);
  u32 value, n;
  if(lock_and_load(from, to, r->from, &value) < 0)
    return -EFAULT;
  if(r->compare && value != r->expected){
    unlock_two(from, to);
    return -EAGAIN;
  }
  n = wake_some(from, old, r->most_woken, ~0U);
  n += move(from, to, old, new, r->most_moved);
  unlock_two(from, to);
  return n;
}

static i64
requeue(const struct requeue *r)
{
  struct key old, new;
  i64 n = key_get(&old, r->from, r->private);
  if(n < 0)
    return n;
  n = key_get(&new, r->to, r->private);
  if(n == 0){
    n = requeue_keys(r, &old, &new);
    object_put(new.object);
  }
  object_put(old.object);
  return n;
}

// ---- The system call ----

enum {
  FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_REQUEUE = 3, FUTEX_CMP_REQUEUE = 4,
  FUTEX_WAIT_BITSET = 9, FUTEX_WAKE_BITSET = 10,
  FUTEX_PRIVATE = 128, FUTEX_CLOCK_REALTIME = 256,
};

// FUTEX_WAIT: for some time.  Interrupted, it goes on with the same deadline.
i64
wait_on_until(const struct restart *r)
{
  i64 err = futex_wait(r->va, r->value, ~0U, r->bits, r->deadline);
  if(err != -EINTR || r->deadline == NEVER)
    return err;
  current->restart = *r;
  return -ERESTART;
}

static i64
wait_for_time(va_t va, u32 expected, va_t timeout, bool private)
{
  struct restart r = { .fn = wait_on_until, .va = va, .value = expected, .bits = private };
  int err = timespec_get_deadline(timeout, &r.deadline);
  return err ? err : wait_on_until(&r);
}

// FUTEX_WAIT_BITSET: until a point in time of one of two clocks.
static i64
wait_until_time(va_t va, u32 expected, va_t timeout, u32 bits, u32 op)
{
  u64 deadline = NEVER;
  int err = timeout ? timespec_get(timeout, &deadline) : 0;
  if(err)
    return err;
  if(timeout){
    struct timespec ts;
    u64 now = op & FUTEX_CLOCK_REALTIME ? time_now(&ts) : monotonic_now();
    deadline = machine_time_ns() + (deadline > now ? deadline - now : 0);
  }
  i64 r = futex_wait(va, expected, bits, op & FUTEX_PRIVATE, deadline);
  return r == -EINTR && timeout ? -ENOHANDLER : r;
}

i64
sys_futex(const u64 *a)
{
  u32 op = (u32)a[1], value = (u32)a[2], bits = (u32)a[5];
  bool private = op & FUTEX_PRIVATE;
  struct requeue r = {
    .from = a[0], .to = a[4], .most_woken = value, .most_moved = (u32)a[3],
    .private = private, .compare = (op & ~FUTEX_PRIVATE) == FUTEX_CMP_REQUEUE, .expected = bits,
  };
  switch(op & ~(u32)(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME)){
  case FUTEX_WAIT:
    return wait_for_time(a[0], value, a[3], private);
  case FUTEX_WAIT_BITSET:
    return bits ? wait_until_time(a[0], value, a[3], bits, op) : -EINVAL;
  case FUTEX_WAKE:
    return wake_bits(a[0], value, ~0U, private);
  case FUTEX_WAKE_BITSET:
    return bits ? wake_bits(a[0], value, bits, private) : -EINVAL;
  case FUTEX_REQUEUE:
  case FUTEX_CMP_REQUEUE:
    return (i32)value < 0 || (i32)a[3] < 0 ? -EINVAL : requeue(&r);
  default:
    return -ENOSYS;
  }
}
