// SPDX-License-Identifier: MIT
//
// System calls about ranges of mapped memory: advice, locks, what of it is in
// memory, and what of it has to be on disk.  Over mm/space.h.

#include <machine.h>
#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "mm/object.h"
#include "mm/space.h"

// ---- madvise ----

static bool
unlocked(const struct area *a)
{
  return !(a->flags & AREA_LOCKED);
}

static bool
readable(const struct area *a)
{
  return a->prot & PROT_READ;
}

static bool
private_anonymous(const struct area *a)
{
  return a->object == NULL;
}

static bool
unlocked_anonymous(const struct area *a)
{
  return unlocked(a) && private_anonymous(a);
}

static bool
unlocked_object(const struct area *a)
{
  return unlocked(a) && a->object != NULL;
}

// What is away comes in: from the disks of files, in order and well ahead, or from swap.
static int
will_need(struct space *s, va_t addr, u64 len)
{
  struct area a;
  va_t end = addr + len;
  for(va_t va = addr; va < end && vm_area_at(s, va, &a); va = a.end){
    va_t from = max(va, a.start);
    u64 offset = a.offset + (from - a.start);
    struct object *o = a.file ? object_get(&a.file->inode->object) : vm_object_at(s, from, &offset);
    if(o && from < end)
      object_read_ahead(o, offset, min(a.end, end) - from);
    object_put(o);
    file_put(a.file);
  }
  vm_swap_in(s, addr, end);
  return vm_change_flags(s, addr, len, 0, 0, NULL);
}

// Shared memory gives up its pages; a file would have to give up its blocks.
static int
remove_pages(struct space *s, va_t addr, u64 len)
{
  int err = vm_change_flags(s, addr, len, 0, 0, unlocked_object);
  for(va_t va = addr; err == 0 && va < addr + len; va += PAGE_SIZE){
    u64 offset;
    struct object *o = vm_object_at(s, va, &offset);
    if(o == NULL)
      return -EACCES;
    if(o->ops)
      err = -EOPNOTSUPP;
    else
      object_remove(o, offset >> PAGE_SHIFT, (offset >> PAGE_SHIFT) + 1);
    object_put(o);
  }
  return err;
}

enum {
  MADV_NORMAL = 0, MADV_RANDOM = 1, MADV_SEQUENTIAL = 2, MADV_WILLNEED = 3, MADV_DONTNEED = 4,
  MADV_FREE = 8, MADV_REMOVE = 9, MADV_DONTFORK = 10, MADV_DOFORK = 11, MADV_DONTDUMP = 16,
  MADV_DODUMP = 17, MADV_WIPEONFORK = 18, MADV_KEEPONFORK = 19, MADV_COLD = 20,
  MADV_PAGEOUT = 21, MADV_POPULATE_READ = 22, MADV_POPULATE_WRITE = 23, MADV_DONTNEED_LOCKED = 24,
  MADV_COLLAPSE = 25,
};

enum what { UNKNOWN, HINT, DISCARD, FLAGS, POPULATE, SPECIAL };

// Hints are taken note of and have no effect.
static const struct advice {
  enum what what;
  bool (*fits)(const struct area *a);
  u32 clear, set;
  enum access access;
  int (*special)(struct space *s, va_t addr, u64 len);
} advices[] = {
  [MADV_NORMAL] = { HINT },
  [MADV_RANDOM] = { HINT },
  [MADV_SEQUENTIAL] = { HINT },
  [MADV_WILLNEED] = { SPECIAL, .special = will_need },
  [MADV_DONTNEED] = { DISCARD, .fits = unlocked },
  [MADV_FREE] = { DISCARD, .fits = unlocked_anonymous },
  [MADV_REMOVE] = { SPECIAL, .special = remove_pages },
  [MADV_DONTFORK] = { FLAGS, .set = AREA_DONTFORK },
  [MADV_DOFORK] = { FLAGS, .clear = AREA_DONTFORK },
  [MADV_DONTDUMP] = { HINT },
  [MADV_DODUMP] = { HINT },
  [MADV_WIPEONFORK] = { FLAGS, .fits = private_anonymous, .set = AREA_WIPEONFORK },
  [MADV_KEEPONFORK] = { FLAGS, .clear = AREA_WIPEONFORK },
  [MADV_COLD] = { HINT, .fits = unlocked },
  [MADV_PAGEOUT] = { SPECIAL, .special = vm_page_out },
  [MADV_POPULATE_READ] = { POPULATE, .fits = readable, .access = ACCESS_READ },
  [MADV_POPULATE_WRITE] = { POPULATE, .access = ACCESS_WRITE },
  [MADV_DONTNEED_LOCKED] = { DISCARD },
  [MADV_COLLAPSE] = { SPECIAL, .special = vm_collapse },
};

static int
advise(const struct advice *how, struct space *s, va_t addr, u64 len)
{
  int e;
  switch(how->what){
  case DISCARD:
    return vm_discard(s, addr, len, how->fits);
  case POPULATE:
    e = vm_populate(s, addr, len, how->access);
    return e || !how->fits ? e : vm_change_flags(s, addr, len, 0, 0, how->fits);
  case SPECIAL:
    return how->special(s, addr, len);
  default:
    return vm_change_flags(s, addr, len, how->clear, how->set, how->fits);
  }
}

// Whole pages of user addresses? => 0 (len 0: nothing to do) or -EINVAL
static int
whole_pages(va_t addr, u64 *len)
{
  if((addr & PAGE_MASK) || addr > USER_MAX || *len > USER_MAX - addr)
    return -EINVAL;
  *len = page_up(*len);
  return 0;
}

i64
sys_madvise(const u64 *a)
{
  u64 len = a[1];
  u32 number = (u32)a[2];
  if(number >= count_of(advices) || !advices[number].what || whole_pages(a[0], &len) != 0)
    return -EINVAL;
  return len ? advise(&advices[number], current->space, a[0], len) : 0;
}

// ---- msync ----

enum { MS_ASYNC = 1, MS_INVALIDATE = 2, MS_SYNC = 4 };

static int
sync_area(const struct area *a, va_t from, va_t end, u32 flags)
{
  if((flags & MS_INVALIDATE) && (a->flags & AREA_LOCKED))
    return -EBUSY;
  if(!(flags & MS_SYNC) || !(a->flags & AREA_SHARED) || !a->file)
    return 0;
  u64 offset = a->offset + (from - a->start);
  return file_sync_range(a->file, offset, offset + (end - from), true);
}

i64
sys_msync(const u64 *a)
{
  struct area area;
  va_t va = a[0], end;
  u64 len = a[1];
  u32 flags = (u32)a[2];
  bool hole = false;
  if((flags & ~(u32)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (va & PAGE_MASK) ||
     ((flags & MS_ASYNC) && (flags & MS_SYNC)))
    return -EINVAL;
  if(page_up(len) == 0)              // it may be too large to be said
    return 0;
  if(whole_pages(va, &len) != 0)
    return -ENOMEM;
  for(end = va + len; va < end; va = area.end){
    if(!vm_area_at(current->space, va, &area))
      return -ENOMEM;
    hole |= area.start > va;
    va_t from = max(va, area.start);
    int err = from < end ? sync_area(&area, from, min(end, area.end), flags) : 0;
    file_put(area.file);
    if(err)
      return err;
  }
  return hole ? -ENOMEM : 0;
}

// ---- mincore ----

enum { INCORE_PAGES = 256 };

i64
sys_mincore(const u64 *a)
{
  u8 in[INCORE_PAGES];
  u64 len = a[1];
  va_t out = a[2];
  if(a[0] & PAGE_MASK)
    return -EINVAL;
  if(whole_pages(a[0], &len) != 0)
    return -ENOMEM;
  for(va_t va = a[0], end = va + len; va < end;){
    u64 n = min((end - va) >> PAGE_SHIFT, (u64)INCORE_PAGES);
    int err = vm_incore(current->space, va, n, in);
    if(err)
      return err;
    if(copy_to_user(out, in, n))
      return -EFAULT;
    va += n * PAGE_SIZE;
    out += n;
  }
  return 0;
}

// ---- mlock ----

enum { MLOCK_ONFAULT = 1, MCL_CURRENT = 1, MCL_FUTURE = 2, MCL_ONFAULT = 4 };

// The pages that [addr, addr + len) touches.
static int
lock_range(va_t addr, u64 len, u32 how)
{
  va_t start = page_down(addr);
  if(page_up(len + (addr - start)) == 0)
    return 0;
  if(addr > USER_MAX || len > USER_MAX - addr)
    return addr + len < addr ? -EINVAL : -ENOMEM;
  len = page_up(addr + len) - start;
  int err = vm_change_flags(current->space, start, len, AREA_LOCKED | AREA_ONFAULT, how, NULL);
  if(err == 0 && how == AREA_LOCKED){
    err = vm_make_present(current->space, start, len);
    err = err == -EFAULT || err == -EINVAL ? -ENOMEM : err == -ENOMEM ? -EAGAIN : err;
  }
  return err;
}

i64 sys_mlock(const u64 *a) { return lock_range(a[0], a[1], AREA_LOCKED); }
i64 sys_munlock(const u64 *a) { return lock_range(a[0], a[1], 0); }

i64
sys_mlock2(const u64 *a)
{
  if(a[2] & ~(u64)MLOCK_ONFAULT)
    return -EINVAL;
  return lock_range(a[0], a[1], a[2] ? AREA_LOCKED | AREA_ONFAULT : AREA_LOCKED);
}

i64
sys_mlockall(const u64 *a)
{
  u32 flags = (u32)a[0];
  if(a[0] & ~(u64)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || !(flags & (MCL_CURRENT | MCL_FUTURE)))
    return -EINVAL;
  u32 how = AREA_LOCKED | (flags & MCL_ONFAULT ? AREA_ONFAULT : 0);
  int e = vm_lock_all(current->space, flags & MCL_CURRENT, how, flags & MCL_FUTURE ? how : 0);
  if(e)
    return e;
  if((flags & MCL_CURRENT) && how == AREA_LOCKED)
    vm_populate_locked(current->space, USER_MIN, USER_TOP - USER_MIN);   // as far as it goes
  return 0;
}

i64
sys_munlockall(const u64 *a)
{
  vm_lock_all(current->space, true, 0, 0);
  return 0;
}
