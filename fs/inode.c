// SPDX-License-Identifier: MIT
//
// The life of inodes in memory: one struct for an inode of a file system, kept
// after its last use until memory is short or it has no name left.
//
// super->lock guards the super's table and lists and every step of refs between
// 0 and 1; other steps are atomic.  It is a leaf lock but for the object's own and
// that of names.

#include "fs/dentry.h"
#include "fs/vfs.h"

static u64 last_id, last_dev;

void
super_init(struct super *s, const char *type, const char *source)
{
  s->refs = 1;
  s->type = type;
  s->source = source;
  s->dev = atomic_add(&last_dev, 1) + 1;
  spin_init(&s->lock, "super");
  list_init(&s->inodes);
  list_init(&s->unused);
  list_init(&s->link);
  hash_init(&s->table);
  waitq_init(&s->loaded);
}

void
inode_init(struct inode *i, struct super *s, const struct inode_ops *ops, u64 ino, u32 mode)
{
  i->refs = 1;
  i->nlink = 1;
  i->ino = ino;
  i->id = atomic_add(&last_id, 1) + 1;
  i->super = s;
  i->ops = ops;
  i->mode = mode;
  rw_init(&i->lock, "inode");
  list_init(&i->locks);
  list_init(&i->unused);
  list_init(&i->link);
}

// ---- The table ----

// super->lock held, and released while somebody else is filling the inode in.
static struct inode *
find_ready(struct super *s, u64 ino)
{
  for(;;){
    struct hash_node *n = hash_find(&s->table, hash_mix(ino));  // hash_mix is one to one
    if(n == NULL)
      return NULL;
    struct inode *i = container_of(n, struct inode, hash);
    if(i->ready){
      atomic_add(&i->refs, 1);
      return i;
    }
    wait_io(&s->loaded, &s->lock);
  }
}

struct inode *
inode_find(struct super *s, u64 ino)
{
  spin_lock(&s->lock);
  struct inode *i = find_ready(s, ino);
  spin_unlock(&s->lock);
  return i;
}

// super->lock held
static void
enter_table(struct inode *i)
{
  hash_insert(&i->super->table, &i->hash, hash_mix(i->ino));
  list_append(&i->super->inodes, &i->link);
}

bool
inode_enter_new(struct inode *i)
{
  struct super *s = i->super;
  spin_lock(&s->lock);
  bool fresh = hash_find(&s->table, hash_mix(i->ino)) == NULL;
  if(fresh)
    enter_table(i);
  spin_unlock(&s->lock);
  return fresh;
}

struct inode *
inode_enter(struct inode *i)
{
  struct super *s = i->super;
  spin_lock(&s->lock);
  struct inode *other = find_ready(s, i->ino);
  if(other == NULL)
    enter_table(i);
  spin_unlock(&s->lock);
  return other ? other : i;
}

// super->lock held
static void
leave_table(struct inode *i)
{
  hash_remove(&i->super->table, &i->hash);
  list_remove(&i->link);
  list_remove(&i->unused);
}

static bool
entered(const struct inode *i)
{
  return !list_empty(&i->link);
}

void
inode_ready(struct inode *i)
{
  struct super *s = i->super;
  spin_lock(&s->lock);
  i->ready = true;
  spin_unlock(&s->lock);
  wake_all(&s->loaded);
}

void
inode_fail(struct inode *i)
{
  struct super *s = i->super;
  spin_lock(&s->lock);
  leave_table(i);
  spin_unlock(&s->lock);
  wake_all(&s->loaded);
}

// ---- References ----

// Nobody can find i any more.  => the directory it held on to, or NULL
static __attribute__((noinline)) struct inode *
evict(struct inode *i)
{
  struct inode *parent = dentry_forget(i);
  if(i->nlink == 0 && i->object.pages.count > 0)
    object_truncate(&i->object, 0);
  i->ops->evict(i);
  return parent;
}

// What was perhaps the last reference goes.  => what to put next, or NULL: an
// inode may hold the last reference on its directory, that one on its own, and so on
static struct inode *
drop(struct inode *i)
{
  struct super *s = i->super;
  if(unlikely(i->object.ahead))
    i->ops->give_back(i);
  spin_lock(&s->lock);
  bool last = atomic_add_full(&i->refs, -1UL) == 1;
  bool keep = last && entered(i) && i->nlink > 0;
  struct inode *parent = NULL;
  if(keep){
    list_remove(&i->unused);
    list_append(&s->unused, &i->unused);
    if(s->in_memory)
      parent = dentry_forget(i);     // here, for it may be found again at once
  } else if(last && entered(i)){
    leave_table(i);
  }
  spin_unlock(&s->lock);
  return last && !keep ? evict(i) : parent;
}

void
inode_put_last(struct inode *i)
{
  while(i)
    i = drop(i);
}

// The next inode of s after i (NULL: the first) with places in advance.  => referenced, or NULL
static struct inode *
next_ahead(struct super *s, struct inode *i)
{
  struct inode *found = NULL;
  spin_lock(&s->lock);
  struct list *l = i ? i->link.next : s->inodes.next;
  for(; found == NULL && l != &s->inodes; l = l->next)
    if(object_ahead(&container_of(l, struct inode, link)->object) > 0){
      found = container_of(l, struct inode, link);
      atomic_add(&found->refs, 1);
    }
  spin_unlock(&s->lock);
  return found;
}

u64
super_ahead(struct super *s)
{
  struct inode *i;
  u64 n = 0;
  spin_lock(&s->lock);
  list_for(i, &s->inodes, link)
    n += object_ahead(&i->object);
  spin_unlock(&s->lock);
  return n;
}

void
super_give_back(struct super *s)
{
  struct inode *i = NULL;
  for(struct inode *next; (next = next_ahead(s, i)); i = next){
    next->ops->give_back(next);
    inode_put(i);
  }
  inode_put(i);
}

// ---- Two at once ----

void
inode_lock_both(struct inode *a, struct inode *b)
{
  struct inode *first = a < b ? a : b, *second = a < b ? b : a;
  if(first)
    rw_write_lock(&first->lock);
  if(second != first)
    rw_write_lock(&second->lock);
}

void
inode_unlock_both(struct inode *a, struct inode *b)
{
  if(a)
    rw_write_unlock(&a->lock);
  if(b && b != a)
    rw_write_unlock(&b->lock);
}

// ---- Under memory pressure ----

// Is i without users and the same as on disk, or its super gone?  super->lock held.
static bool
idle(struct inode *i)
{
  if(atomic_load_acq(&i->refs) > 0 || atomic_load(&i->super->refs) == 0)
    return atomic_load(&i->refs) == 0;
  return !i->super->in_memory && !i->dirty &&
         (i->object.refs == 0 || (i->object.refs == 1 && i->object.pages.marked == 0));
}

// Take the first idle inode off the unused list; those in use again leave the
// list, dirty ones go to its end.  => or NULL
static struct inode *
take_idle(struct super *s, u64 *tries)
{
  struct inode *i, *found = NULL;
  spin_lock(&s->lock);
  while(found == NULL && *tries > 0 && !list_empty(&s->unused)){
    i = list_first(&s->unused, struct inode, unused);
    --*tries;
    list_remove(&i->unused);
    if(idle(i))
      leave_table(found = i);
    else if(atomic_load(&i->refs) == 0)
      list_append(&s->unused, &i->unused);
  }
  spin_unlock(&s->lock);
  return found;
}

u64
super_shrink(struct super *s, u64 want)
{
  u64 done = 0, tries = atomic_load(&s->table.count);
  struct inode *i;
  while(done < want && (i = take_idle(s, &tries))){
    inode_put(evict(i));
    done++;
  }
  return done;
}

u64
inode_shrink(u64 want)
{
  u64 done = 0;
  struct super *s;
  for(u32 k = 0; done < want && (s = super_at(k)); k++){
    done += s->in_memory ? 0 : super_shrink(s, want - done);
    super_put(s);
  }
  return done;
}
