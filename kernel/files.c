// SPDX-License-Identifier: MIT
//
// Tables of open files.
//
// files->lock guards the table; it is a leaf lock.  References to files are put
// after it is released, for that may close them and sleep.

#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/slab.h"

enum { WORD_BITS = 64, FILES_FIRST = WORD_BITS };

// ---- The table; lock held, or not shared yet ----

static void
set_cloexec(struct files *fs, u32 fd, bool on)
{
  u64 bit = 1UL << fd % WORD_BITS;
  if(on)
    fs->cloexec[fd / WORD_BITS] |= bit;
  else
    fs->cloexec[fd / WORD_BITS] &= ~bit;
}

static bool
get_cloexec(const struct files *fs, u32 fd)
{
  return fs->cloexec[fd / WORD_BITS] >> fd % WORD_BITS & 1;
}

// Room for `size` descriptors at least, which is more than there are.  => 0 or -ENOMEM
static int
grow(struct files *fs, u32 size)
{
  size = max((u32)round_up(size, WORD_BITS), 2 * fs->size);
  struct file **file = kzalloc(size * sizeof *file);
  u64 *cloexec = kzalloc(size / 8);
  if(file == NULL || cloexec == NULL){
    kfree(file);
    kfree(cloexec);
    return -ENOMEM;
  }
  if(fs->size > 0){
    memcpy(file, fs->file, fs->size * sizeof *file);
    memcpy(cloexec, fs->cloexec, fs->size / 8);
    kfree(fs->file);
    kfree(fs->cloexec);
  }
  fs->file = file;
  fs->cloexec = cloexec;
  fs->size = size;
  return 0;
}

static u32
find_free(const struct files *fs, u32 from)
{
  u32 fd = max(from, fs->lowest_free);
  while(fd < fs->size && fs->file[fd])
    fd++;
  return fd;
}

static void
put_in(struct files *fs, u32 fd, struct file *f, u32 flags)
{
  fs->file[fd] = f;
  if(flags & O_CLOEXEC)
    set_cloexec(fs, fd, true);
  if(fd == fs->lowest_free)
    fs->lowest_free = fd + 1;
}

static struct file *
take_out(struct files *fs, u32 fd)
{
  struct file *f = fs->file[fd];
  fs->file[fd] = NULL;
  set_cloexec(fs, fd, false);
  fs->lowest_free = min(fs->lowest_free, fd);
  return f;
}

// ---- The life of a table ----

struct files *
files_create(void)
{
  struct files *fs = kzalloc(sizeof *fs);
  if(fs == NULL)
    return NULL;
  fs->refs = 1;
  fs->limit = FILES_LIMIT;
  spin_init(&fs->lock, "files");
  if(grow(fs, FILES_FIRST)){
    kfree(fs);
    return NULL;
  }
  return fs;
}

static u32
highest(const struct files *fs)
{
  u32 n = fs->size;
  while(n > 0 && fs->file[n - 1] == NULL)
    n--;
  return n;
}

struct files *
files_copy(struct files *old)
{
  struct files *fs = files_create();
  if(fs == NULL)
    return NULL;
  spin_lock(&old->lock);
  u32 n = highest(old);
  int e = n > fs->size ? grow(fs, n) : 0;
  for(u32 fd = 0; e == 0 && fd < n; fd++)
    if((fs->file[fd] = old->file[fd]))
      file_get(fs->file[fd]);
  if(e == 0){
    memcpy(fs->cloexec, old->cloexec, round_up(n, WORD_BITS) / 8);
    fs->lowest_free = old->lowest_free;
    fs->limit = old->limit;
  }
  spin_unlock(&old->lock);
  if(e){
    files_put(fs);
    return NULL;
  }
  return fs;
}

void
files_get(struct files *fs)
{
  atomic_add(&fs->refs, 1);
}

void
files_put(struct files *fs)
{
  if(atomic_add_full(&fs->refs, -1UL) != 1)
    return;
  for(u32 fd = 0; fd < fs->size; fd++)
    if(fs->file[fd])
      file_put(fs->file[fd]);
  kfree(fs->file);
  kfree(fs->cloexec);
  kfree(fs);
}

int
files_unshare(void)
{
  struct files *old = current->files;
  if(atomic_load(&old->refs) == 1)
    return 0;
  struct files *fs = files_copy(old);
  if(fs == NULL)
    return -ENOMEM;
  current->files = fs;
  files_put(old);
  return 0;
}

void
files_close_exec(struct files *fs)
{
  for(u32 fd = 0; fd < fs->size; fd++){
    spin_lock(&fs->lock);
    struct file *f = fs->file[fd] && get_cloexec(fs, fd) ? take_out(fs, fd) : NULL;
    spin_unlock(&fs->lock);
    if(f)
      file_put(f);
  }
}

// ---- Descriptors of the current task ----

struct file *
files_at(struct files *fs, u32 fd)
{
  struct file *f = NULL;
  spin_lock(&fs->lock);
  if(fd < fs->size && (f = fs->file[fd]))
    file_get(f);
  spin_unlock(&fs->lock);
  return f;
}

struct file *
fd_file(int fd)
{
  return files_at(current->files, fd);
}

int
fd_install(struct file *f, u32 from, u32 flags)
{
  struct files *fs = current->files;
  spin_lock(&fs->lock);
  u32 fd = find_free(fs, from);
  int r = fd >= fs->limit ? -EMFILE : fd >= fs->size ? grow(fs, fd + 1) : 0;
  if(r == 0){
    put_in(fs, fd, f, flags);
    r = fd;
  }
  spin_unlock(&fs->lock);
  if(r < 0)
    file_put(f);
  return r;
}

int
fd_replace(struct file *f, u32 fd, u32 flags)
{
  struct files *fs = current->files;
  struct file *old = NULL;
  spin_lock(&fs->lock);
  int r = fd >= fs->limit ? -EBADF : fd >= fs->size ? grow(fs, fd + 1) : 0;
  if(r == 0){
    old = take_out(fs, fd);
    put_in(fs, fd, f, flags);
    r = fd;
  }
  spin_unlock(&fs->lock);
  if(r < 0)
    file_put(f);
  else if(old)
    file_put(old);
  return r;
}

int
fd_close(int fd)
{
  struct files *fs = current->files;
  struct file *f = NULL;
  spin_lock(&fs->lock);
  if((u32)fd < fs->size && fs->file[fd])
    f = take_out(fs, fd);
  spin_unlock(&fs->lock);
  if(f == NULL)
    return -EBADF;
  file_put(f);
  return 0;
}

int
fd_get_cloexec(int fd)
{
  struct files *fs = current->files;
  spin_lock(&fs->lock);
  int r = (u32)fd < fs->size && fs->file[fd] ? get_cloexec(fs, fd) : -EBADF;
  spin_unlock(&fs->lock);
  return r;
}

int
fd_set_cloexec(int fd, bool on)
{
  struct files *fs = current->files;
  int r = -EBADF;
  spin_lock(&fs->lock);
  if((u32)fd < fs->size && fs->file[fd]){
    set_cloexec(fs, fd, on);
    r = 0;
  }
  spin_unlock(&fs->lock);
  return r;
}
