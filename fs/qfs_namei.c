// SPDX-License-Identifier: MIT
//
// Names: what the VFS asks of a directory or a symbolic link.  Each operation
// first gets everything that can fail, then makes its changes, which cannot, as one
// transaction.  Where directories or the inode file have to grow first, that is a
// change of its own, and it begins again.
//
// Locks: the VFS holds the directories' and those of the inodes whose link counts
// change.

#include "fs/qfs.h"
#include "kernel/string.h"

enum { LINKS_MAX = 1000000000 };

static bool
is_dots(const char *name, u32 len)
{
  return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

static int
lookup(struct inode *i, const char *name, u32 len, struct inode **out)
{
  struct qfs_inode *dir = qfs_inode(i);
  struct qfs_spot s;
  if(is_dots(name, len))
    return qfs_iget(qfs_of(dir), len == 1 ? i->ino : dir->parent, out);
  int e = qfs_dir_find(dir, name, len, &s);
  if(e)
    return e;
  u64 ino = qfs_dir_ino(&s);
  qfs_leaf_put(dir, s.leaf);
  e = qfs_iget(qfs_of(dir), ino, out);
  if(e == 0 && S_ISDIR((*out)->mode) && qfs_inode(*out)->parent != i->ino){
    inode_put(*out);             // a second name: the tree would have a circle
    *out = NULL;
    e = -EUCLEAN;
  }
  return e;
}

// A directory's contents changed at the time `now`.
static void
touch(struct qfs_inode *dir, struct timespec now)
{
  dir->vfs.mtime = dir->vfs.ctime = now;
  qfs_inode_touch(dir);
}

// An inode's link count or name changed.
static void
changed(struct qfs_inode *qi, struct timespec now)
{
  qi->vfs.ctime = now;
  qfs_inode_store(qi);
}

// ---- New names ----

// Give a new inode its first name.  Takes over the spot.
static void
enter(struct qfs_inode *dir, struct qfs_spot *s, const char *name, u32 len, struct qfs_inode *qi)
{
  bool directory = S_ISDIR(qi->vfs.mode);
  qi->vfs.nlink = directory ? 2 : 1;
  qi->parent = dir->vfs.ino;
  dir->vfs.nlink += directory;
  qfs_dir_insert(dir, s, name, len, qi->vfs.mode, qi->vfs.ino);
  qfs_leaf_put(dir, s->leaf);
  touch(dir, qi->vfs.ctime);
  qfs_inode_publish(qi);
}

// The text of a symbolic link: in the inode, or a block of its own.
static int
set_target(struct qfs_inode *qi, const char *target, u32 len)
{
  struct qfs *fs = qfs_of(qi);
  struct frame *f;
  if(len <= QFS_SYMLINK_INLINE){
    memcpy(qi->disk->root, target, len);
    qi->vfs.object.size = len;
    return 0;
  }
  int e = qfs_map_new(qi, 0, &f);
  if(e)
    return e;
  memcpy(frame_kva(f), target, len);
  qfs_meta_dirty(fs, f);
  qfs_meta_put(f);
  qi->vfs.object.size = len;
  return 0;
}

// target: of a symbolic link, or NULL.
static int
try_create(struct inode *i, const char *name, u32 len, u32 mode, u64 rdev, const char *target,
           u32 tlen, struct inode **out)
{
  struct qfs_inode *dir = qfs_inode(i), *qi;
  struct qfs_spot s;
  int e = qfs_dir_room(dir, name, len, &s);
  if(e)
    return e;
  e = qfs_inode_new(qfs_of(dir), mode, rdev, &qi);
  if(e == 0 && target && (e = set_target(qi, target, tlen)))
    qfs_inode_drop(qi);
  if(e){
    qfs_leaf_put(dir, s.leaf);
    return e;
  }
  enter(dir, &s, name, len, qi);
  *out = &qi->vfs;
  return 0;
}

static int
make(struct inode *i, const char *name, u32 len, u32 mode, u64 rdev, const char *target,
     u32 tlen, struct inode **out)
{
  struct qfs *fs = qfs_of(qfs_inode(i));
  int e;
  do {
    if((e = qfs_begin(fs)))
      return e;
    e = try_create(i, name, len, mode, rdev, target, tlen, out);
  } while(qfs_again(fs, e));
  return e;
}

static int
create(struct inode *i, const char *name, u32 len, u32 mode, u64 rdev, struct inode **out)
{
  return S_ISDIR(mode) && i->nlink >= LINKS_MAX ? -EMLINK
                                                : make(i, name, len, mode, rdev, NULL, 0, out);
}

static int
symlink(struct inode *i, const char *name, u32 len, const char *target, u32 tlen)
{
  struct inode *made;
  int e = tlen >= PATH_MAX ? -ENAMETOOLONG
                           : make(i, name, len, S_IFLNK | 0777, 0, target, tlen, &made);
  if(e == 0)
    inode_put(made);
  return e;
}

static int
try_link(struct inode *i, const char *name, u32 len, struct inode *target)
{
  struct qfs_inode *dir = qfs_inode(i);
  struct qfs_spot s;
  int e = qfs_dir_room(dir, name, len, &s);
  if(e)
    return e;
  struct timespec now;
  time_now(&now);
  qfs_dir_insert(dir, &s, name, len, target->mode, target->ino);
  qfs_leaf_put(dir, s.leaf);
  touch(dir, now);
  target->nlink++;
  changed(qfs_inode(target), now);
  return 0;
}

static int
link(struct inode *i, const char *name, u32 len, struct inode *target)
{
  struct qfs *fs = qfs_of(qfs_inode(i));
  int e;
  if(target->nlink >= LINKS_MAX)
    return -EMLINK;
  do {
    if((e = qfs_begin(fs)))
      return e;
    e = try_link(i, name, len, target);
  } while(qfs_again(fs, e));
  return e;
}

// ---- Names no more ----

// `target` loses a name in dir; an empty directory loses its own `.` too.
static void
leave(struct qfs_inode *dir, struct qfs_inode *qi, struct timespec now)
{
  if(S_ISDIR(qi->vfs.mode)){
    qi->vfs.nlink = 0;
    dir->vfs.nlink--;
  } else {
    qi->vfs.nlink--;
  }
  qi->vfs.ctime = now;
  if(qi->vfs.nlink > 0)
    qfs_inode_store(qi);
  else
    qfs_orphan_add(qi);
}

static bool
in_use(const struct inode *i)
{
  return S_ISDIR(i->mode) && container_of(i, struct qfs_inode, vfs)->entries > 0;
}

static int
try_unlink(struct inode *i, const char *name, u32 len, struct inode *target)
{
  struct qfs_inode *dir = qfs_inode(i);
  struct qfs_spot s;
  int e = qfs_dir_find(dir, name, len, &s);
  if(e)
    return e;
  struct timespec now;
  time_now(&now);
  qfs_dir_erase(dir, &s);
  qfs_leaf_put(dir, s.leaf);
  leave(dir, qfs_inode(target), now);
  touch(dir, now);
  return 0;
}

static int
unlink(struct inode *i, const char *name, u32 len, struct inode *target)
{
  struct qfs *fs = qfs_of(qfs_inode(i));
  if(in_use(target))
    return -ENOTEMPTY;
  int e = qfs_begin(fs);
  if(e)
    return e;
  e = try_unlink(i, name, len, target);
  qfs_end(fs);
  return e;
}

// ---- Renaming ----

// `moved` now belongs to `to` instead of `from`.
static void
reparent(struct qfs_inode *from, struct qfs_inode *moved, struct qfs_inode *to, struct timespec now)
{
  if(S_ISDIR(moved->vfs.mode)){
    from->vfs.nlink--;
    to->vfs.nlink++;
    moved->parent = to->vfs.ino;
  }
  touch(from, now);
  touch(to, now);
  changed(moved, now);
}

// The place for the new name: that of the inode it replaces, or a new one.
static int
destination(struct qfs_inode *to, const char *name, u32 len, struct inode *replaced,
            struct qfs_spot *s)
{
  if(replaced && in_use(replaced))
    return -ENOTEMPTY;
  return replaced ? qfs_dir_find(to, name, len, s) : qfs_dir_room(to, name, len, s);
}

static int
try_rename(struct inode *fi, const char *fname, u32 flen, struct inode *mi,
           struct inode *ti, const char *tname, u32 tlen, struct inode *replaced)
{
  struct qfs_inode *from = qfs_inode(fi), *to = qfs_inode(ti), *moved = qfs_inode(mi);
  struct qfs_spot source, dest;
  int e = destination(to, tname, tlen, replaced, &dest);
  if(e)
    return e;
  e = qfs_dir_find(from, fname, flen, &source);
  if(e){
    qfs_leaf_put(to, dest.leaf);
    return e;
  }
  struct timespec now;
  time_now(&now);
  if(replaced)
    qfs_dir_retarget(to, &dest, mi->mode, mi->ino);
  qfs_dir_erase(from, &source);
  if(!replaced)
    qfs_dir_insert(to, &dest, tname, tlen, mi->mode, mi->ino);
  qfs_leaf_put(from, source.leaf);
  qfs_leaf_put(to, dest.leaf);
  if(replaced)
    leave(to, qfs_inode(replaced), now);
  reparent(from, moved, to, now);
  return 0;
}

static int
rename(struct inode *fi, const char *fname, u32 flen, struct inode *mi,
       struct inode *ti, const char *tname, u32 tlen, struct inode *replaced)
{
  struct qfs *fs = qfs_of(qfs_inode(fi));
  int e;
  do {
    if((e = qfs_begin(fs)))
      return e;
    e = try_rename(fi, fname, flen, mi, ti, tname, tlen, replaced);
  } while(qfs_again(fs, e));
  return e;
}

static int
try_exchange(struct inode *fi, const char *fname, u32 flen, struct inode *a,
             struct inode *ti, const char *tname, u32 tlen, struct inode *b)
{
  struct qfs_inode *from = qfs_inode(fi), *to = qfs_inode(ti);
  struct qfs_spot source, dest;
  int e = qfs_dir_find(from, fname, flen, &source);
  if(e)
    return e;
  e = qfs_dir_find(to, tname, tlen, &dest);
  if(e == 0){
    struct timespec now;
    time_now(&now);
    qfs_dir_retarget(from, &source, b->mode, b->ino);
    qfs_dir_retarget(to, &dest, a->mode, a->ino);
    reparent(from, qfs_inode(a), to, now);
    reparent(to, qfs_inode(b), from, now);
    qfs_leaf_put(to, dest.leaf);
  }
  qfs_leaf_put(from, source.leaf);
  return e;
}

static int
exchange(struct inode *fi, const char *fname, u32 flen, struct inode *a,
         struct inode *ti, const char *tname, u32 tlen, struct inode *b)
{
  struct qfs *fs = qfs_of(qfs_inode(fi));
  int e = qfs_begin(fs);
  if(e)
    return e;
  e = try_exchange(fi, fname, flen, a, ti, tname, tlen, b);
  qfs_end(fs);
  return e;
}

// ---- The rest ----

static int
readlink(struct inode *i, char *buf, u32 n)
{
  struct qfs_inode *qi = qfs_inode(i);
  struct qfs_run run;
  struct frame *f;
  u32 len = min((u64)n, i->object.size);
  if(i->object.size <= QFS_SYMLINK_INLINE){
    memcpy(buf, qi->disk->root, len);
    return len;
  }
  int e = qfs_map(qi, 0, 1, false, &run);
  if(e == 0)
    e = run.block ? qfs_meta_get(qfs_of(qi), run.block, &f) : -EUCLEAN;
  if(e)
    return e;
  memcpy(buf, frame_kva(f), len);
  qfs_meta_put(f);
  return len;
}

static int
update(struct inode *i)
{
  struct qfs_inode *qi = qfs_inode(i);
  struct qfs *fs = qfs_of(qi);
  int e = qfs_begin(fs);
  if(e)
    return e;
  qfs_inode_store(qi);
  qfs_end(fs);
  return 0;
}

// The transaction that changed it last is on the disk, and so is what was written to its
// pages.
static int
sync(struct inode *i, bool data_only)
{
  struct qfs_inode *qi = qfs_inode(i);
  struct qfs *fs = qfs_of(qi);
  bool less = data_only && S_ISREG(i->mode);
  int e = qfs_commit(fs, atomic_load(less ? &qi->needed : &qi->changed));
  return e ? e : qfs_flush(fs);
}

static i64
place(struct inode *i, u64 index, u32 max, struct block_device **d, u64 *sector)
{
  struct qfs_inode *qi = qfs_inode(i);
  struct qfs_run run;
  struct frame *shares;
  int e = qfs_map(qi, index, max, false, &run);
  if(e || run.block == 0)
    return e;
  run.n = min(run.n, qfs_together(qfs_of(qi), run.block));
  e = qfs_shares(qfs_of(qi), run.block, run.n, &shares);
  if(e == 0 && shares)
    qfs_meta_put(shares);        // it is not this file's alone
  if(e || shares)
    return e;
  *d = qfs_of(qi)->device;
  *sector = run.block * (QFS_BLOCK / SECTOR);
  return run.n;
}

const struct inode_ops qfs_inode_ops = {
  .lookup = lookup,
  .create = create,
  .symlink = symlink,
  .link = link,
  .unlink = unlink,
  .rename = rename,
  .exchange = exchange,
  .readlink = readlink,
  .readdir = qfs_dir_list,
  .truncate = qfs_truncate,
  .update = update,
  .sync = sync,
  .place = place,
  .move = qfs_move,
  .give_back = qfs_give_back,
  .evict = qfs_inode_evict,
};
