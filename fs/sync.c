// SPDX-License-Identifier: MIT
//
// Writing files back: on request, and every few seconds by a task of its own,
// which also takes the samples of the load averages.
//
// Calls into the object's store and the file system; no lock is held but, for
// the attributes, the inode's.

#include <machine.h>
#include "fs/init.h"
#include "fs/load.h"
#include "fs/vfs.h"
#include "kernel/printk.h"
#include "kernel/task.h"

// Pages, then the attributes that speak of them.
static int
write_inode(struct inode *i, u64 start, u64 end)
{
  int e = i->object.refs > 0 ? object_sync(&i->object, start, end) : 0;
  if(e == 0 && i->dirty){
    rw_write_lock(&i->lock);
    e = inode_update(i);
    rw_write_unlock(&i->lock);
  }
  return e;
}

int
inode_sync_range(struct inode *i, u64 start, u64 end, bool data_only)
{
  int e = write_inode(i, start, end);
  if(e == 0 && i->ops->sync)
    e = i->ops->sync(i, data_only);
  return e;
}

static bool
needs_writing(struct inode *i)
{
  return i->ready && (i->dirty || (i->object.refs > 0 && object_maybe_dirty(&i->object)));
}

// The next inode of s after i (NULL: the first) that differs from the disk.
// => referenced, or NULL
static struct inode *
next_dirty(struct super *s, struct inode *i)
{
  struct list *l = i ? i->link.next : s->inodes.next;
  for(; l != &s->inodes; l = l->next){
    struct inode *next = container_of(l, struct inode, link);
    if(needs_writing(next)){
      atomic_add(&next->refs, 1);
      return next;
    }
  }
  return NULL;
}

static int
write_inodes(struct super *s)
{
  struct inode *i = NULL, *next;
  int first = 0;
  for(;;){
    spin_lock(&s->lock);
    next = next_dirty(s, i);
    spin_unlock(&s->lock);
    inode_put(i);
    if(next == NULL)
      return first;
    i = next;
    int e = write_inode(i, 0, ~0UL);
    first = first ? first : e;
  }
}

int
super_sync(struct super *s)
{
  int e = s->read_only || s->in_memory ? 0 : write_inodes(s);
  int e2 = s->sync ? s->sync(s) : 0;
  return e ? e : e2;
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

// ---- The flusher ----

static void
flusher(void *unused)
{
  static struct waitq never = WAITQ_INIT(never);
  for(;;){
    wait_until(&never, NULL, machine_time_ns() + LOAD_SECONDS * 1000000000UL);
    load_sample();
    vfs_sync_all();
  }
}

void
flusher_start(void)
{
  if(kernel_task("flusher", flusher, NULL) == NULL)
    panic("no memory for the flusher");
}
