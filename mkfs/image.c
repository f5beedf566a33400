// SPDX-License-Identifier: MIT
//
// Images: mounts one over the kernel's sources, walks paths, reads and writes.

#include "mkfs/image.h"
#include "fs/qfs.h"
#include "kernel/string.h"
#include "mkfs/host.h"
#include "mm/slab.h"

struct image {
  struct block_device *disk;
  struct super *super;
};

int
image_open(const char *file, bool writable, struct image **out)
{
  struct image *m = kzalloc(sizeof(*m));
  if(m == NULL)
    return -ENOMEM;
  int e = host_disk_open(file, writable, &m->disk);
  if(e == 0 && (e = qfs_mount_device(m->disk, &m->super)))
    host_disk_close(m->disk);
  if(e)
    kfree(m);
  else
    *out = m;
  return e;
}

// Inodes that nobody uses go to disk and leave memory, with their pages.
static int
flush_inodes(struct super *s)
{
  struct inode *i;
  int first = 0;
  list_for(i, &s->inodes, link){
    int e = i->object.refs ? object_sync(&i->object, 0, ~0UL) : 0;
    if(e == 0 && i->dirty){
      i->dirty = false;
      e = i->ops->update(i);
    }
    first = first ? first : e;
  }
  super_shrink(s, ~0UL);
  return first;
}

int
image_close(struct image *m)
{
  struct super *s = m->super;
  inode_put(s->root);
  int e = flush_inodes(s);
  int e2 = s->sync(s);
  s->release(s);
  int e3 = host_disk_close(m->disk);
  kfree(m);
  return e ? e : e2 ? e2 : e3;
}

void
image_put_inode(struct inode *i)
{
  inode_put(i);
}

// ---- Paths ----

// The component that begins at *path; *path moves past it and the slashes.
// => its length, 0 at the end
static u32
component(const char **path, const char **name)
{
  while(**path == '/')
    (*path)++;
  *name = *path;
  while(**path && **path != '/')
    (*path)++;
  return *path - *name;
}

static int
step(struct inode **i, const char *name, u32 len)
{
  struct inode *next;
  int e = S_ISDIR((*i)->mode) ? (*i)->ops->lookup(*i, name, len, &next) : -ENOTDIR;
  if(e == 0){
    inode_put(*i);
    *i = next;
  }
  return e;
}

int
image_find(struct image *m, const char *path, struct inode **out)
{
  struct inode *i = m->super->root;
  const char *name;
  u32 len;
  int e = 0;
  inode_get(i);
  while(e == 0 && (len = component(&path, &name)) > 0)
    e = step(&i, name, len);
  if(e)
    inode_put(i);
  else
    *out = i;
  return e;
}

// The directory of the last component, and that component.
static int
find_parent(struct image *m, const char *path, struct inode **out, const char **last, u32 *llen)
{
  struct inode *i = m->super->root;
  const char *name;
  u32 len;
  int e = 0;
  *llen = component(&path, last);
  if(*llen == 0)
    return -EEXIST;                // the root
  inode_get(i);
  while(e == 0 && (len = component(&path, &name)) > 0){
    e = step(&i, *last, *llen);
    *last = name;
    *llen = len;
  }
  if(e == 0 && !S_ISDIR(i->mode))
    e = -ENOTDIR;
  if(e)
    inode_put(i);
  else
    *out = i;
  return e;
}

// ---- Looking ----

void
image_stat(struct inode *i, struct image_stat *st)
{
  *st = (struct image_stat){
    .ino = i->ino, .size = i->object.size, .blocks = i->blocks, .rdev = i->rdev,
    .mode = i->mode, .nlink = i->nlink, .uid = i->uid, .gid = i->gid, .mtime = i->mtime.sec,
  };
}

struct list_sink {
  struct dir_sink sink;
  bool (*fn)(void *arg, const char *name, u64 ino);
  void *arg;
};

static bool
list_add(struct dir_sink *d, const char *name, u32 len, u64 ino, u32 mode, u64 next)
{
  struct list_sink *l = container_of(d, struct list_sink, sink);
  char text[NAME_MAX + 1];
  memcpy(text, name, len);
  text[len] = '\0';
  if(strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
    return true;
  return l->fn(l->arg, text, ino);
}

int
image_list(struct inode *dir, bool (*fn)(void *arg, const char *name, u64 ino), void *arg)
{
  struct list_sink l = { { list_add }, fn, arg };
  return S_ISDIR(dir->mode) ? dir->ops->readdir(dir, 0, &l.sink) : -ENOTDIR;
}

int
image_readlink(struct inode *i, char *buf, u32 n)
{
  return S_ISLNK(i->mode) ? i->ops->readlink(i, buf, n) : -EINVAL;
}

// ---- Contents ----

void
inode_modified(struct inode *i)
{
  time_now(&i->mtime);
  i->dirty = true;
}

static int
not_regular(const struct inode *i)
{
  return S_ISDIR(i->mode) ? -EISDIR : -EINVAL;
}

i64
image_read(struct inode *i, u64 off, void *buf, u64 n)
{
  u64 size = i->object.size, done = 0;
  if(!S_ISREG(i->mode))
    return not_regular(i);
  n = off < size ? min(n, size - off) : 0;
  while(done < n){
    u64 in_page = (off + done) & PAGE_MASK, len = min(n - done, PAGE_SIZE - in_page);
    struct frame *f;
    int e = object_page(&i->object, (off + done) >> PAGE_SHIFT, &f);
    if(e)
      return e;
    memcpy((char *)buf + done, (char *)frame_kva(f) + in_page, len);
    frame_put(f, PIN_1);
    done += len;
  }
  return n;
}

static int
write_page(struct inode *i, u64 off, const void *buf, u64 len)
{
  struct frame *f;
  int e = object_page(&i->object, off >> PAGE_SHIFT, &f);
  if(e)
    return e;
  e = object_make_dirty(&i->object, f);
  if(e == 0)
    memcpy((char *)frame_kva(f) + (off & PAGE_MASK), buf, len);
  frame_put(f, PIN_1);
  return e;
}

int
image_write(struct inode *i, u64 off, const void *buf, u64 n)
{
  if(!S_ISREG(i->mode))
    return not_regular(i);
  if(off > FILE_SIZE_MAX || n > FILE_SIZE_MAX - off)
    return -EFBIG;
  for(u64 done = 0, len; done < n; done += len){
    len = min(n - done, PAGE_SIZE - ((off + done) & PAGE_MASK));
    int e = write_page(i, off + done, (const char *)buf + done, len);
    if(e)
      return e;
    i->object.size = max(i->object.size, off + done + len);
    inode_modified(i);
  }
  return 0;
}

int
image_clone(struct inode *to, struct inode *from)
{
  if(!S_ISREG(to->mode) || !S_ISREG(from->mode))
    return -EINVAL;
  return inode_clone(to, 0, from, 0, 0);
}

int
image_truncate(struct inode *i, u64 size)
{
  if(!S_ISREG(i->mode))
    return not_regular(i);
  object_truncate(&i->object, size);
  i->dirty = true;
  return i->ops->truncate(i, size);
}

int
image_chmod(struct inode *i, u32 mode, i64 mtime)
{
  i->mode = (i->mode & S_IFMT) | (mode & 07777);
  i->mtime = (struct timespec){ mtime, 0 };
  return i->ops->update(i);
}

// ---- Names ----

// The directory of a path whose last component is not there yet.
static int
find_vacant(struct image *m, const char *path, struct inode **dir, const char **name, u32 *len)
{
  struct inode *i;
  int e = find_parent(m, path, dir, name, len);
  if(e)
    return e;
  e = (*dir)->ops->lookup(*dir, *name, *len, &i);
  if(e == -ENOENT)
    return 0;
  if(e == 0)
    inode_put(i);
  inode_put(*dir);
  return e ? e : -EEXIST;
}

int
image_create(struct image *m, const char *path, u32 mode, u64 rdev, struct inode **out)
{
  struct inode *dir, *i;
  const char *name;
  u32 len;
  int e = find_vacant(m, path, &dir, &name, &len);
  if(e)
    return e;
  e = dir->ops->create(dir, name, len, mode, rdev, &i);
  inode_put(dir);
  if(e)
    return e;
  if(out)
    *out = i;
  else
    inode_put(i);
  return 0;
}

int
image_symlink(struct image *m, const char *path, const char *target)
{
  struct inode *dir;
  const char *name;
  u32 len;
  int e = find_vacant(m, path, &dir, &name, &len);
  if(e)
    return e;
  e = dir->ops->symlink(dir, name, len, target, strlen(target));
  inode_put(dir);
  return e;
}

int
image_unlink(struct image *m, const char *path)
{
  struct inode *dir, *i;
  const char *name;
  u32 len;
  int e = find_parent(m, path, &dir, &name, &len);
  if(e)
    return e;
  e = dir->ops->lookup(dir, name, len, &i);
  if(e == 0){
    e = dir->ops->unlink(dir, name, len, i);
    inode_put(i);
  }
  inode_put(dir);
  return e;
}
