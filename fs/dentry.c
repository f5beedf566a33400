// SPDX-License-Identifier: MIT
//
// The cache of names, and the way back from an inode to the root.
//
// A dentry says that in one directory a name means one inode, or (negative) that
// there is no such name.  It lives while it is in the cache or is the name by
// which its inode is known:
//
//   in the cache   found by walks; a positive one holds its inode in memory
//   known name     inode->dentry; leads upwards and gives getcwd its text.  Every
//                  directory in use has one, other inodes have one of theirs
//
// A positive dentry holds a reference on its directory.  A negative one does not:
// it is keyed by the directory's id, which is never used again, and ages away.
//
// Locks: the cache is cut into shards with a lock each; `tree`, below those,
// guards every inode->dentry and the holds.  Both are leaf locks of fs/.

#include "fs/dentry.h"
#include "fs/init.h"
#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/string.h"
#include "mm/slab.h"

enum { SHARDS = 16, SHARD_SHIFT = 60, WORDS_INLINE = 4 };

struct dentry {
  struct hash_node node;       // in the cache
  struct list lru;
  u64 dir;                     // id of the directory
  struct inode *parent;        // the directory, referenced; NULL if negative
  struct inode *inode;         // referenced while in the cache; NULL if negative
  u64 *word;                   // the name, see struct name
  u8 len;
  u8 holds;                    // cache, inode->dentry: tree lock
  bool cached;
  bool used;                   // since the shrinker last passed
  bool gone;                   // the name was removed
  u64 short_name[WORDS_INLINE];
};
_Static_assert(NAME_MAX <= 255, "len");

static struct shard {
  struct spinlock lock;
  struct hash table;
  struct list lru;             // least lately entered first
} shards[SHARDS];

static struct spinlock tree = SPINLOCK_INIT("names");
static struct cache dentry_cache = CACHE("dentry", sizeof(struct dentry), NULL);

void
dentry_init(void)
{
  for(u32 i = 0; i < SHARDS; i++){
    spin_init(&shards[i].lock, "dentry");
    hash_init(&shards[i].table);
    list_init(&shards[i].lru);
  }
}

static u64
key_of(struct inode *dir, const struct name *n)
{
  return hash_mix(n->hash + dir->id);
}

static struct shard *
shard_of(u64 key)
{
  return &shards[key >> SHARD_SHIFT];
}

// ---- One dentry ----

struct dentry *
dentry_alloc(const struct name *n)
{
  struct dentry *d = cache_zalloc(&dentry_cache);
  if(d == NULL)
    return NULL;
  u32 words = name_words(n->len);
  d->word = words <= WORDS_INLINE ? d->short_name : kmalloc(words * sizeof *d->word);
  if(d->word == NULL){
    cache_free(&dentry_cache, d);
    return NULL;
  }
  memcpy(d->word, n->word, words * sizeof *d->word);
  d->len = n->len;
  list_init(&d->lru);
  return d;
}

void
dentry_free(struct dentry *d)
{
  if(d->word != d->short_name)
    kfree(d->word);
  cache_free(&dentry_cache, d);
}

static bool
matches(const struct dentry *d, struct inode *dir, const struct name *n)
{
  if(d->dir != dir->id || d->len != n->len)
    return false;
  for(u32 k = 0; k < name_words(n->len); k++)
    if(d->word[k] != n->word[k])
      return false;
  return true;
}

// A reference that is known not to be the last.
static void
drop_shared(struct inode *i)
{
  atomic_add_full(&i->refs, -1UL);
}

// Nobody holds d.  => the directory's reference, or NULL
static struct inode *
end(struct dentry *d)
{
  struct inode *parent = d->parent;
  dentry_free(d);
  return parent;
}

// One hold less.  => the directory's reference, if that was all; or NULL
static struct inode *
release(struct dentry *d)
{
  spin_lock(&tree);
  bool last = --d->holds == 0;
  spin_unlock(&tree);
  return last ? end(d) : NULL;
}

// ---- In and out of the cache; the shard's lock is held ----

static inline __attribute__((always_inline)) struct dentry *
find(struct shard *s, u64 key, struct inode *dir, const struct name *n)
{
  struct hash_node *h = hash_find(&s->table, key);
  for(; h; h = hash_next(h->next, key)){
    struct dentry *d = container_of(h, struct dentry, node);
    if(matches(d, dir, n))
      return d;
  }
  return NULL;
}

static void
cache_insert(struct shard *s, struct dentry *d, u64 key)
{
  d->cached = true;
  hash_insert(&s->table, &d->node, key);
  list_append(&s->lru, &d->lru);
  spin_lock(&tree);
  d->holds++;
  spin_unlock(&tree);
}

// => its inode's reference and one hold are the caller's
static void
cache_remove(struct shard *s, struct dentry *d)
{
  d->cached = false;
  hash_remove(&s->table, &d->node);
  list_remove(&d->lru);
}

// What a dentry about i gets to hold; i is known by it from now on if it had no
// other name.
static void
bind(struct dentry *d, struct inode *dir, struct inode *i)
{
  if(d->parent == NULL)
    d->parent = inode_get(dir);
  if(d->cached)
    d->inode = inode_get(i);
  spin_lock(&tree);
  if(i->dentry == NULL){
    i->dentry = d;
    d->holds++;
  }
  spin_unlock(&tree);
}

// The name by which i is known, if that is n in dir and out of the cache.
static struct dentry *
known_name(struct inode *i, struct inode *dir, const struct name *n)
{
  spin_lock(&tree);
  struct dentry *d = i ? i->dentry : NULL;
  if(d && (d->cached || d->gone || !matches(d, dir, n)))
    d = NULL;
  spin_unlock(&tree);
  return d;
}

// ---- What the path walk and the name operations use ----

int
dentry_find(struct inode *dir, const struct name *n, struct inode **out)
{
  int e = 1;
  if(unlikely(dir->super->uncached))
    return e;
  u64 key = key_of(dir, n);
  struct shard *s = shard_of(key);
  spin_lock(&s->lock);
  struct dentry *d = find(s, key, dir, n);
  if(d){
    d->used = true;
    e = d->inode ? 0 : -ENOENT;
    if(d->inode)
      *out = inode_get(d->inode);
  }
  spin_unlock(&s->lock);
  return e;
}

// A name that is not to be cached serves only to know its inode by.
static int
enter_uncached(struct inode *dir, const struct name *n, struct inode *i)
{
  if(i == NULL || i->dentry)
    return 0;
  struct dentry *d = dentry_alloc(n);
  if(d == NULL)
    return -ENOMEM;
  d->dir = dir->id;
  bind(d, dir, i);
  if(d->holds == 0){                   // somebody else named it meanwhile
    drop_shared(dir);
    dentry_free(d);
  }
  return 0;
}

int
dentry_enter(struct inode *dir, const struct name *n, struct inode *i)
{
  if(unlikely(dir->super->uncached))
    return enter_uncached(dir, n, i);
  u64 key = key_of(dir, n);
  struct shard *s = shard_of(key);
  spin_lock(&s->lock);
  struct dentry *d = find(s, key, dir, n);
  if(d == NULL){
    d = known_name(i, dir, n);
    if(d == NULL && (d = dentry_alloc(n)))
      d->dir = dir->id;
    if(d)
      cache_insert(s, d, key);
  }
  if(d && i && d->inode == NULL)
    bind(d, dir, i);
  spin_unlock(&s->lock);
  return d || i == NULL ? 0 : -ENOMEM;
}

// The name d of i was removed.  => is i still known by it?  So it is if i is open
// somewhere and has no other name.
static bool
remains_known(struct inode *i, struct dentry *d)
{
  spin_lock(&tree);
  bool theirs = i->dentry == d;
  bool gone = theirs && i->nlink == 0 && atomic_load(&i->refs) > 1UL + d->cached;
  bool last = theirs && !gone && --d->holds == 0;
  d->gone = gone;
  if(theirs && !gone)
    i->dentry = NULL;
  spin_unlock(&tree);
  if(last)
    drop_shared(end(d));
  return gone;
}

// A cached dentry whose inode is gone says so from now on.
static void
make_negative(struct dentry *d)
{
  drop_shared(d->inode);
  drop_shared(d->parent);
  d->inode = d->parent = NULL;
}

void
dentry_leave(struct inode *dir, const struct name *n, struct inode *i)
{
  u64 key = key_of(dir, n);
  struct shard *s = shard_of(key);
  spin_lock(&s->lock);
  struct dentry *d = find(s, key, dir, n);
  if(d == NULL || d->inode == NULL){
    if((d = known_name(i, dir, n)))
      remains_known(i, d);
  } else if(remains_known(i, d)){
    cache_remove(s, d);
    drop_shared(i);
    release(d);
  } else {
    make_negative(d);
  }
  spin_unlock(&s->lock);
}

void
dentry_drop(struct inode *dir, const struct name *n)
{
  u64 key = key_of(dir, n);
  struct shard *s = shard_of(key);
  spin_lock(&s->lock);
  struct dentry *d = find(s, key, dir, n);
  if(d && d->inode == NULL){
    cache_remove(s, d);
    release(d);
  }
  spin_unlock(&s->lock);
}

// From now on i is known by d; the name it had is nobody's, unless cached.
static void
make_known(struct inode *i, struct dentry *d)
{
  spin_lock(&tree);
  struct dentry *old = i->dentry;
  i->dentry = d;
  d->holds++;
  spin_unlock(&tree);
  if(old)
    inode_put(release(old));
}

void
dentry_rename(struct inode *from, const struct name *fn, struct inode *to,
              const struct name *tn, struct inode *i, struct dentry *spare)
{
  u64 key = key_of(to, tn);
  struct shard *s = shard_of(key);
  spin_lock(&s->lock);
  struct dentry *d = find(s, key, to, tn);
  if(d == NULL){
    d = spare;
    d->dir = to->id;
    cache_insert(s, d, key);
  } else {
    dentry_free(spare);
  }
  bind(d, to, i);
  spin_unlock(&s->lock);
  make_known(i, d);
  dentry_leave(from, fn, i);
}

// At every moment each of them is known by one name, so that `..` leads somewhere.
void
dentry_exchange(struct inode *from, const struct name *an, struct inode *a,
                struct dentry *spare_a, struct inode *to, const struct name *bn,
                struct inode *b, struct dentry *spare_b)
{
  spare_b->dir = from->id;
  spare_b->parent = inode_get(from);
  make_known(b, spare_b);
  dentry_leave(to, bn, b);
  dentry_rename(from, an, to, bn, a, spare_a);
  dentry_enter(from, an, b);
}

struct inode *
dentry_parent(struct inode *i)
{
  spin_lock(&tree);
  struct inode *parent = i->dentry ? i->dentry->parent : NULL;
  if(parent)
    inode_get(parent);
  spin_unlock(&tree);
  return parent;
}

struct inode *
dentry_forget(struct inode *i)
{
  if(atomic_load(&i->dentry) == NULL)       // and nobody can find i, to name it
    return NULL;
  spin_lock(&tree);
  struct dentry *d = i->dentry;
  i->dentry = NULL;
  spin_unlock(&tree);
  return d ? release(d) : NULL;
}

// ---- Under memory pressure ----

// Forget one name that was not used since the last pass; names that were lose
// their mark.  => false if none of the first `tries` was idle
static bool
forget_one(struct shard *s, u64 tries)
{
  spin_lock(&s->lock);
  struct dentry *d = NULL;
  for(; tries > 0 && !list_empty(&s->lru); tries--){
    d = list_first(&s->lru, struct dentry, lru);
    if(!d->used)
      break;
    d->used = false;
    list_remove(&d->lru);
    list_append(&s->lru, &d->lru);
    d = NULL;
  }
  struct inode *i = d ? d->inode : NULL;
  if(d){
    cache_remove(s, d);
    d->inode = NULL;
  }
  spin_unlock(&s->lock);
  if(d == NULL)
    return false;
  inode_put(release(d));
  inode_put(i);
  return true;
}

u64
dentry_shrink(u64 want)
{
  u64 done = 0;
  for(u32 i = 0; i < SHARDS; i++){
    u64 share = want / SHARDS + 1, tries = 2 * atomic_load(&shards[i].table.count);
    while(share > 0 && forget_one(&shards[i], tries)){
      share--;
      done++;
    }
  }
  return done;
}

// ---- The way to the root ----

// Put text in front of p. => its start, or NULL if it would begin before buf
static char *
prepend(const char *buf, char *p, const char *text, u64 len)
{
  if((u64)(p - buf) < len)
    return NULL;
  return memcpy(p - len, text, len);
}

// A mounted root goes by the name of the directory it covers.
static struct inode *
uncover(struct inode *i)
{
  while(i == i->super->root && i->super->covers)
    i = i->super->covers;
  return i;
}

i64
vfs_path_of(struct inode *i, char *buf, u64 n)
{
  char *end = buf + n, *p = n > 0 ? prepend(buf, end, "", 1) : NULL;
  bool found = true;
  spin_lock(&tree);
  i = uncover(i);
  if(p && i->dentry && i->dentry->gone)
    p = prepend(buf, p, " (deleted)", 10);
  while(p && i != i->super->root && found){
    struct dentry *d = i->dentry;
    found = d != NULL;
    if(found && (p = prepend(buf, p, (char *)d->word, d->len)))
      p = prepend(buf, p, "/", 1);
    if(found)
      i = uncover(d->parent);
  }
  spin_unlock(&tree);
  if(!found)
    return -ENOENT;
  if(p && *p == '\0')
    p = prepend(buf, p, "/", 1);
  if(p == NULL)
    return -ERANGE;
  memmove(buf, p, end - p);
  return end - p - 1;
}
