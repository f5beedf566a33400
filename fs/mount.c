// SPDX-License-Identifier: MIT
//
// Mounts: which file systems there are, and which directory each one covers.
//
// `supers` guards the list and every inode->mounted and super->covers; it is a
// leaf lock.  `mounting` lets one mount or umount go on at a time.

#include "fs/path.h"
#include "kernel/errno.h"
#include "kernel/printk.h"

static struct spinlock supers = SPINLOCK_INIT("supers");
static struct list all = LIST_INIT(all);
static struct sleeplock mounting = SLEEPLOCK_INIT(mounting, "mount");
static struct super *root_super;

struct inode *
root_get(void)
{
  return root_super ? inode_get(root_super->root) : NULL;
}

struct inode *
mount_cross(struct inode *i)
{
  for(;;){
    spin_lock(&supers);
    struct inode *root = i->mounted ? i->mounted->root : NULL;
    if(root)
      inode_get(root);
    spin_unlock(&supers);
    if(root == NULL)
      return i;
    inode_put(i);
    i = root;
  }
}

struct super *
super_at(u32 k)
{
  struct super *s, *found = NULL;
  spin_lock(&supers);
  list_for(s, &all, link)
    if(k-- == 0){
      atomic_add(&s->refs, 1);
      found = s;
      break;
    }
  spin_unlock(&supers);
  return found;
}

void
super_put(struct super *s)
{
  if(atomic_add_full(&s->refs, -1UL) != 1 || s->release == NULL)
    return;
  inode_put(s->root);
  super_shrink(s, ~0UL);
  s->release(s);
}

// ---- Mounting ----

static void
attach(struct super *s, struct inode *at)
{
  spin_lock(&supers);
  s->covers = at;
  list_append(&all, &s->link);
  if(at)
    at->mounted = s;
  else
    root_super = s;
  spin_unlock(&supers);
}

int
vfs_mount(struct super *s, const char *path)
{
  struct inode *at = NULL;
  int e = 0;
  sleep_lock(&mounting);
  if(!list_empty(&s->link))
    e = -EBUSY;
  else if(root_super)
    e = path_lookup(NULL, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &at);
  if(e == 0 && at && at == at->super->root){
    inode_put(at);
    e = -EBUSY;
  }
  if(e == 0)
    attach(s, at);
  sleep_unlock(&mounting);
  return e;
}

// ---- Unmounting ----

static void
cover(struct super *s, bool on)
{
  spin_lock(&supers);
  s->covers->mounted = on ? s : NULL;
  spin_unlock(&supers);
}

// Does nobody use an inode of s but we its root?  Those that are known by a name hold their
// directory.
static bool
only_root_used(struct super *s)
{
  u64 refs = 0, held = 1;
  struct inode *i;
  spin_lock(&s->lock);
  list_for(i, &s->inodes, link){
    refs += atomic_load(&i->refs);
    held += atomic_load(&i->dentry) != NULL;
  }
  spin_unlock(&s->lock);
  return refs == held;
}

// s can no longer be walked into.  => 0 and s is gone, or an error and nothing has changed.
// What the disk will never take does not keep it mounted for ever.
static int
dissolve(struct super *s)
{
  int e = super_sync(s);
  dentry_shrink(~0UL);
  super_shrink(s, ~0UL);
  if(e && e != -EIO && e != -EUCLEAN)
    return e;
  if(!only_root_used(s))
    return -EBUSY;
  if(e){
    printk("%s: unmounted without what cannot be written (error %d)\n", s->source, -e);
    super_give_up(s);
  }
  spin_lock(&supers);
  struct inode *at = s->covers;
  s->covers = NULL;
  list_remove(&s->link);
  spin_unlock(&supers);
  inode_put(at);
  super_put(s);
  return 0;
}

int
vfs_umount(const char *path)
{
  struct inode *root;
  sleep_lock(&mounting);
  int e = path_lookup(NULL, path, LOOKUP_FOLLOW, &root);
  if(e == 0){
    struct super *s = root->super;
    bool mounted = root == s->root;
    inode_put(root);
    if(!mounted)
      e = -EINVAL;
    else if(s->covers == NULL || s->release == NULL)
      e = -EBUSY;
    else {
      cover(s, false);
      if((e = dissolve(s)))
        cover(s, true);
    }
  }
  sleep_unlock(&mounting);
  return e;
}
