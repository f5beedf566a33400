// SPDX-License-Identifier: MIT
//
// System calls that change what is mapped, over mm/space.h.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "fs/vfs.h"
#include "mm/space.h"

#define PROT_ALL ((u32)(PROT_READ | PROT_WRITE | PROT_EXEC))
#define PROT_SEM 8U                  // for atomic operations, as all memory is

i64
sys_brk(const u64 *a)
{
  struct space *s = current->space;
  va_t old = s->brk, brk = vm_brk(s, a[0]);
  if(unlikely(s->future) && brk > old)
    vm_populate_locked(s, page_down(old), brk - page_down(old));
  return (i64)brk;
}

// ---- mmap ----

// The store behind a file mapping, if the way the file is open allows it.
// => 0 and a reference in *out, or NULL for memory of its own; or -errno.  *flags may
// gain MAP_MAYWRITE
static int
file_object(struct file *f, u32 prot, u32 *flags, struct object **out)
{
  *out = NULL;
  u32 access = f->flags & O_ACCMODE;
  if(f->flags & O_PATH)
    return -EBADF;
  if(access == O_WRONLY)
    return -EACCES;
  if(*flags & MAP_SHARED){
    bool fixed = f->inode->object.fixed;
    if((prot & PROT_WRITE) && (access != O_RDWR || fixed))
      return fixed ? inode_fixed_error(f->inode) : -EACCES;
    if(access == O_RDWR && !fixed)
      *flags |= MAP_MAYWRITE;
  }
  if(f->ops->map)
    *out = f->ops->map(f);
  return *out || f->ops->maps_zeroes ? 0 : -ENODEV;
}

// Memory that begins as zeroes.
static i64
map_anonymous(va_t addr, u64 len, u32 prot, u32 flags)
{
  return vm_map(current->space, addr, len, prot, flags | MAP_ANONYMOUS, NULL, 0, NULL);
}

static i64
map_file(va_t addr, u64 len, u32 prot, u32 flags, int fd, u64 offset)
{
  struct file *f = fd_file(fd);
  struct object *o;
  if(!f)
    return -EBADF;
  int err = file_object(f, prot, &flags, &o);
  if(err || o == NULL){
    file_put(f);
    return err ? err : map_anonymous(addr, len, prot, flags);
  }
  return vm_map(current->space, addr, len, prot, flags, o, offset, f);
}

enum { GROWS = MAP_GROWSDOWN | MAP_PRIVATE | MAP_ANONYMOUS };    // what it comes with

i64
sys_mmap(const u64 *a)
{
  u64 len = a[1], offset = a[5];
  u32 prot = (u32)a[2] & PROT_ALL, flags = (u32)a[3], kind = flags & MAP_TYPE;
  i64 at;
  if(len == 0 || (offset & PAGE_MASK) || kind == 0 || kind > MAP_SHARED_VALIDATE)
    return -EINVAL;
  if(flags & MAP_HUGETLB)              // nobody has set any aside
    return flags & MAP_ANONYMOUS ? -ENOMEM : -EINVAL;
  if((flags & MAP_GROWSDOWN) && (flags & GROWS) != GROWS)
    return -EINVAL;
  flags &= ~(u32)MAP_MAYWRITE;
  if(kind == MAP_SHARED_VALIDATE){
    if(flags & ((u32)~MAP_LEGACY | MAP_ANONYMOUS))
      return flags & MAP_ANONYMOUS ? -EINVAL : -EOPNOTSUPP;
    flags &= ~(u32)MAP_PRIVATE;
  }
  if(flags & MAP_ANONYMOUS)
    at = map_anonymous(a[0], len, prot, flags | (flags & MAP_SHARED ? MAP_MAYWRITE : 0));
  else
    at = map_file(a[0], len, prot, flags, (int)a[4], offset);
  if(at >= 0 && (flags & MAP_POPULATE))
    vm_make_present(current->space, (va_t)at, len);
  else if(at >= 0 && ((flags & MAP_LOCKED) || unlikely(current->space->future)))
    vm_populate_locked(current->space, (va_t)at, len);
  return at;                         // populated as far as it went, as Linux does it
}

i64
sys_munmap(const u64 *a)
{
  return vm_unmap(current->space, a[0], a[1]);
}

i64
sys_mprotect(const u64 *a)
{
  u32 prot = (u32)a[2] & ~PROT_SEM;
  return prot & ~PROT_ALL ? -EINVAL : vm_protect(current->space, a[0], a[1], prot);
}

i64
sys_mremap(const u64 *a)
{
  u32 flags = (u32)a[3];
  if(a[3] & ~(u64)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
    return -EINVAL;
  u64 before = page_up(a[1]), after = page_up(a[2]);
  i64 at = vm_remap(current->space, a[0], a[1], a[2], flags, a[4]);
  if(at >= 0 && after > before)
    vm_populate_locked(current->space, (va_t)at + before, after - before);
  return at;
}

enum { FLUSH_LOCAL = 1 };            // only for the calling thread

i64
sys_riscv_flush_icache(const u64 *a)
{
  if(a[2] & ~(u64)FLUSH_LOCAL)
    return -EINVAL;
  pmap_fence_exec();
  return 0;
}
