// SPDX-License-Identifier: MIT
//
// devfs: /dev, one flat directory of the devices there are and a few links.  Its
// inodes are made when it is mounted and stay.

#include "fs/stat.h"
#include "kernel/block.h"
#include "kernel/chardev.h"
#include "kernel/errno.h"
#include "kernel/string.h"
#include "mm/slab.h"

struct node {
  struct inode inode;
  const char *name;
  const char *target;         // of a link
  struct list link;
};

static struct super dev_super;
static struct list nodes = LIST_INIT(nodes);
static const struct inode_ops node_ops;

enum { ROOT_INO = 1, DEVFS_MAGIC = 0x01021994 };

// ---- Making nodes ----

static struct node *
make_node(const char *name, u32 mode, u64 rdev)
{
  static u64 last_ino;
  struct node *n = kzalloc(sizeof *n);
  if(n == NULL)
    return NULL;
  inode_init(&n->inode, &dev_super, &node_ops, ++last_ino, mode);
  n->inode.rdev = rdev;
  n->name = name;
  time_now(&n->inode.mtime);
  n->inode.atime = n->inode.ctime = n->inode.mtime;
  inode_enter(&n->inode);
  inode_ready(&n->inode);
  return n;
}

static int
add_node(const char *name, u32 mode, u64 rdev, const char *target)
{
  struct node *n = make_node(name, mode, rdev);
  if(n == NULL)
    return -ENOMEM;
  n->target = target;
  n->inode.object.size = target ? strlen(target) : 0;
  list_append(&nodes, &n->link);
  return 0;
}

static int
add_devices(void)
{
  struct chardev *c;
  struct block_device *b;
  int e = 0;
  for(u32 k = 0; e == 0 && (c = chardev_at(k)); k++)
    e = add_node(c->name, S_IFCHR | c->mode, dev_make(c->major, c->minor), NULL);
  for(u32 k = 0; e == 0 && (b = block_at(k)); k++)
    e = add_node(b->name, S_IFBLK | 0600, dev_make(BLOCK_MAJOR, k), NULL);
  return e;
}

static int
add_links(void)
{
  static const struct { const char *name, *target; } links[] = {
    { "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" },
    { "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
  };
  int e = 0;
  for(u32 k = 0; e == 0 && k < count_of(links); k++)
    e = add_node(links[k].name, S_IFLNK | 0777, 0, links[k].target);
  return e;
}

// ---- Operations ----

static int
lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
  struct node *n;
  list_for(n, &nodes, link)
    if(strlen(n->name) == len && memcmp(n->name, name, len) == 0){
      inode_get(&n->inode);
      *out = &n->inode;
      return 0;
    }
  return -ENOENT;
}

enum { AT_NODES = 2 };       // positions 0 and 1 are the dots

static int
readdir(struct inode *dir, u64 off, struct dir_sink *d)
{
  struct node *n;
  u64 at = AT_NODES;
  for(; off < AT_NODES; off++)
    if(!d->add(d, "..", off + 1, ROOT_INO, S_IFDIR, off + 1))
      return 0;
  list_for(n, &nodes, link){
    if(at >= off && !d->add(d, n->name, strlen(n->name), n->inode.ino, n->inode.mode, at + 1))
      return 0;
    at++;
  }
  return 0;
}

static int
readlink(struct inode *i, char *buf, u32 n)
{
  struct node *node = container_of(i, struct node, inode);
  u32 len = min((u32)strlen(node->target), n);
  memcpy(buf, node->target, len);
  return len;
}

static const struct inode_ops node_ops = {
  .lookup = lookup, .readdir = readdir, .readlink = readlink,
};

// Nothing refers to the nodes yet.
static void
discard(struct node *root)
{
  struct node *n, *next;
  if(root)
    list_push(&nodes, &root->link);
  list_for_safe(n, next, &nodes, link){
    list_remove(&n->link);
    inode_fail(&n->inode);
    kfree(n);
  }
}

static int
dev_statfs(struct super *s, struct statfs *st)
{
  *st = (struct statfs){ .type = DEVFS_MAGIC, .bsize = PAGE_SIZE, .namelen = NAME_MAX };
  return 0;
}

int
dev_mount(struct super **out)
{
  struct super *s = &dev_super;
  if(s->root){
    atomic_add(&s->refs, 1);
    *out = s;
    return 0;
  }
  super_init(s, "devtmpfs", "dev");
  s->statfs = dev_statfs;
  struct node *root = make_node("", S_IFDIR | 0755, 0);
  if(root == NULL || add_devices() || add_links()){
    discard(root);
    return -ENOMEM;
  }
  s->root = &root->inode;
  *out = s;
  return 0;
}
