// SPDX-License-Identifier: MIT
//
// Inodes in memory.  An inode keeps the page that it lies in on disk pinned: so
// its attributes can be stored, and the root of its block tree changed, without
// fail and without memory.

#include "fs/qfs.h"
#include "kernel/string.h"
#include "mm/slab.h"

static struct cache inode_cache;

void
qfs_inode_setup(void)
{
  if(inode_cache.size == 0)
    cache_init(&inode_cache, "qfs_inode", sizeof(struct qfs_inode), 0, NULL);
}

// Takes over the pin of `home`.
void
qfs_inode_prepare(struct qfs_inode *qi, struct frame *home, struct qfs_dinode *disk)
{
  qi->home = home;
  qi->disk = disk;
  qi->height = disk->height;
  sleep_init(&qi->map_lock, "qfs map");
  spin_init(&qi->root_lock, "qfs root");
  list_init(&qi->orphan);
}

static bool
has_pages(const struct qfs_inode *qi)
{
  return qi->vfs.object.refs > 0;
}

// With the last reference on its pages, if it has any: write-back may hold one.
static void
free_memory(struct qfs_inode *qi)
{
  if(qi->top)
    qfs_meta_put(qi->top);
  qfs_map_forget(qi);
  if(has_pages(qi))
    object_put(&qi->vfs.object);
  else
    qfs_inode_free(qi);
}

void
qfs_inode_free(struct qfs_inode *qi)
{
  qfs_meta_put(qi->home);
  cache_free(&inode_cache, qi);
}

// ---- From and to the disk ----

static bool
size_ok(const struct qfs_dinode *d)
{
  switch(d->mode & S_IFMT){
  case S_IFREG:
    return d->size <= QFS_FILE_MAX;
  case S_IFDIR:
    return d->size % QFS_BLOCK == 0 && d->size <= QFS_FILE_MAX;
  case S_IFLNK:
    return d->size > 0 && d->size < PATH_MAX;
  case S_IFCHR: case S_IFBLK: case S_IFIFO:
    return d->size == 0;
  }
  return false;
}

static int
check(const struct qfs *fs, const struct qfs_dinode *d)
{
  u32 second = 1000000000;
  bool ok = d->nlink > 0 && size_ok(d) && d->height <= QFS_HEIGHT_MAX &&
            d->blocks <= fs->sb->blocks && d->atime_nsec < second && d->mtime_nsec < second &&
            d->ctime_nsec < second;
  return ok ? 0 : -EUCLEAN;
}

static void
load(struct qfs_inode *qi)
{
  const struct qfs_dinode *d = qi->disk;
  struct inode *i = &qi->vfs;
  i->nlink = d->nlink;
  i->uid = d->uid;
  i->gid = d->gid;
  i->blocks = d->blocks * (QFS_BLOCK / 512);
  i->atime = (struct timespec){ d->atime, d->atime_nsec };
  i->mtime = (struct timespec){ d->mtime, d->mtime_nsec };
  i->ctime = (struct timespec){ d->ctime, d->ctime_nsec };
  if(S_ISDIR(i->mode)){
    qi->parent = d->rdev_or_parent;
    qi->entries = d->entries;
  } else {
    i->rdev = d->rdev_or_parent;
  }
}

void
qfs_inode_store(struct qfs_inode *qi)
{
  struct qfs_dinode *d = qi->disk;
  struct inode *i = &qi->vfs;
  bool directory = S_ISDIR(i->mode);
  d->mode = i->mode;
  d->nlink = i->nlink;
  d->uid = i->uid;
  d->gid = i->gid;
  d->size = i->object.size;
  d->blocks = i->blocks / (QFS_BLOCK / 512);
  d->rdev_or_parent = directory ? qi->parent : i->rdev;
  d->entries = directory ? qi->entries : 0;
  d->atime = i->atime.sec;
  d->mtime = i->mtime.sec;
  d->ctime = i->ctime.sec;
  d->atime_nsec = i->atime.nsec;
  d->mtime_nsec = i->mtime.nsec;
  d->ctime_nsec = i->ctime.nsec;
  qfs_meta_dirty(qfs_of(qi), qi->home);
}

// ---- Getting one ----

static void
set_size(struct inode *i, u64 size)
{
  if(S_ISREG(i->mode))
    object_init(&i->object, &qfs_file_ops, size);
  else
    i->object.size = size;
}

// => in no table and without a place on disk
static struct qfs_inode *
make(struct qfs *fs, u64 ino, u32 mode)
{
  struct qfs_inode *qi = cache_zalloc(&inode_cache);
  if(qi)
    inode_init(&qi->vfs, &fs->super, &qfs_inode_ops, ino, mode);
  return qi;
}

static int
read_in(struct qfs *fs, struct qfs_inode *qi)
{
  struct frame *home;
  struct qfs_dinode *disk;
  int e = qfs_inode_place(fs, qi->vfs.ino, &home, &disk);
  if(e)
    return e;
  e = check(fs, disk);
  if(e){
    qfs_meta_put(home);
    return e;
  }
  qfs_inode_prepare(qi, home, disk);
  qi->vfs.mode = disk->mode;
  load(qi);
  set_size(&qi->vfs, disk->size);
  return 0;
}

// It is in the table before it is read: what one reader found on the disk must not
// enter after another has entered, changed and evicted the same inode.
int
qfs_iget(struct qfs *fs, u64 ino, struct inode **out)
{
  *out = inode_find(&fs->super, ino);
  if(*out)
    return 0;
  struct qfs_inode *qi = make(fs, ino, 0);
  if(qi == NULL)
    return -ENOMEM;
  *out = inode_enter(&qi->vfs);
  bool mine = *out == &qi->vfs;
  int e = mine ? read_in(fs, qi) : 0;
  if(mine && e == 0)
    inode_ready(&qi->vfs);
  else if(mine)
    inode_fail(&qi->vfs);
  if(!mine || e)
    cache_free(&inode_cache, qi);
  return e;
}

// ---- Making one ----

int
qfs_inode_new(struct qfs *fs, u32 mode, u64 rdev, struct qfs_inode **out)
{
  struct frame *home;
  struct qfs_dinode *disk;
  u64 ino;
  int e = qfs_ialloc(fs, &ino, &home, &disk);
  if(e)
    return e;
  struct qfs_inode *qi = make(fs, ino, mode);
  if(qi == NULL){
    qfs_meta_put(home);
    qfs_ifree(fs, ino);
    return -ENOMEM;
  }
  qfs_inode_prepare(qi, home, disk);
  set_size(&qi->vfs, 0);
  qi->vfs.nlink = 0;
  qi->vfs.rdev = rdev;
  time_now(&qi->vfs.mtime);
  qi->vfs.atime = qi->vfs.ctime = qi->vfs.mtime;
  memset(disk->root, 0, sizeof(disk->root));
  disk->height = qi->height = 0;
  disk->cut = QFS_NO_CUT;
  *out = qi;
  return 0;
}

void
qfs_inode_publish(struct qfs_inode *qi)
{
  qfs_inode_store(qi);
  qi->vfs.ready = true;
  inode_enter(&qi->vfs);
}

// ---- Letting one go ----

// Give the blocks and the number of a nameless inode back.
// => 0 or -ENOMEM: try again
static int
dispose(struct qfs_inode *qi)
{
  struct qfs *fs = qfs_of(qi);
  int e = qi->vfs.blocks ? qfs_map_cut(qi, 0) : 0;
  if(e != -ENOMEM){
    qi->disk->mode = 0;
    qfs_meta_dirty(fs, qi->home);
    e = qfs_ifree(fs, qi->vfs.ino);
  }
  return e == -ENOMEM ? e : 0;
}

static void
add_orphan(struct qfs *fs, struct qfs_inode *qi)
{
  spin_lock(&fs->bits_lock);
  list_append(&fs->orphans, &qi->orphan);
  spin_unlock(&fs->bits_lock);
}

static struct qfs_inode *
take_orphan(struct qfs *fs)
{
  struct qfs_inode *qi = NULL;
  spin_lock(&fs->bits_lock);
  if(!list_empty(&fs->orphans)){
    qi = list_first(&fs->orphans, struct qfs_inode, orphan);
    list_remove(&qi->orphan);
  }
  spin_unlock(&fs->bits_lock);
  return qi;
}

static int
dispose_or_keep(struct qfs *fs, struct qfs_inode *qi)
{
  int e = dispose(qi);
  if(e)
    add_orphan(fs, qi);
  else
    free_memory(qi);
  return e;
}

int
qfs_orphans_free(struct qfs *fs)
{
  struct qfs_inode *qi;
  int e = 0;
  while(e == 0 && (qi = take_orphan(fs)))
    e = dispose_or_keep(fs, qi);
  return e;
}

void
qfs_inode_evict(struct inode *i)
{
  struct qfs_inode *qi = qfs_inode(i);
  if(i->nlink == 0)
    dispose_or_keep(qfs_of(qi), qi);
  else
    free_memory(qi);
}
