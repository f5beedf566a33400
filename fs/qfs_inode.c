// SPDX-License-Identifier: MIT
//
// Inodes in memory.  An inode keeps the page that it lies in on disk pinned: so
// its attributes can be stored, and the root of its block tree changed, without
// fail and without memory.

#include "fs/qfs.h"
#include "kernel/string.h"
#include "mm/slab.h"

static struct cache inode_cache = CACHE("qfs_inode", sizeof(struct qfs_inode), NULL);

// Takes over the pin of `home`.
void
qfs_inode_prepare(struct qfs_inode *qi, struct frame *home, struct qfs_dinode *disk)
{
  qi->home = home;
  qi->disk = disk;
  qi->height = disk->height;
  qi->cut = disk->cut;
  qi->held = QFS_NO_CUT;
  sleep_init(&qi->map_lock, "qfs map");
  spin_init(&qi->root_lock, "qfs root");
  list_init(&qi->orphan);
  list_init(&qi->ordered);
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
  if(!list_empty(&qi->ordered))    // where nobody puts it any more
    qfs_log_data_gone(qfs_of(qi), qi);
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
  bool ok = size_ok(d) && d->height <= QFS_HEIGHT_MAX &&
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
qfs_inode_touch(struct qfs_inode *qi)
{
  struct qfs_dinode *d = qi->disk;
  struct inode *i = &qi->vfs;
  qi->changed = qfs_of(qi)->log.running;
  if(d->size != i->object.size)
    qi->needed = qi->changed;
  d->nlink = i->nlink;
  d->size = i->object.size;
  if(i->nlink > 0)               // else the next orphan
    d->entries = qi->entries;
  d->mtime = i->mtime.sec;
  d->ctime = i->ctime.sec;
  d->mtime_nsec = i->mtime.nsec;
  d->ctime_nsec = i->ctime.nsec;
  qfs_meta_dirty(qfs_of(qi), qi->home);
}

void
qfs_inode_store(struct qfs_inode *qi)
{
  struct qfs_dinode *d = qi->disk;
  struct inode *i = &qi->vfs;
  d->mode = i->mode;
  d->uid = i->uid;
  d->gid = i->gid;
  d->rdev_or_parent = S_ISDIR(i->mode) ? qi->parent : i->rdev;
  d->atime = i->atime.sec;
  d->atime_nsec = i->atime.nsec;
  qfs_inode_touch(qi);
  if(qi->reach > 0)
    qfs_map_store_cut(qi);
  if(has_pages(qi) && object_maybe_dirty(&i->object))
    qfs_log_data(qfs_of(qi), qi);
}

// ---- Getting one ----

static void
set_size(struct inode *i, u64 size)
{
  if(S_ISREG(i->mode))
    object_init(&i->object, &qfs_file_ops, size);
  else
    i->object.size = size;
  i->stored_size = size;
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

// An inode that is in use; `linked`: one that has names.
static int
read_in(struct qfs *fs, struct qfs_inode *qi, bool linked)
{
  struct frame *home;
  struct qfs_dinode *disk;
  int e = qfs_inode_place(fs, qi->vfs.ino, &home, &disk);
  if(e)
    return e;
  e = (disk->nlink > 0) == linked ? check(fs, disk) : -EUCLEAN;
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
  int e = mine ? read_in(fs, qi, true) : 0;
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
  struct qfs_inode *qi = make(fs, 0, mode);
  if(qi == NULL)
    return -ENOMEM;
  int e = qfs_ialloc(fs, &qi->vfs, &home, &disk);
  if(e){
    cache_free(&inode_cache, qi);
    return e;
  }
  qfs_inode_prepare(qi, home, disk);
  set_size(&qi->vfs, 0);
  qi->vfs.nlink = 0;
  qi->vfs.rdev = rdev;
  time_now(&qi->vfs.mtime);
  qi->vfs.atime = qi->vfs.ctime = qi->vfs.mtime;
  memset(disk->root, 0, sizeof(disk->root));
  disk->height = qi->height = 0;
  disk->cut = qi->cut = QFS_NO_CUT;
  disk->entries = disk->blocks = 0;
  *out = qi;
  return 0;
}

void
qfs_inode_drop(struct qfs_inode *qi)
{
  if(qi->vfs.blocks > 0)
    qfs_untake(qfs_of(qi), qi->disk->root[0]);
  inode_fail(&qi->vfs);
  qfs_ifree(qfs_of(qi), qi->vfs.ino, NULL);
  free_memory(qi);
}

void
qfs_inode_publish(struct qfs_inode *qi)
{
  qfs_inode_store(qi);
  qi->needed = qi->changed;
  inode_ready(&qi->vfs);
}

// ---- Orphans ----
//
// From its last name to its last use an inode is on a list in memory and, in the same
// order, on the disk: a new one comes first.

void
qfs_orphan_add(struct qfs_inode *qi)
{
  struct qfs *fs = qfs_of(qi);
  spin_lock(&fs->bits_lock);
  qi->disk->nlink = 0;
  qi->disk->entries = fs->sb->orphans;
  fs->sb->orphans = qi->vfs.ino;
  list_push(&fs->orphans, &qi->orphan);
  qfs_meta_dirty(fs, qi->home);
  qfs_meta_dirty(fs, fs->sb_page);
  spin_unlock(&fs->bits_lock);
}

void
qfs_orphan_remove(struct qfs *fs, struct qfs_inode *qi)
{
  struct list *l = qi->orphan.prev;
  bool first = l == &fs->orphans;
  struct qfs_inode *before = container_of(l, struct qfs_inode, orphan);
  *(first ? &fs->sb->orphans : &before->disk->entries) = qi->disk->entries;
  list_remove(&qi->orphan);
  qfs_meta_dirty(fs, first ? fs->sb_page : before->home);
}

// The text of a symbolic link may be where the tree would be.
static void
give_up_blocks(struct qfs_inode *qi)
{
  if(qi->vfs.blocks > 0)
    atomic_store(&qi->cut, 0);
}

// Its number is free, and so is its memory, once its blocks are.
// => 0; -ENOMEM, -EIO, -EROFS, or, unless it may `wait`, -EBUSY: not yet
static int
dispose(struct qfs *fs, struct qfs_inode *qi, bool wait)
{
  int e = qi->cut == QFS_NO_CUT ? 0 : qfs_map_cut(qi, wait);
  if(e == -ENOMEM || e == -EBUSY || e == -EROFS)
    return e;
  e = wait ? qfs_begin(fs) : qfs_try_begin(fs) ? 0 : -EBUSY;
  if(e)
    return e;
  e = qfs_ifree(fs, qi->vfs.ino, qi);
  qfs_end(fs);
  if(e == 0)
    free_memory(qi);
  return e;
}

// One that nobody uses, for the caller to free.  => or NULL
static struct qfs_inode *
take_evicted(struct qfs *fs)
{
  struct qfs_inode *qi, *found = NULL;
  spin_lock(&fs->bits_lock);
  list_for(qi, &fs->orphans, orphan)
    if(qi->evicted){
      found = qi;
      qi->evicted = false;
      break;
    }
  spin_unlock(&fs->bits_lock);
  return found;
}

void
qfs_orphans_free(struct qfs *fs)
{
  struct qfs_inode *qi;
  int e = 0;
  while(e == 0 && (qi = take_evicted(fs)))
    if((e = dispose(fs, qi, false)))
      qi->evicted = e == -EBUSY || e == -ENOMEM;   // else the next mount's
}

void
qfs_orphans_end(struct qfs *fs)
{
  while(!list_empty(&fs->orphans)){
    struct qfs_inode *qi = list_first(&fs->orphans, struct qfs_inode, orphan);
    list_remove(&qi->orphan);
    free_memory(qi);
  }
}

int
qfs_orphans_load(struct qfs *fs)
{
  int e = 0;
  for(u64 ino; e == 0 && (ino = fs->sb->orphans); ){
    struct qfs_inode *qi = make(fs, ino, 0);
    e = qi ? read_in(fs, qi, false) : -ENOMEM;
    if(e){
      if(qi)
        cache_free(&inode_cache, qi);
      break;
    }
    list_append(&fs->orphans, &qi->orphan);
    give_up_blocks(qi);
    e = dispose(fs, qi, true);
    if(e)
      qi->evicted = true;
  }
  return e == -ENOMEM ? 0 : e;
}

// ---- Letting one go ----

// Nobody can reach it any more: what it holds is void.
void
qfs_inode_evict(struct inode *i)
{
  struct qfs_inode *qi = qfs_inode(i);
  struct qfs *fs = qfs_of(qi);
  if(i->nlink > 0){
    free_memory(qi);
    return;
  }
  give_up_blocks(qi);
  if(dispose(fs, qi, true))
    atomic_store_rel(&qi->evicted, true);
}
