// SPDX-License-Identifier: MIT
//
// devfs: /dev, a tmpfs that begins with the devices there are, a few links, and
// a directory for shared memory.

#include "fs/stat.h"
#include "fs/tmpfs.h"
#include "kernel/block.h"
#include "kernel/chardev.h"
#include "kernel/string.h"

enum { DEVICES_MAX = 1 << 20 };

static int
add_node(struct inode *root, const char *name, u32 mode, u64 rdev)
{
  struct inode *i;
  int e = root->ops->create(root, name, strlen(name), mode, rdev, &i);
  if(e == 0)
    inode_put(i);
  return e;
}

static int
add_devices(struct inode *root)
{
  struct chardev *c;
  struct block_device *b;
  int e = 0;
  for(u32 k = 0; e == 0 && (c = chardev_at(k)); k++)
    e = add_node(root, c->name, S_IFCHR | c->mode, dev_make(c->major, c->minor));
  for(u32 k = 0; e == 0 && (b = block_at(k)); k++)
    e = add_node(root, b->name, S_IFBLK | 0600, dev_make(BLOCK_MAJOR, k));
  return e ? e : add_node(root, "shm", S_IFDIR | 01777, 0);
}

static int
add_links(struct inode *root)
{
  static const struct { const char *name, *target; } links[] = {
    { "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" },
    { "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
  };
  int e = 0;
  for(u32 k = 0; e == 0 && k < count_of(links); k++)
    e = root->ops->symlink(root, links[k].name, strlen(links[k].name), links[k].target,
                           strlen(links[k].target));
  return e;
}

static int
fill(struct inode *root)
{
  rw_write_lock(&root->lock);
  int e = add_devices(root);
  if(e == 0)
    e = add_links(root);
  rw_write_unlock(&root->lock);
  return e;
}

// There is one, however often it is mounted.
int
dev_mount(struct super **out)
{
  static const struct tmpfs_options options = { TMPFS_UNLIMITED, DEVICES_MAX, 0755 };
  static struct super *dev;
  if(dev == NULL){
    struct super *s;
    int e = tmpfs_create("devtmpfs", &options, &s);
    if(e == 0 && (e = fill(s->root)))
      super_put(s);
    if(e)
      return e;
    s->release = NULL;                 // stays mounted
    dev = s;
  } else {
    atomic_add(&dev->refs, 1);
  }
  *out = dev;
  return 0;
}
