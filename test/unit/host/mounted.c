// SPDX-License-Identifier: MIT
//
// Mounting, unmounting, and what a system call does between a buffer and a file.

#include "mounted.h"

struct super *super;
va_t buffer;
static struct space *space;

int
mount_disk(void)
{
  return qfs_mount_device(disk_device(), &super);
}

int
write_back(struct inode *i)
{
  int e = i->object.refs > 0 ? object_sync(&i->object, 0, ~0UL) : 0;
  return e ? e : inode_update(i);
}

int
punch(struct inode *i, u64 page, u64 n)
{
  int e = i->ops->move(i, page, n, NULL, 0);
  inode_modified(i);
  return e;
}

void
unmount_disk(void)
{
  struct inode *i;
  list_for(i, &super->inodes, link)
    if(S_ISREG(i->mode))
      write_back(i);
  super->sync(super);
  super->refs = 0;
  inode_put(super->root);
  super_shrink(super, ~0UL);
  super->release(super);
}

void
finish_disk(void)
{
  unmount_disk();
  disk_expect_consistent();
}

void
buffer_make(u64 bytes)
{
  space = space_create();
  run_space(space);
  buffer = 16 * MiB;
  vm_map(space, buffer, page_up(bytes), PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0, NULL);
}

void
buffer_drop(void)
{
  run_space(NULL);
  space_put(space);
}

u64
transfer(transfer_fn *once, struct inode *i, u64 off, u64 n, int *e)
{
  u64 total = 0, done;
  bool to_user = once == object_read;
  do {
    *e = once(&i->object, off + total, buffer + total, n - total, &done);
    total += done;
  } while(*e == -EAGAIN && object_fault_in(buffer + total, n - total, to_user) == 0);
  return total;
}
