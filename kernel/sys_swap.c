// SPDX-License-Identifier: MIT
//
// swapon and swapoff.

#include "fs/stat.h"
#include "fs/vfs.h"
#include "kernel/block.h"
#include "kernel/errno.h"
#include "kernel/syscall.h"
#include "kernel/user_path.h"
#include "mm/frame.h"
#include "mm/swap.h"

// Linux's flags; discarding is only a hint.
enum { SWAP_PRIORITY = 0x7fff, SWAP_PREFER = 0x8000, SWAP_DISCARD = 0x70000 };

static int
open_path(va_t path, u32 how, struct file **f)
{
  struct user_path p;
  int e = user_path_get(&p, AT_FDCWD, path);
  if(e == 0)
    e = vfs_open(p.base, p.s, how, 0, f);
  user_path_put(&p);
  return e;
}

static int
find_store(const struct inode *i, struct swap_store *s)
{
  if(!S_ISBLK(i->mode))
    return -EINVAL;
  struct block_device *d = block_at(dev_minor(i->rdev));
  *s = (struct swap_store){ .identity = d, .device = d, .pages = d->sectors * SECTOR / PAGE_SIZE };
  return 0;
}

i64
sys_swapon(const u64 *a)
{
  struct swap_store s;
  struct file *f;
  u32 flags = (u32)a[1];
  if(flags & ~(SWAP_PRIORITY | SWAP_PREFER | SWAP_DISCARD))
    return -EINVAL;
  int e = open_path(a[0], O_RDWR, &f);
  if(e)
    return e;
  e = find_store(f->inode, &s);
  if(e){
    file_put(f);
    return e;
  }
  return swap_on(&s, f, flags & SWAP_PREFER ? (i32)(flags & SWAP_PRIORITY) : SWAP_PRIORITY_NEXT);
}

i64
sys_swapoff(const u64 *a)
{
  struct swap_store s;
  struct file *f;
  int e = open_path(a[0], O_RDONLY, &f);
  if(e)
    return e;
  e = find_store(f->inode, &s);
  if(e == 0)
    e = swap_off(s.identity);
  file_put(f);
  return e;
}
