// SPDX-License-Identifier: MIT
//
// The path walk: from a directory along the components of a path, through
// symbolic links and mounts.
//
// It holds one reference, on the directory it has come to, and no lock.  Names
// in the cache cost no more than a hash and a comparison; others are asked of
// the directory under its lock.

#include "fs/path.h"
#include "kernel/errno.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/slab.h"

// ---- One name in one directory ----

int
name_lookup_locked(struct inode *dir, const struct name *n, struct inode **out)
{
  int e = dentry_find(dir, n, out);
  if(e <= 0)
    return e;
  e = dir->ops->lookup(dir, n->text, n->len, out);
  if(e == -ENOENT)
    dentry_enter(dir, n, NULL);
  if(e == 0 && (e = dentry_enter(dir, n, *out)))
    inode_put(*out);
  if(e)
    *out = NULL;
  return e;
}

static int
name_lookup(struct inode *dir, const struct name *n, struct inode **out)
{
  int e = dentry_find(dir, n, out);
  if(e <= 0)
    return e;
  rw_read_lock(&dir->lock);
  e = name_lookup_locked(dir, n, out);
  rw_read_unlock(&dir->lock);
  return e;
}

// The root is its own parent; the root of a mount has that of what it covers.
static int
lookup_parent(struct inode *dir, struct inode **out)
{
  while(dir == dir->super->root && dir->super->covers)
    dir = dir->super->covers;
  if(dir == dir->super->root){
    *out = inode_get(dir);
    return 0;
  }
  *out = dentry_parent(dir);
  return *out ? 0 : -ENOENT;
}

int
walk_lookup(struct walk *w, struct inode **out)
{
  struct inode *dir = w->dir;
  const struct name *n = &w->last;
  int e = 0;
  if(n->len > 0 && !S_ISDIR(dir->mode))
    return -ENOTDIR;
  if(n->len == 0 || is_dot(n)){
    *out = inode_get(dir);
  } else if(is_dot_dot(n)){
    e = lookup_parent(dir, out);
  } else {
    e = name_lookup(dir, n, out);
  }
  if(e == 0 && unlikely((*out)->mounted))
    *out = mount_cross(*out);
  return e;
}

// ---- The walk ----

static inline struct inode *
start(struct inode *base, const char *path)
{
  struct fs_pos *fs = current->fs;
  if(path[0] != '/' && base)
    return inode_get(base);
  if(fs == NULL)
    return root_get();
  if(path[0] == '/')
    return inode_get(fs->root);          // nothing ever changes it
  return fs_pos_cwd(fs);
}

int
walk_begin(struct walk *w, struct inode *base, const char *path)
{
  w->rest = path;
  w->links = 0;
  w->link = NULL;
  w->dir = path[0] ? start(base, path) : NULL;
  return w->dir ? 0 : -ENOENT;
}

void
walk_end(struct walk *w)
{
  inode_put(w->dir);
  if(unlikely(w->link))
    kfree(w->link);
}

static inline __attribute__((always_inline)) int
take_component(struct walk *w)
{
  const char *p = w->rest;
  char *text = w->last.text, *end = text + NAME_MAX;
  while(*p == '/')
    p++;
  while(*p && *p != '/'){
    if(text == end)
      return -ENAMETOOLONG;
    *text++ = *p++;
  }
  w->last.len = text - w->last.text;
  name_finish(&w->last);
  char c = *p;
  w->slash = c == '/';
  while(c == '/')
    c = *++p;
  w->rest = p;
  return 0;
}

static void
go_to(struct walk *w, struct inode *i)
{
  inode_put(w->dir);
  w->dir = i;
}

// The text of link i, then what is left of the path, becomes the rest.
static int
read_link(struct walk *w, struct inode *i)
{
  char *text = kmalloc(PATH_MAX);
  if(text == NULL)
    return -ENOMEM;
  int n = i->ops->readlink(i, text, PATH_MAX - 1);
  u64 rest = strlen(w->rest);
  if(n > 0 && n + rest + 2 <= PATH_MAX){
    text[n] = '\0';
    if(w->slash)
      text[n++] = '/';
    memcpy(text + n, w->rest, rest + 1);
    kfree(w->link);
    w->link = text;
    w->rest = text;
    return 0;
  }
  kfree(text);
  return n < 0 ? n : n == 0 ? -ENOENT : -ENAMETOOLONG;
}

// A link that leads to an inode directly, not by a path.
static int
jump(struct walk *w, struct inode *i)
{
  struct inode *to;
  int e = i->ops->jump(i, &to);
  if(e == 0)
    go_to(w, to);
  return e;
}

int
walk_follow(struct walk *w, struct inode *i)
{
  int e = -ELOOP;
  if(w->links++ < SYMLINKS_MAX)
    e = i->ops->jump ? jump(w, i) : read_link(w, i);
  if(e == 0 && !i->ops->jump && w->rest[0] == '/')
    go_to(w, start(NULL, "/"));
  inode_put(i);
  return e;
}

// As walk_parent; the component at hand is not the last.
static __attribute__((noinline)) int
walk_on(struct walk *w)
{
  struct inode *i;
  int e;
  do {
    if((e = walk_lookup(w, &i)))
      return e;
    if(!S_ISLNK(i->mode))
      go_to(w, i);
    else if((e = walk_follow(w, i)))
      return e;
    e = take_component(w);
  } while(e == 0 && *w->rest);
  return e;
}

int
walk_parent(struct walk *w)
{
  int e = take_component(w);
  return e || *w->rest == '\0' ? e : walk_on(w);
}

int
walk_last(struct walk *w, u32 flags, struct inode **out)
{
  struct inode *i;
  for(;;){
    int e = walk_parent(w);
    if(e == 0)
      e = walk_lookup(w, &i);
    if(e)
      return e;
    bool follow = w->slash || (flags & LOOKUP_FOLLOW);
    if(!S_ISLNK(i->mode) || !follow)
      break;
    if((e = walk_follow(w, i)))
      return e;
  }
  if((w->slash || (flags & LOOKUP_DIRECTORY)) && !S_ISDIR(i->mode)){
    inode_put(i);
    return -ENOTDIR;
  }
  *out = i;
  return 0;
}

int
path_lookup(struct inode *base, const char *path, u32 flags, struct inode **out)
{
  struct walk w;
  int e = walk_begin(&w, base, path);
  if(e == 0)
    e = walk_last(&w, flags, out);
  walk_end(&w);
  return e;
}
