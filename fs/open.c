// SPDX-License-Identifier: MIT
//
// Opening: from a path, or an inode, to an open file.

#include "fs/attr.h"
#include "fs/path.h"
#include "kernel/block.h"
#include "kernel/chardev.h"
#include "kernel/errno.h"
#include "kernel/pipe.h"

static bool
writes(u32 flags)
{
  return (flags & O_ACCMODE) != O_RDONLY;
}

// => 0, or why i may not be opened like that
static int
check_open(struct inode *i, u32 flags)
{
  if((flags & O_DIRECTORY) && !S_ISDIR(i->mode))
    return -ENOTDIR;
  if(flags & O_PATH)
    return 0;
  if(S_ISLNK(i->mode))
    return -ELOOP;
  if(S_ISDIR(i->mode) && (writes(flags) || (flags & (O_CREAT | O_TRUNC))))
    return -EISDIR;
  if(S_ISREG(i->mode) && writes(flags) && i->super->read_only)
    return -EROFS;
  return 0;
}

// Give f the operations that the inode asks for.  => 0 or -errno
static int
attach(struct file *f, struct inode *i)
{
  f->seekable = S_ISREG(i->mode) || S_ISDIR(i->mode);
  if(i->fops)
    f->ops = i->fops;
  else if(S_ISREG(i->mode))
    f->ops = &regular_file_ops;
  else if(S_ISDIR(i->mode))
    f->ops = &directory_file_ops;
  else if(S_ISFIFO(i->mode))
    return fifo_open(f, i);
  else if(S_ISCHR(i->mode))
    return chardev_open(f, i);
  else if(S_ISBLK(i->mode))
    return block_file_open(f, i);
  else
    return -ENXIO;
  return i->ops->open ? i->ops->open(i, f) : 0;
}

static const struct file_ops no_ops;     // O_PATH: a place, not a file
enum { OPEN_ONLY = O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC };    // forgotten afterwards

int
inode_open(struct inode *i, u32 flags, struct file **out)
{
  int e = check_open(i, flags);
  struct file *f = e ? NULL : file_create(&no_ops, flags & ~OPEN_ONLY);
  if(f == NULL){
    inode_put(i);
    return e ? e : -ENOMEM;
  }
  f->inode = i;
  f->errors = errors_seen(&i->object);
  f->claim = S_ISREG(i->mode) && writes(flags) && !(flags & O_PATH);
  if(f->claim && (e = inode_claim(i, f->claim)) != 0)
    f->claim = 0;
  else if(!(flags & O_PATH))
    e = attach(f, i);
  if(e == 0 && S_ISBLK(i->mode) && (flags & O_EXCL) && !(flags & (O_CREAT | O_PATH)))
    e = file_reserve(f);                 // as Linux: nobody has mounted it, nor will
  if(e)
    f->ops = &no_ops;
  else if((flags & O_TRUNC) && S_ISREG(i->mode) && i->object.refs > 0)
    e = vfs_truncate(i, 0);
  if(e)
    file_put(f);
  else
    *out = f;
  return e;
}

// ---- With O_CREAT ----

// Make the last component unless somebody else just did.
static int
create_locked(struct inode *dir, const struct name *n, u32 flags, u32 mode, struct inode **out)
{
  int e = name_lookup_locked(dir, n, out);
  if(e != -ENOENT){
    if(e == 0 && (flags & O_EXCL)){
      inode_put(*out);
      e = -EEXIST;
    }
    return e;
  }
  if(dir->super->read_only)
    return -EROFS;
  if(dir->nlink == 0 || dir->ops->create == NULL)
    return dir->nlink == 0 ? -ENOENT : -EACCES;
  e = dir->ops->create(dir, n->text, n->len, S_IFREG | (mode & MODE_BITS), 0, out);
  if(e == 0)
    dentry_enter(dir, n, *out);
  return e;
}

static int
create(struct walk *w, u32 flags, u32 mode, struct inode **out)
{
  if(!S_ISDIR(w->dir->mode))
    return -ENOTDIR;
  rw_write_lock(&w->dir->lock);
  int e = create_locked(w->dir, &w->last, flags, mode, out);
  rw_write_unlock(&w->dir->lock);
  if(e == 0 && (*out)->mounted)
    *out = mount_cross(*out);
  return e;
}

static int
walk_create(struct walk *w, u32 flags, u32 mode, struct inode **out)
{
  struct inode *i;
  for(;;){
    int e = walk_parent(w);
    if(e)
      return e;
    bool named = walk_ends_in_name(w), must_be_new = flags & O_EXCL;
    if(named && w->slash)
      return S_ISDIR(w->dir->mode) ? -EISDIR : -ENOTDIR;
    e = named && must_be_new ? -ENOENT : walk_lookup(w, &i);
    if(e == -ENOENT && named){
      e = create(w, flags, mode, &i);
    } else if(e == 0 && must_be_new){
      inode_put(i);
      e = -EEXIST;
    }
    if(e)
      return e;
    if(!S_ISLNK(i->mode) || (flags & O_NOFOLLOW))
      break;
    if((e = walk_follow(w, i)))
      return e;
  }
  *out = i;
  return 0;
}

// The directory *i becomes a new file without a name.
static int
open_nameless(struct inode **i, u32 flags, u32 mode)
{
  struct inode *dir = *i;
  int e = !S_ISDIR(dir->mode) ? -ENOTDIR : !dir->ops->nameless ? -EOPNOTSUPP :
          dir->super->read_only ? -EROFS :
          dir->ops->nameless(dir, S_IFREG | (mode & MODE_BITS), i);
  if(e == 0)
    (*i)->linkable = !(flags & O_EXCL);
  inode_put(dir);
  return e;
}

int
vfs_open(struct inode *base, const char *path, u32 flags, u32 mode, struct file **out)
{
  struct walk w;
  struct inode *i;
  int e = walk_begin(&w, base, path);
  if(e == 0 && (flags & O_CREAT))
    e = walk_create(&w, flags, mode, &i);
  else if(e == 0)
    e = walk_last(&w, flags & O_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &i);
  walk_end(&w);
  bool is_nameless = (flags & O_TMPFILE) == O_TMPFILE;
  if(e == 0 && is_nameless)
    e = open_nameless(&i, flags, mode);
  return e ? e : inode_open(i, is_nameless ? flags & ~O_TMPFILE : flags, out);
}
