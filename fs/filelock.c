// SPDX-License-Identifier: MIT
//
// Locks on files.  Those of one owner and kind on an inode never overlap, and
// where they touch they differ in type.
//
// Lock: `locks` guards every inode->locks and the list of those who wait.  It is
// a leaf lock but for wait queues.

#include "fs/filelock.h"
#include "fs/stat.h"
#include "fs/text.h"
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
static struct list waiters = LIST_INIT(waiters), all = LIST_INIT(all);
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
  list_remove(&l->in_all);
  cache_free(&lock_cache, l);
}

// `kinds`: a bit for each kind
static void
discard_all(struct inode *i, const void *owner, u32 kinds)
{
  struct filelock *l, *next;
  list_for_safe(l, next, &i->locks, link)
    if(l->owner == owner && (kinds >> l->kind & 1))
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
    list_push(&l->in_all, &spare->in_all);
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
    if(l->owner != want->owner || l->kind != want->kind ||
       l->last + 1 < new->first || new->last + 1 < l->first)
      continue;
    if(l->type == want->type){
      new->first = min(l->first, new->first);
      new->last = max(l->last, new->last);
      discard(l);
    } else if(l->last >= new->first && new->last >= l->first){
      used |= cut(l, new->first, new->last, spare);
    }
  }
  new->inode = i;
  if(want->type != F_UNLCK){
    list_append(&i->locks, &new->link);
    list_append(&all, &new->in_all);
  }
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
    discard_all(i, want->owner, 1 << LOCK_WHOLE);  // flock gives up the old lock before it waits
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

// The n-th of all locks; or, counted from 1, who waits for it.
// => false: there is none; else a copy, its inode referenced
static bool
nth_of_all(u32 n, u32 waiter, struct filelock *out)
{
  const struct filelock *found = NULL, *l;
  struct inode *i = NULL;
  struct waiter *w;
  spin_lock(&locks);
  list_for(l, &all, in_all)
    if(n-- == 0){
      found = l;
      i = l->inode;
    }
  l = found;
  if(waiter > 0)
    found = NULL;
  list_for(w, &waiters, link)
    if(w->inode == i && waiter > 0 && conflicts(l, w->want) && --waiter == 0)
      found = w->want;
  if(found){
    *out = *found;
    out->inode = inode_get(i);
  }
  spin_unlock(&locks);
  return found != NULL;
}

static void
add_lock(struct text *x, const char *before, u32 id, const char *arrow, const struct filelock *l)
{
  static const char *const kinds[] = { "POSIX ", "OFDLCK", "FLOCK " };
  u64 dev = l->inode->super->dev;
  text_add(x, "%s%u: %s%s ADVISORY  %s %d %02x:%02x:%lu %lu ", before, id, arrow, kinds[l->kind],
           l->type == F_WRLCK ? "WRITE" : "READ", l->pid, dev_major(dev), dev_minor(dev),
           l->inode->ino, l->first);
  text_add(x, l->last >= FILELOCK_END ? "EOF\n" : "%lu\n", l->last);
  inode_put(l->inode);
}

// One by one: under the lock there is no memory to be had.
void
filelocks_show(struct text *x, const struct inode *i, const void *owner, const void *other)
{
  struct filelock l;
  for(u32 n = 0; nth_of_all(n, 0, &l); n++){
    if(i == NULL)
      add_lock(x, "", n + 1, "", &l);
    else if(l.inode == i && (l.owner == owner || l.owner == other))
      add_lock(x, "lock:\t", n + 1, "", &l);
    else
      inode_put(l.inode);
    for(u32 w = 1; i == NULL && nth_of_all(n, w, &l); w++)
      add_lock(x, "", n + 1, "-> ", &l);
  }
}

void
filelock_drop_slow(struct inode *i, const void *owner)
{
  spin_lock(&locks);
  discard_all(i, owner, ~0U);
  wake_waiters_on(i);
  spin_unlock(&locks);
}
