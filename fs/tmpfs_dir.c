// SPDX-License-Identifier: MIT
//
// Directories of a tmpfs: entries in a hash table by name, and in the order in
// which they were made for readdir, whose offsets so stay true while others come
// and go.
//
// Locks: the VFS holds the directories' and those of the inodes whose link counts
// change.

#include "fs/tmpfs.h"
#include "kernel/errno.h"
#include "kernel/string.h"
#include "mm/slab.h"

enum { FIRST_OFF = 2 };           // offsets 0 and 1 are the dots

struct entry {
  struct hash_node node;
  u64 off, ino;
  u32 mode, len;
  char name[];
};

void
tmpfs_dir_init(struct tmpfs_inode *dir)
{
  hash_init(&dir->names);
  dir->next_off = FIRST_OFF;
}

// ---- Entries ----

static u64
key_of(const char *name, u32 len)
{
  u64 h = len;
  for(u32 k = 0; k < len; k++)
    h = (h ^ (u8)name[k]) * 0x100000001b3UL;
  return hash_mix(h);
}

static struct entry *
find(struct tmpfs_inode *dir, const char *name, u32 len)
{
  u64 key = key_of(name, len);
  struct hash_node *n = hash_find(&dir->names, key);
  for(; n; n = hash_next(n->next, key)){
    struct entry *e = container_of(n, struct entry, node);
    if(e->len == len && memcmp(e->name, name, len) == 0)
      return e;
  }
  return NULL;
}

// Everything of an entry that can fail. => NULL without memory
static struct entry *
entry_make(struct tmpfs_inode *dir, const char *name, u32 len)
{
  struct entry *e = kmalloc(sizeof *e + len);
  if(e == NULL)
    return NULL;
  e->off = dir->next_off;
  e->len = len;
  memcpy(e->name, name, len);
  if(radix_insert(&dir->order, e->off, (u64)e, false)){
    kfree(e);
    return NULL;
  }
  dir->next_off++;
  return e;
}

static void
entry_drop(struct tmpfs_inode *dir, struct entry *e)
{
  radix_remove(&dir->order, e->off);
  kfree(e);
}

static void
entry_remove(struct tmpfs_inode *dir, struct entry *e)
{
  hash_remove(&dir->names, &e->node);
  entry_drop(dir, e);
}

static void
entry_aim(struct entry *e, const struct inode *i)
{
  e->ino = i->ino;
  e->mode = i->mode;
}

static void
entry_insert(struct tmpfs_inode *dir, struct entry *e, const struct inode *i)
{
  entry_aim(e, i);
  hash_insert(&dir->names, &e->node, key_of(e->name, e->len));
}

void
tmpfs_dir_free(struct tmpfs_inode *dir)
{
  u64 off = 0;
  struct entry *e;
  while((e = (struct entry *)radix_next(&dir->order, &off, false)))
    entry_remove(dir, e);
  hash_destroy(&dir->names);
}

static int
lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
  struct entry *e = find(tmpfs_inode(dir), name, len);
  *out = e ? inode_find(dir->super, e->ino) : NULL;
  return e ? 0 : -ENOENT;
}

// ---- New names ----

// Give a new inode its first name.
static int
enter(struct inode *dir, const char *name, u32 len, struct tmpfs_inode *ti)
{
  struct entry *e = entry_make(tmpfs_inode(dir), name, len);
  if(e == NULL){
    inode_put(&ti->vfs);
    return -ENOMEM;
  }
  bool directory = S_ISDIR(ti->vfs.mode);
  ti->vfs.nlink = directory ? 2 : 1;
  dir->nlink += directory;
  entry_insert(tmpfs_inode(dir), e, &ti->vfs);
  inode_modified(dir);
  tmpfs_inode_publish(ti);
  return 0;
}

static int
create(struct inode *dir, const char *name, u32 len, u32 mode, u64 rdev, struct inode **out)
{
  struct tmpfs_inode *ti;
  int e = tmpfs_inode_new(tmpfs_of(dir), mode, rdev, &ti);
  if(e == 0)
    e = enter(dir, name, len, ti);
  if(e == 0)
    *out = &ti->vfs;
  return e;
}

static int
nameless(struct inode *dir, u32 mode, struct inode **out)
{
  struct tmpfs_inode *ti;
  int e = tmpfs_inode_new(tmpfs_of(dir), mode, 0, &ti);
  if(e == 0)
    *out = &ti->vfs;
  return e;
}

static int
symlink(struct inode *dir, const char *name, u32 len, const char *target, u32 tlen)
{
  struct tmpfs_inode *ti;
  if(tlen >= PATH_MAX)
    return -ENAMETOOLONG;
  int e = tmpfs_inode_new(tmpfs_of(dir), S_IFLNK | 0777, 0, &ti);
  if(e)
    return e;
  ti->target = kmalloc(tlen);
  if(ti->target == NULL){
    inode_put(&ti->vfs);
    return -ENOMEM;
  }
  memcpy(ti->target, target, tlen);
  ti->vfs.object.size = tlen;
  e = enter(dir, name, len, ti);
  if(e == 0)
    inode_put(&ti->vfs);
  return e;
}

static int
link(struct inode *dir, const char *name, u32 len, struct inode *target)
{
  struct entry *e = entry_make(tmpfs_inode(dir), name, len);
  if(e == NULL)
    return -ENOMEM;
  entry_insert(tmpfs_inode(dir), e, target);
  if(target->nlink++ == 0)
    tmpfs_inode_publish(tmpfs_inode(target));
  inode_changed(target);
  inode_modified(dir);
  return 0;
}

// ---- Names no more, or others ----

static bool
in_use(struct inode *i)
{
  return S_ISDIR(i->mode) && tmpfs_inode(i)->names.count > 0;
}

// i loses a name in dir; an empty directory its own `.` too.
static void
leave(struct inode *dir, struct inode *i)
{
  bool directory = S_ISDIR(i->mode);
  i->nlink -= directory ? 2 : 1;
  dir->nlink -= directory;
  inode_changed(i);
}

static int
unlink(struct inode *dir, const char *name, u32 len, struct inode *target)
{
  struct tmpfs_inode *td = tmpfs_inode(dir);
  if(in_use(target))
    return -ENOTEMPTY;
  entry_remove(td, find(td, name, len));
  leave(dir, target);
  inode_modified(dir);
  return 0;
}

static int
rename(struct inode *from, const char *fname, u32 flen, struct inode *moved,
       struct inode *to, const char *tname, u32 tlen, struct inode *replaced)
{
  struct tmpfs_inode *tf = tmpfs_inode(from), *tt = tmpfs_inode(to);
  struct entry *e;
  if(replaced && in_use(replaced))
    return -ENOTEMPTY;
  if(replaced)
    entry_aim(find(tt, tname, tlen), moved);
  else if((e = entry_make(tt, tname, tlen)))
    entry_insert(tt, e, moved);
  else
    return -ENOMEM;
  entry_remove(tf, find(tf, fname, flen));
  if(replaced)
    leave(to, replaced);
  from->nlink -= S_ISDIR(moved->mode);
  to->nlink += S_ISDIR(moved->mode);
  inode_changed(moved);
  inode_modified(from);
  inode_modified(to);
  return 0;
}

static int
exchange(struct inode *from, const char *fname, u32 flen, struct inode *a,
         struct inode *to, const char *tname, u32 tlen, struct inode *b)
{
  i32 down = S_ISDIR(a->mode) - S_ISDIR(b->mode);
  entry_aim(find(tmpfs_inode(from), fname, flen), b);
  entry_aim(find(tmpfs_inode(to), tname, tlen), a);
  from->nlink -= down;
  to->nlink += down;
  inode_changed(a);
  inode_changed(b);
  inode_modified(from);
  inode_modified(to);
  return 0;
}

// ---- The rest ----

static int
readdir(struct inode *dir, u64 off, struct dir_sink *d)
{
  struct entry *e;
  for(; off < FIRST_OFF; off++)
    if(!d->add(d, "..", off + 1, dir->ino, S_IFDIR, off + 1))
      return 0;
  for(; (e = (struct entry *)radix_next(&tmpfs_inode(dir)->order, &off, false)); off++)
    if(!d->add(d, e->name, e->len, e->ino, e->mode, off + 1))
      return 0;
  return 0;
}

static int
readlink(struct inode *i, char *buf, u32 n)
{
  u32 len = min((u64)n, i->object.size);
  memcpy(buf, tmpfs_inode(i)->target, len);
  return len;
}

const struct inode_ops tmpfs_inode_ops = {
  .lookup = lookup,
  .create = create,
  .nameless = nameless,
  .symlink = symlink,
  .link = link,
  .unlink = unlink,
  .rename = rename,
  .exchange = exchange,
  .readlink = readlink,
  .readdir = readdir,
  .truncate = tmpfs_truncate,
  .move = tmpfs_move,
  .evict = tmpfs_evict,
};
