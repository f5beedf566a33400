// SPDX-License-Identifier: MIT
//
// Tables of open files.
//
// files->lock guards the table; it is a leaf lock.  References to files are put
// after it is released, for that may close them and sleep.

#include "fs/filelock.h"
#include "kernel/bits.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/slab.h"

enum { WORD_BITS = 64, FILES_FIRST = WORD_BITS };

// ---- The table; lock held, or not shared yet ----

// Room for `size` descriptors at least, which is more than there are.  => 0 or -ENOMEM
static int
grow(struct files *fs, u32 size)
{
  size = max((u32)round_up(size, WORD_BITS), 2 * fs->size);
  struct file **file = kzalloc(size * sizeof *file);
  u64 *open = kzalloc(2 * size / 8), *cloexec = open + size / WORD_BITS;
  if(file == NULL || open == NULL){
    kfree(file);
    kfree(open);
    return -ENOMEM;
  }
  if(fs->size > 0){
    memcpy(file, fs->file, fs->size * sizeof *file);
    memcpy(open, fs->open, fs->size / 8);
    memcpy(cloexec, fs->cloexec, fs->size / 8);
    kfree(fs->file);
    kfree(fs->open);
  }
  fs->file = file;
  fs->open = open;
  fs->cloexec = cloexec;
  fs->size = size;
  return 0;
}

static u32
find_free(const struct files *fs, u32 from)
{
  from = max(from, fs->lowest_free);
  if(from >= fs->size || fs->file[from] == NULL)
    return from;
  return bits_find(fs->open, from, fs->size, false);
}

// The first open descriptor from fd on.  => fs->size if there is none
static u32
find_open(const struct files *fs, u32 fd)
{
  return bits_find(fs->open, fd, fs->size, true);
}

static void
put_in(struct files *fs, u32 fd, struct file *f, u32 flags)
{
  fs->file[fd] = f;
  bits_set(fs->open, fd, true);
  if(flags & O_CLOEXEC)
    bits_set(fs->cloexec, fd, true);
  if(fd == fs->lowest_free)
    fs->lowest_free = fd + 1;
}

// f was taken out of fs: whoever closes a file gives up the locks of its process on
// it, even if it is still open elsewhere.
static void
put_closed(struct files *fs, struct file *f)
{
  filelock_drop(f->inode, fs);
  file_put(f);
}

static struct file *
take_out(struct files *fs, u32 fd)
{
  struct file *f = fs->file[fd];
  fs->file[fd] = NULL;
  bits_set(fs->open, fd, false);
  bits_set(fs->cloexec, fd, false);
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

// The open files of a table that nobody changes become another's, which has none.
// => 0 or -ENOMEM
static int
copy_all(struct files *fs, const struct files *old)
{
  u32 n = 0;
  for(u32 fd = 0; (fd = find_open(old, fd)) < old->size; fd++)
    n = fd + 1;
  if(n > fs->size && grow(fs, n))
    return -ENOMEM;
  for(u32 fd = 0; (fd = find_open(old, fd)) < n; fd++){
    file_get(old->file[fd]);
    put_in(fs, fd, old->file[fd], bits_get(old->cloexec, fd) ? O_CLOEXEC : 0);
  }
  fs->limit = old->limit;
  return 0;
}

struct files *
files_copy(struct files *old)
{
  struct files *fs = files_create();
  if(fs == NULL)
    return NULL;
  spin_lock(&old->lock);
  int e = copy_all(fs, old);
  spin_unlock(&old->lock);
  if(e){
    files_put(fs);
    return NULL;
  }
  return fs;
}

struct files *
files_get(struct files *fs)
{
  if(fs)
    atomic_add(&fs->refs, 1);
  return fs;
}

void
files_put(struct files *fs)
{
  if(fs == NULL || atomic_add_full(&fs->refs, -1UL) != 1)
    return;
  for(u32 fd = 0; (fd = find_open(fs, fd)) < fs->size; fd++)
    put_closed(fs, fs->file[fd]);
  kfree(fs->file);
  kfree(fs->open);
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

// Nobody else changes the table any more, but some may look at it.
void
files_close_exec(struct files *fs)
{
  for(u32 fd = 0; (fd = bits_find(fs->cloexec, fd, fs->size, true)) < fs->size; fd++){
    spin_lock(&fs->lock);
    struct file *f = take_out(fs, fd);
    spin_unlock(&fs->lock);
    put_closed(fs, f);
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
    put_closed(fs, old);
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
  put_closed(fs, f);
  return 0;
}

void
fd_close_range(u32 first, u32 last, bool at_exec)
{
  struct files *fs = current->files;
  for(u64 fd = first; fd <= last; fd++){
    spin_lock(&fs->lock);
    fd = min(fd, (u64)fs->size);
    fd = find_open(fs, fd);
    bool found = fd <= last && fd < fs->size;
    struct file *f = found && !at_exec ? take_out(fs, fd) : NULL;
    if(found && at_exec)
      bits_set(fs->cloexec, fd, true);
    spin_unlock(&fs->lock);
    if(f)
      put_closed(fs, f);
    if(!found)
      break;
  }
}

int
fd_get_cloexec(int fd)
{
  struct files *fs = current->files;
  spin_lock(&fs->lock);
  int r = (u32)fd < fs->size && fs->file[fd] ? bits_get(fs->cloexec, fd) : -EBADF;
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
    bits_set(fs->cloexec, fd, on);
    r = 0;
  }
  spin_unlock(&fs->lock);
  return r;
}
