// SPDX-License-Identifier: MIT
//
// Making and removing names: mknod, mkdir, symlink, link, unlink, rmdir.
//
// Locks: the directory's for writing, then that of the inode whose link count
// changes.  References are put after both are released.

#include "fs/path.h"
#include "kernel/errno.h"
#include "kernel/string.h"

// ---- New names ----

// What a new name is to stand for.
struct wish {
  u32 mode;                // mknod, mkdir
  u64 rdev;
  const char *target;      // symlink
  struct inode *inode;     // link
};

static int
make_node(struct inode *dir, const struct name *n, const struct wish *wish)
{
  struct inode *i;
  if(dir->ops->create == NULL)
    return -EPERM;
  int e = dir->ops->create(dir, n->text, n->len, wish->mode, wish->rdev, &i);
  if(e == 0){
    dentry_enter(dir, n, i);
    inode_put(i);
  }
  return e;
}

static int
make_symlink(struct inode *dir, const struct name *n, const struct wish *wish)
{
  if(dir->ops->symlink == NULL)
    return -EPERM;
  int e = dir->ops->symlink(dir, n->text, n->len, wish->target, strlen(wish->target));
  if(e == 0)
    dentry_drop(dir, n);
  return e;
}

static int
make_link(struct inode *dir, const struct name *n, const struct wish *wish)
{
  struct inode *i = wish->inode;
  if(i->super != dir->super)
    return -EXDEV;
  if(dir->ops->link == NULL || S_ISDIR(i->mode))
    return -EPERM;
  rw_write_lock(&i->lock);
  int e = i->nlink == 0 && !i->linkable ? -ENOENT : dir->ops->link(dir, n->text, n->len, i);
  if(e == 0)
    i->linkable = false;
  rw_write_unlock(&i->lock);
  if(e == 0)
    dentry_enter(dir, n, i);
  return e;
}

// A slash behind the name of what is no directory: there is nothing to make.
static int
make_nothing(struct inode *dir, const struct name *n, const struct wish *wish)
{
  return -ENOENT;
}

static int
make_locked(struct inode *dir, const struct name *n, const struct wish *wish,
            int (*make)(struct inode *, const struct name *, const struct wish *))
{
  struct inode *there;
  int e = name_lookup_locked(dir, n, &there);
  if(e == 0)
    inode_put(there);
  if(e != -ENOENT)
    return e ? e : -EEXIST;
  if(dir->super->read_only)
    return -EROFS;
  return dir->nlink == 0 ? -ENOENT : make(dir, n, wish);
}

static int
make_name(struct inode *base, const char *path, const struct wish *wish,
          int (*make)(struct inode *, const struct name *, const struct wish *))
{
  struct walk w;
  int e = walk_begin(&w, base, path);
  if(e == 0)
    e = walk_parent(&w);
  if(e == 0 && !S_ISDIR(w.dir->mode))
    e = -ENOTDIR;
  if(e == 0 && !walk_ends_in_name(&w))
    e = -EEXIST;
  if(e == 0 && w.slash && !S_ISDIR(wish->mode))
    make = make_nothing;
  if(e == 0){
    rw_write_lock(&w.dir->lock);
    e = make_locked(w.dir, &w.last, wish, make);
    rw_write_unlock(&w.dir->lock);
  }
  walk_end(&w);
  return e;
}

int
vfs_create(struct inode *base, const char *path, u32 mode, u64 rdev)
{
  struct wish wish = { .mode = mode, .rdev = rdev };
  return make_name(base, path, &wish, make_node);
}

int
vfs_symlink(struct inode *base, const char *path, const char *target)
{
  struct wish wish = { .target = target };
  return target[0] ? make_name(base, path, &wish, make_symlink) : -ENOENT;
}

int
vfs_link(struct inode *i, struct inode *base, const char *path)
{
  struct wish wish = { .inode = i };
  return make_name(base, path, &wish, make_link);
}

// ---- Names no more ----

static int
check_removal(const struct walk *w, struct inode *i, bool directory)
{
  if(w->dir->super->read_only)
    return -EROFS;
  if(directory && !S_ISDIR(i->mode))
    return -ENOTDIR;
  if(!directory && S_ISDIR(i->mode))
    return -EISDIR;
  if(w->slash && !S_ISDIR(i->mode))
    return -ENOTDIR;
  if(i->mounted)
    return -EBUSY;
  if(i->object.fixed)
    return -EPERM;
  return w->dir->ops->unlink ? 0 : -EPERM;
}

// => 0 and *out, the inode that lost a name, still referenced
static int
remove_locked(struct walk *w, bool directory, struct inode **out)
{
  struct inode *dir = w->dir, *i;
  const struct name *n = &w->last;
  int e = name_lookup_locked(dir, n, &i);
  if(e)
    return e;
  e = check_removal(w, i, directory);
  if(e == 0){
    rw_write_lock(&i->lock);
    e = dir->ops->unlink(dir, n->text, n->len, i);
    rw_write_unlock(&i->lock);
  }
  if(e == 0)
    dentry_leave(dir, n, i);
  *out = i;
  return e;
}

// What rmdir and unlink say of "", "." and ".." at the end of a path.
static int
refuse_dots(const struct walk *w, bool directory)
{
  if(walk_ends_in_name(w))
    return 0;
  if(!directory)
    return -EISDIR;
  return w->last.len == 0 ? -EBUSY : w->last.len == 1 ? -EINVAL : -ENOTEMPTY;
}

int
vfs_unlink(struct inode *base, const char *path, bool directory)
{
  struct walk w;
  struct inode *i = NULL;
  int e = walk_begin(&w, base, path);
  if(e == 0)
    e = walk_parent(&w);
  if(e == 0 && !S_ISDIR(w.dir->mode))
    e = -ENOTDIR;
  if(e == 0)
    e = refuse_dots(&w, directory);
  if(e == 0){
    rw_write_lock(&w.dir->lock);
    e = remove_locked(&w, directory, &i);
    rw_write_unlock(&w.dir->lock);
  }
  inode_put(i);
  walk_end(&w);
  return e;
}
