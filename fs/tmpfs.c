// SPDX-License-Identifier: MIT
//
// tmpfs: mounting it, its inodes, and files of it that never have a name.

#include "fs/init.h"
#include "fs/tmpfs.h"
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "mm/frame.h"
#include "mm/slab.h"

enum { TMPFS_MAGIC = 0x01021994 };

static struct cache inode_cache = CACHE("tmpfs inode", sizeof(struct tmpfs_inode), NULL);

// ---- Inodes ----

static bool
take_inode(struct tmpfs *fs, u64 *ino)
{
  spin_lock(&fs->lock);
  bool room = fs->inodes < fs->inodes_max;
  fs->inodes += room;
  *ino = ++fs->last_ino;
  spin_unlock(&fs->lock);
  return room;
}

static void
give_inode(struct tmpfs *fs)
{
  spin_lock(&fs->lock);
  fs->inodes--;
  spin_unlock(&fs->lock);
}

int
tmpfs_inode_new(struct tmpfs *fs, u32 mode, u64 rdev, struct tmpfs_inode **out)
{
  u64 ino;
  if(!take_inode(fs, &ino))
    return -ENOSPC;
  struct tmpfs_inode *ti = cache_zalloc(&inode_cache);
  if(ti == NULL){
    give_inode(fs);
    return -ENOMEM;
  }
  struct inode *i = &ti->vfs;
  inode_init(i, &fs->super, &tmpfs_inode_ops, ino, mode);
  i->nlink = 0;
  i->rdev = rdev;
  time_now(&i->mtime);
  i->atime = i->ctime = i->mtime;
  if(S_ISREG(mode)){
    object_init(&i->object, &tmpfs_file_ops, 0);
  } else if(S_ISDIR(mode)){
    tmpfs_dir_init(ti);
  }
  *out = ti;
  return 0;
}

void
tmpfs_inode_publish(struct tmpfs_inode *ti)
{
  inode_enter(&ti->vfs);             // nobody else can have entered a number so new
  inode_ready(&ti->vfs);
}

// With the last reference on its pages, if it has any.  Write-back may hold one for
// longer than there is a file system.
void
tmpfs_inode_free(struct tmpfs_inode *ti)
{
  cache_free(&inode_cache, ti);
}

void
tmpfs_evict(struct inode *i)
{
  struct tmpfs_inode *ti = tmpfs_inode(i);
  give_inode(tmpfs_of(i));
  if(S_ISREG(i->mode)){
    tmpfs_truncate(i, 0);
    object_put(&i->object);
    return;
  }
  if(S_ISDIR(i->mode))
    tmpfs_dir_free(ti);
  else if(S_ISLNK(i->mode))
    kfree(ti->target);
  tmpfs_inode_free(ti);
}

// ---- File systems ----

static int
statfs(struct super *s, struct statfs *st)
{
  struct tmpfs *fs = container_of(s, struct tmpfs, super);
  bool limited = fs->pages_max != TMPFS_UNLIMITED;
  spin_lock(&fs->lock);
  *st = (struct statfs){
    .type = TMPFS_MAGIC, .bsize = PAGE_SIZE, .blocks = limited ? fs->pages_max : 0,
    .bfree = limited ? fs->pages_max - fs->pages : 0, .files = fs->inodes_max,
    .ffree = fs->inodes_max - fs->inodes, .namelen = NAME_MAX,
  };
  spin_unlock(&fs->lock);
  st->bavail = st->bfree;
  return 0;
}

static void
release(struct super *s)
{
  hash_destroy(&s->table);
  kfree(container_of(s, struct tmpfs, super));
}

static int
make_root(struct tmpfs *fs, u32 mode)
{
  struct tmpfs_inode *root;
  int e = tmpfs_inode_new(fs, S_IFDIR | mode, 0, &root);
  if(e)
    return e;
  root->vfs.nlink = 2;
  tmpfs_inode_publish(root);
  fs->super.root = &root->vfs;
  return 0;
}

int
tmpfs_create(const char *type, const struct tmpfs_options *o, struct super **out)
{
  struct tmpfs *fs = kzalloc(sizeof *fs);
  if(fs == NULL)
    return -ENOMEM;
  super_init(&fs->super, type, type);
  fs->super.in_memory = true;
  fs->super.statfs = statfs;
  fs->super.release = release;
  spin_init(&fs->lock, "tmpfs");
  fs->pages_max = o->pages;
  fs->inodes_max = o->inodes;
  int e = make_root(fs, o->mode);
  if(e)
    release(&fs->super);
  else
    *out = &fs->super;
  return e;
}

int
tmpfs_mount(char *options, struct super **out)
{
  struct tmpfs_options o;
  int e = tmpfs_options_parse(&o, options);
  return e ? e : tmpfs_create("tmpfs", &o, out);
}

// ---- Files that never have a name ----

static struct super *nameless;         // what they belong to; never mounted

int
tmpfs_nameless(struct inode **out)
{
  struct tmpfs_inode *ti;
  int e = tmpfs_inode_new(container_of(nameless, struct tmpfs, super), S_IFREG | 0777, 0, &ti);
  if(e == 0)
    *out = &ti->vfs;
  return e;
}

void
tmpfs_init(void)
{
  static const struct tmpfs_options unlimited = { TMPFS_UNLIMITED, TMPFS_UNLIMITED, 0777 };
  if(tmpfs_create("tmpfs", &unlimited, &nameless))
    panic("no memory for the first tmpfs");
}
