// SPDX-License-Identifier: MIT
//
// Locks on files.  Those of one owner and kind on an inode never overlap, and
// where they touch they differ in type.
//
// Lock: `locks` guards every inode->locks and the list of those who wait.  It is
// a leaf lock but for wait queues.

#include "fs/filelock.h"
#include "kernel/errno.h"
#include "mm/slab.h"

struct waiter {
  struct list link;              // waiters
  struct inode *inode;
  const struct filelock *want;
  struct waitq queue;
  enum { UNSEEN, REACHED, SEEN } state;     // of a search
};

static struct spinlock locks = SPINLOCK_INIT("file locks");
static struct list waiters = LIST_INIT(waiters);
static struct cache lock_cache = CACHE("file lock", sizeof(struct filelock), NULL);

// ---- Who is in whose way; `locks` held ----

static bool
conflicts(const struct filelock *l, const struct filelock *want)
{
  return (l->kind == LOCK_WHOLE) == (want->kind == LOCK_WHOLE) && l->owner != want->owner &&
         (l->type == F_WRLCK || want->type == F_WRLCK) &&
         l->first <= want->last && want->first <= l->last;
}

// The lowest lock in the way, only of `owner` unless that is NULL.  => or NULL
static struct filelock *
obstacle(struct inode *i, const struct filelock *want, const void *owner)
{
  struct filelock *l, *found = NULL;
  list_for(l, &i->locks, link)
    if(conflicts(l, want) && (!owner || l->owner == owner) && (!found || l->first < found->first))
      found = l;
  return found;
}

// Those waiters are reached for whom somebody waits who wants this.
static bool
reach_owners(struct inode *i, const struct filelock *want)
{
  struct waiter *w;
  bool more = false;
  list_for(w, &waiters, link)
    if(w->state == UNSEEN && obstacle(i, want, w->want->owner)){
      w->state = REACHED;
      more = true;
    }
  return more;
}

// Would who wants this wait for itself, by way of others who wait?  Only processes
// are asked: a file has no mind to wait with.
static bool
would_deadlock(struct inode *i, const struct filelock *want)
{
  struct waiter *w;
  list_for(w, &waiters, link)
    w->state = w->want->kind == LOCK_OF_PROCESS ? UNSEEN : SEEN;
  bool more = want->kind == LOCK_OF_PROCESS && reach_owners(i, want);
  while(more){
    more = false;
    list_for(w, &waiters, link){
      if(w->state != REACHED)
        continue;
      if(obstacle(w->inode, w->want, want->owner))
        return true;
      w->state = SEEN;
      more |= reach_owners(w->inode, w->want);
    }
  }
  return false;
}

static void
wake_waiters_on(struct inode *i)
{
  struct waiter *w;
  list_for(w, &waiters, link)
    if(w->inode == i && !obstacle(i, w->want, NULL))
      wake_all(&w->queue);
}

static int
await(struct inode *i, const struct filelock *want, bool wait)
{
  struct waiter w = { .inode = i, .want = want, .queue = WAITQ_INIT(w.queue) };
  int e = 0;
  while(e == 0 && obstacle(i, want, NULL)){
    if(!wait || would_deadlock(i, want))
      return wait ? -EDEADLK : -EAGAIN;
    list_append(&waiters, &w.link);
    e = wait_intr(&w.queue, &locks);
    list_remove(&w.link);
  }
  return e;
}

// ---- Changing what an owner has; `locks` held ----

static void
discard(struct filelock *l)
{
  list_remove(&l->link);
  cache_free(&lock_cache, l);
}

static void
discard_all(struct inode *i, const void *owner)
{
  struct filelock *l, *next;
  list_for_safe(l, next, &i->locks, link)
    if(l->owner == owner)
      discard(l);
}

// Take [first, last] out of l, which overlaps it.  `spare` becomes the upper part if
// there are two.  => was it used?
static bool
cut(struct filelock *l, u64 first, u64 last, struct filelock *spare)
{
  bool below = l->first < first, above = l->last > last;
  if(below && above){
    *spare = *l;
    spare->first = last + 1;
    list_push(&l->link, &spare->link);
  }
  if(below)
    l->last = first - 1;
  else if(above)
    l->first = last + 1;
  else
    discard(l);
  return below && above;
}

// `want` takes the place of what its owner has there, joined with what it touches.
// => was `spare` used?
static bool
apply(struct inode *i, const struct filelock *want, struct filelock *new, struct filelock *spare)
{
  struct filelock *l, *next;
  bool used = false;
  *new = *want;
  list_for_safe(l, next, &i->locks, link){
    if(l->owner != want->owner || l->last + 1 < new->first || new->last + 1 < l->first)
      continue;
    if(l->type == want->type){
      new->first = min(l->first, new->first);
      new->last = max(l->last, new->last);
      discard(l);
    } else if(l->last >= new->first && new->last >= l->first){
      used |= cut(l, new->first, new->last, spare);
    }
  }
  if(want->type != F_UNLCK)
    list_append(&i->locks, &new->link);
  return used;
}

// ---- The interface ----

int
filelock_set(struct inode *i, const struct filelock *want, bool wait)
{
  struct filelock *new = cache_alloc(&lock_cache), *spare = cache_alloc(&lock_cache);
  int e = new && spare ? 0 : -ENOLCK;
  bool used = false;
  spin_lock(&locks);
  if(e == 0 && want->kind == LOCK_WHOLE){
    discard_all(i, want->owner);       // flock gives up the old lock before it waits
    wake_waiters_on(i);
  }
  if(e == 0 && want->type != F_UNLCK)
    e = await(i, want, wait);
  if(e == 0){
    used = apply(i, want, new, spare);
    wake_waiters_on(i);
  }
  spin_unlock(&locks);
  if(new && (e || want->type == F_UNLCK))
    cache_free(&lock_cache, new);
  if(spare && !used)
    cache_free(&lock_cache, spare);
  return e;
}

bool
filelock_test(struct inode *i, const struct filelock *want, struct filelock *found)
{
  spin_lock(&locks);
  struct filelock *l = obstacle(i, want, NULL);
  if(l)
    *found = *l;
  spin_unlock(&locks);
  return l != NULL;
}

bool
filelock_nth(struct inode *i, u32 n, struct filelock *out)
{
  struct filelock *l;
  bool found = false;
  spin_lock(&locks);
  list_for(l, &i->locks, link)
    if(!found && n-- == 0){
      *out = *l;
      found = true;
    }
  spin_unlock(&locks);
  return found;
}

void
filelock_drop_slow(struct inode *i, const void *owner)
{
  spin_lock(&locks);
  discard_all(i, owner);
  wake_waiters_on(i);
  spin_unlock(&locks);
}
