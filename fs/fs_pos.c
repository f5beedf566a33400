// SPDX-License-Identifier: MIT
//
// Where a process stands in the tree of names: current and root directory, and
// the umask.  Its spinlock covers the pointers; references are put outside.

#include "fs/path.h"
#include "kernel/errno.h"
#include "mm/slab.h"

enum { UMASK = 022 };

static struct fs_pos *
make(struct inode *cwd, struct inode *root, u32 umask)
{
  struct fs_pos *p = kzalloc(sizeof *p);
  if(p == NULL){
    inode_put(cwd);
    inode_put(root);
    return NULL;
  }
  p->refs = 1;
  spin_init(&p->lock, "fs_pos");
  p->cwd = cwd;
  p->root = root;
  p->umask = umask;
  return p;
}

struct fs_pos *
fs_pos_create(void)
{
  return make(root_get(), root_get(), UMASK);
}

struct fs_pos *
fs_pos_copy(struct fs_pos *p)
{
  spin_lock(&p->lock);
  struct inode *cwd = p->cwd, *root = p->root;
  inode_get(cwd);
  inode_get(root);
  u32 umask = p->umask;
  spin_unlock(&p->lock);
  return make(cwd, root, umask);
}

struct fs_pos *
fs_pos_get(struct fs_pos *p)
{
  if(p)
    atomic_add(&p->refs, 1);
  return p;
}

void
fs_pos_put(struct fs_pos *p)
{
  if(p == NULL || atomic_add_full(&p->refs, -1UL) != 1)
    return;
  inode_put(p->cwd);
  inode_put(p->root);
  kfree(p);
}

struct inode *
fs_pos_cwd(struct fs_pos *p)
{
  bool shared = atomic_load(&p->refs) > 1;     // else only the caller could change it
  if(shared)
    spin_lock(&p->lock);
  struct inode *i = inode_get(p->cwd);
  if(shared)
    spin_unlock(&p->lock);
  return i;
}

int
fs_pos_move(struct fs_pos *p, struct inode *dir)
{
  if(!S_ISDIR(dir->mode)){
    inode_put(dir);
    return -ENOTDIR;
  }
  spin_lock(&p->lock);
  struct inode *old = p->cwd;
  p->cwd = dir;
  spin_unlock(&p->lock);
  inode_put(old);
  return 0;
}
