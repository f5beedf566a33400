// SPDX-License-Identifier: MIT
//
// Open files that are not in any file system and have no contents of their own:
// they share one inode.

#include "kernel/files.h"

static struct super super;             // never mounted
static struct inode inode;

struct file *
file_nameless(const struct file_ops *ops, u32 flags, void *priv)
{
  struct file *f = file_create(ops, flags);
  if(f == NULL)
    return NULL;
  f->inode = inode_get(&inode);
  f->priv = priv;
  return f;
}

void
nameless_init(void)
{
  static const struct inode_ops ops;
  super_init(&super, "anon_inodefs", "anon_inodefs");
  inode_init(&inode, &super, &ops, 1, 0600);   // its first reference stays
}
