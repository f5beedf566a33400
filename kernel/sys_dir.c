// SPDX-License-Identifier: MIT
//
// getdents64: directory entries, gathered in kernel memory under the directory's
// lock and copied out without it.

#include <machine.h>
#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/string.h"
#include "kernel/syscall.h"
#include "kernel/user_path.h"
#include "mm/slab.h"

// Linux's struct linux_dirent64.
struct dirent64 {
  u64 ino;
  i64 off;
  u16 reclen;
  u8 type;
  char name[];
};

struct dirent_sink {
  struct dir_sink sink;
  char *buf;
  u32 size, used;
  u64 next;               // position behind the last entry
  bool full;              // an entry did not fit
};

static bool
add_dirent(struct dir_sink *d, const char *name, u32 len, u64 ino, u32 mode, u64 next_off)
{
  struct dirent_sink *s = container_of(d, struct dirent_sink, sink);
  u32 need = round_up(offsetof(struct dirent64, name) + len + 1, 8);
  s->full = need > s->size - s->used;
  if(s->full)
    return false;
  struct dirent64 *e = (struct dirent64 *)(s->buf + s->used);
  memset(e, 0, need);
  e->ino = ino;
  e->off = next_off;
  e->reclen = need;
  e->type = (mode & S_IFMT) >> 12;
  memcpy(e->name, name, len);
  s->used += need;
  s->next = next_off;
  return true;
}

// => bytes, 0 at the end, -EINVAL if not even one entry fits
static i64
read_entries(struct file *f, struct dirent_sink *s, va_t to)
{
  if(f->ops->readdir == NULL)
    return -ENOTDIR;
  sleep_lock(&f->lock);
  s->next = f->pos;
  int e = f->ops->readdir(f, &s->sink);
  if(e == 0 && copy_to_user(to, s->buf, s->used))
    e = -EFAULT;
  if(e == 0)
    f->pos = s->next;
  sleep_unlock(&f->lock);
  if(e)
    return e;
  return s->used == 0 && s->full ? -EINVAL : (i64)s->used;
}

static i64
get_entries(struct file *f, const u64 *a)
{
  struct dirent_sink s = { .sink = { add_dirent }, .size = min((u32)a[2], (u32)PAGE_SIZE) };
  s.buf = kmalloc(PAGE_SIZE);
  i64 n = s.buf ? read_entries(f, &s, a[1]) : -ENOMEM;
  kfree(s.buf);
  return n;
}

i64 sys_getdents64(const u64 *a) { return on_file(a, get_entries); }
