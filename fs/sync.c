// SPDX-License-Identifier: MIT
//
// Writing files and file systems back on request.  See flusher.c for what goes by itself.
//
// Calls into the object's store and the file system; no lock is held but, for
// the attributes, the inode's.

#include "fs/vfs.h"

static int
write_attributes(struct inode *i)
{
  if(!i->dirty)
    return 0;
  rw_write_lock(&i->lock);
  int e = inode_update(i);
  rw_write_unlock(&i->lock);
  return e;
}

static int
write_pages(struct inode *i, u64 start, u64 end)
{
  u64 size = atomic_load(&i->object.size);         // what is appended from now on can wait
  return i->object.refs > 0 ? object_sync(&i->object, start, min(end, size)) : 0;
}

// Without its size nobody would find what was appended.  Attributes come first, so that
// they are part of the next commit, whoever makes it.
int
inode_sync_range(struct inode *i, u64 start, u64 end, bool data_only)
{
  bool known = data_only && i->stored_size == i->object.size;
  int e = known ? 0 : write_attributes(i);
  if(e == 0)
    e = write_pages(i, start, end);
  if(e == 0 && i->ops->sync)
    e = i->ops->sync(i, data_only);
  return e;
}

// An error nobody was told of yet is new to who opens the file now.
u32
errors_seen(const struct object *o)
{
  u32 e = atomic_load(&o->errors);
  return e & ERROR_TOLD ? e : 0;
}

int
errors_look(struct object *o, u32 *seen)
{
  u32 e = atomic_load(&o->errors);
  if(likely(e == *seen))
    return 0;
  atomic_or(&o->errors, ERROR_TOLD);
  *seen = e | ERROR_TOLD;
  return -(int)(e & ERROR_NUMBER);
}

int
file_sync_range(struct file *f, u64 start, u64 end, bool data_only)
{
  int e = inode_sync_range(f->inode, start, end, data_only);
  int before = errors_look(&f->inode->object, &f->errors);
  return e ? e : before;
}

static bool
needs_writing(struct inode *i, bool pages)
{
  return i->ready &&
         (i->dirty || (pages && i->object.refs > 0 && object_maybe_dirty(&i->object)));
}

// The next inode of s after i (NULL: the first) that differs from the disk; i is put.
// => referenced, or NULL
static struct inode *
next_dirty(struct super *s, struct inode *i, bool pages)
{
  struct inode *next = NULL;
  spin_lock(&s->lock);
  struct list *l = i ? i->link.next : s->inodes.next;
  for(; next == NULL && l != &s->inodes; l = l->next)
    if(needs_writing(container_of(l, struct inode, link), pages)){
      next = container_of(l, struct inode, link);
      atomic_add(&next->refs, 1);
    }
  spin_unlock(&s->lock);
  inode_put(i);
  return next;
}

// The attributes of all; and the pages, if those too.
static int
write_inodes(struct super *s, bool pages)
{
  int first = 0;
  for(struct inode *i = NULL; (i = next_dirty(s, i, pages)) != NULL; ){
    int e = pages ? write_pages(i, 0, ~0UL) : 0;
    e = e ? e : write_attributes(i);
    first = first ? first : e;
  }
  return first;
}

int
super_sync(struct super *s)
{
  int e = s->read_only || s->in_memory ? 0 : write_inodes(s, true);
  int e2 = s->sync ? s->sync(s) : 0;
  return e ? e : e2;
}

void
super_give_up(struct super *s)
{
  for(struct inode *i = NULL; (i = next_dirty(s, i, true)) != NULL; ){
    object_truncate(&i->object, 0);
    i->dirty = false;
  }
}

int
vfs_sync_all(void)
{
  int first = 0;
  struct super *s;
  for(u32 k = 0; (s = super_at(k)); k++){
    int e = super_sync(s);
    first = first ? first : e;
    super_put(s);
  }
  return first;
}

void
vfs_commit_old(u64 before)
{
  struct super *s;
  for(u32 k = 0; (s = super_at(k)); k++){
    if(s->commit_old && !s->read_only){
      write_inodes(s, false);
      s->commit_old(s, before);
    }
    super_put(s);
  }
}

void
vfs_end(void)
{
  vfs_sync_all();
  vfs_commit_old(~0UL);
}
