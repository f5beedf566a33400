// SPDX-License-Identifier: MIT
//
// swapon and swapoff.

#include "fs/stat.h"
#include "fs/vfs.h"
#include "kernel/block.h"
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "kernel/syscall.h"
#include "kernel/user_path.h"
#include "mm/slab.h"
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

// What only this store has: the device, or the inode.
static const void *
identity_of(const struct inode *i)
{
  return S_ISBLK(i->mode) ? (void *)block_at(dev_minor(i->rdev)) : i;
}

// ---- Files ----

// One piece more of the file, which joins the last one if it can.  The list doubles when
// it is full: when the number of pieces is a power of two.
static int
add_extent(struct swap_store *s, struct extent e)
{
  struct extent *last = s->nextents ? &s->extent[s->nextents - 1] : NULL, *more = s->extent;
  u32 n = s->nextents;
  if(last && last->sector + last->pages * (PAGE_SIZE / SECTOR) == e.sector){
    last->pages += e.pages;
    return 0;
  }
  if((n & (n - 1)) == 0 && (more = kmalloc(max(2 * n, 1) * sizeof *more)) == NULL)
    return -ENOMEM;
  if(more != s->extent){
    memcpy(more, s->extent, n * sizeof *more);
    kfree(s->extent);
    s->extent = more;
  }
  s->extent[s->nextents++] = e;
  return 0;
}

// The file is reserved: its blocks stay where they are.
static int
find_extents(struct inode *i, struct swap_store *s)
{
  i64 n = i->ops->place ? inode_sync_range(i, 0, ~0UL, false) : -EINVAL;
  s->pages = i->object.size >> PAGE_SHIFT;
  for(u64 page = 0, sector; n >= 0 && page < s->pages; page += (u64)n){
    n = i->ops->place(i, page, (u32)min(s->pages - page, 1UL << 30), &s->device, &sector);
    int e = n > 0 ? add_extent(s, (struct extent){ page, (u64)n, sector }) : 0;
    if(n == 0)
      printk("swap: the file has holes\n");
    n = n == 0 ? -EINVAL : e ? e : n;
  }
  return n < 0 ? (int)n : 0;
}

// ---- Stores ----

// On failure too, f and what is in *s are the caller's to give up.
static int
find_store(struct file *f, struct swap_store *s)
{
  struct inode *i = f->inode;
  *s = (struct swap_store){ .identity = identity_of(i) };
  int e = file_reserve(f);             // until file_put
  if(e)
    return e;
  if(S_ISBLK(i->mode)){
    s->device = block_at(dev_minor(i->rdev));
    if(s->device->read_only)
      return -EROFS;
    s->pages = s->device->sectors * SECTOR / PAGE_SIZE;
    return 0;
  }
  return find_extents(i, s);
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
  e = find_store(f, &s);
  if(e == 0)
    return swap_on(&s, f, flags & SWAP_PREFER ? (i32)(flags & SWAP_PRIORITY) : SWAP_PRIORITY_NEXT);
  kfree(s.extent);
  file_put(f);
  return e;
}

i64
sys_swapoff(const u64 *a)
{
  struct file *f;
  int e = open_path(a[0], O_RDONLY, &f);
  if(e)
    return e;
  e = swap_off(identity_of(f->inode));
  file_put(f);
  return e;
}
