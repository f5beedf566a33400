// SPDX-License-Identifier: MIT
//
// Renaming.
//
// Locks: across directories first `reshape`, so that the tree keeps its shape
// while it is looked at; then both directories, one above the other before it,
// else by address; then what is moved and what is replaced, by address.  That is
// downwards everywhere, as in all of fs/.

#include "fs/path.h"
#include "kernel/errno.h"

static struct sleeplock reshape = SLEEPLOCK_INIT(reshape, "rename");

// Is `above` the directory i, or one on its way to the root of its file system?
static bool
is_above(struct inode *above, struct inode *i)
{
  inode_get(i);
  while(i && i != above){
    struct inode *parent = i == i->super->root ? NULL : dentry_parent(i);
    inode_put(i);
    i = parent;
  }
  inode_put(i);
  return i != NULL;
}

static void
lock_directories(struct inode *from, struct inode *to)
{
  if(from == to){
    rw_write_lock(&from->lock);
    return;
  }
  sleep_lock(&reshape);
  if(is_above(from, to)){
    rw_write_lock(&from->lock);
    rw_write_lock(&to->lock);
  } else if(is_above(to, from)){
    rw_write_lock(&to->lock);
    rw_write_lock(&from->lock);
  } else {
    inode_lock_both(from, to);
  }
}

static void
unlock_directories(struct inode *from, struct inode *to)
{
  inode_unlock_both(from, to);
  if(from != to)
    sleep_unlock(&reshape);
}

// ---- The rename ----

// POSIX's conditions, in the order in which Linux reports them.
static int
check_rename(const struct walk *a, struct inode *moved, const struct walk *b,
             struct inode *replaced, u32 flags)
{
  bool directory = S_ISDIR(moved->mode), exchange = flags & RENAME_EXCHANGE;
  if(moved->object.fixed || (replaced && replaced->object.fixed))
    return -EPERM;
  if(replaced && (flags & RENAME_NOREPLACE))
    return -EEXIST;
  if(!directory && (a->slash || (b->slash && !exchange)))
    return -ENOTDIR;
  if(exchange && b->slash && !S_ISDIR(replaced->mode))
    return -ENOTDIR;
  if(a->dir != b->dir && directory && is_above(moved, b->dir))
    return -EINVAL;
  if(a->dir != b->dir && replaced && is_above(replaced, a->dir))
    return exchange ? -EINVAL : -ENOTEMPTY;
  if(exchange)
    return moved->mounted || replaced->mounted ? -EBUSY : 0;
  if(replaced && directory && !S_ISDIR(replaced->mode))
    return -ENOTDIR;
  if(replaced && !directory && S_ISDIR(replaced->mode))
    return -EISDIR;
  if(moved->mounted || (replaced && replaced->mounted))
    return -EBUSY;
  return b->dir->nlink == 0 ? -ENOENT : 0;
}

static int
move(struct walk *a, struct inode *moved, struct walk *b, struct inode *replaced)
{
  struct dentry *spare = dentry_alloc(&b->last);
  if(spare == NULL)
    return -ENOMEM;
  inode_lock_both(moved, replaced);
  int e = a->dir->ops->rename(a->dir, a->last.text, a->last.len, moved,
                              b->dir, b->last.text, b->last.len, replaced);
  inode_unlock_both(moved, replaced);
  if(e){
    dentry_free(spare);
    return e;
  }
  if(replaced)
    dentry_leave(b->dir, &b->last, replaced);
  dentry_rename(a->dir, &a->last, b->dir, &b->last, moved, spare);
  return 0;
}

static int
exchange(struct walk *a, struct inode *i, struct walk *b, struct inode *j)
{
  struct dentry *d = dentry_alloc(&b->last), *d2 = dentry_alloc(&a->last);
  int e = a->dir->ops->exchange == NULL ? -EINVAL : d && d2 ? 0 : -ENOMEM;
  if(e == 0){
    inode_lock_both(i, j);
    e = a->dir->ops->exchange(a->dir, a->last.text, a->last.len, i,
                              b->dir, b->last.text, b->last.len, j);
    inode_unlock_both(i, j);
  }
  if(e == 0){
    dentry_exchange(a->dir, &a->last, i, d, b->dir, &b->last, j, d2);
    return 0;
  }
  if(d)
    dentry_free(d);
  if(d2)
    dentry_free(d2);
  return e;
}

// Both directories are locked.  => *moved and *replaced referenced or NULL
static int
rename_locked(struct walk *a, struct inode **moved, struct walk *b, struct inode **replaced,
              u32 flags)
{
  int e = name_lookup_locked(a->dir, &a->last, moved);
  if(e)
    return e;
  e = name_lookup_locked(b->dir, &b->last, replaced);
  if(e && (e != -ENOENT || (flags & RENAME_EXCHANGE)))
    return e;
  e = check_rename(a, *moved, b, *replaced, flags);
  if(e || *moved == *replaced)
    return e;
  return (flags & RENAME_EXCHANGE ? exchange : move)(a, *moved, b, *replaced);
}

static int
check_places(const struct walk *a, const struct walk *b)
{
  if(!S_ISDIR(a->dir->mode) || !S_ISDIR(b->dir->mode))
    return -ENOTDIR;
  if(a->dir->super != b->dir->super)
    return -EXDEV;
  if(!walk_ends_in_name(a) || !walk_ends_in_name(b))
    return -EBUSY;
  if(a->dir->super->read_only)
    return -EROFS;
  return a->dir->ops->rename ? 0 : -EPERM;
}

static int
rename_walked(struct walk *a, struct walk *b, u32 flags)
{
  struct inode *moved = NULL, *replaced = NULL;
  int e = walk_parent(a);
  if(e == 0)
    e = walk_parent(b);
  if(e == 0)
    e = check_places(a, b);
  if(e)
    return e;
  lock_directories(a->dir, b->dir);
  e = rename_locked(a, &moved, b, &replaced, flags);
  unlock_directories(a->dir, b->dir);
  inode_put(moved);
  inode_put(replaced);
  return e;
}

int
vfs_rename(struct inode *ob, const char *old, struct inode *nb, const char *new, u32 flags)
{
  struct walk a, b;
  int e = walk_begin(&a, ob, old), e2 = walk_begin(&b, nb, new);
  e = e ? e : e2;
  if(e == 0)
    e = rename_walked(&a, &b, flags);
  walk_end(&a);
  walk_end(&b);
  return e;
}
