// SPDX-License-Identifier: MIT
//
// /proc/<pid>/fd and fdinfo: the open files of a process.

#include "fs/filelock.h"
#include "fs/proc.h"
#include "fs/stat.h"
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/task.h"

// => referenced, or NULL
static struct file *
file_of(struct task *t, u64 number)
{
  struct files *fs = task_files(t);
  struct file *f = fs ? files_at(fs, number) : NULL;
  files_put(fs);
  return f;
}

static int
link_fd(struct task *t, u64 number, struct inode **out)
{
  struct file *f = file_of(t, number);
  if(f == NULL)
    return -ENOENT;
  *out = inode_get(f->inode);
  file_put(f);
  return 0;
}

// As it was opened.
static u32
mode_of_fd(struct task *t, u64 number)
{
  struct file *f = file_of(t, number);
  u32 how = f ? f->flags & O_ACCMODE : O_RDWR;
  file_put(f);
  return S_IFLNK | (how == O_WRONLY ? 0 : 0500) | (how == O_RDONLY ? 0 : 0300);
}

bool
next_fd(struct task *t, u64 *number)
{
  struct files *fs = task_files(t);
  struct file *f = NULL;
  for(; fs && f == NULL && *number < fs->size; ++*number)
    f = files_at(fs, *number);
  files_put(fs);
  if(f == NULL)
    return false;
  file_put(f);
  --*number;
  return true;
}

// Position, flags and where it is; and the locks that are its owner's.
static int
show_fdinfo(struct text *x, struct task *t, u64 number)
{
  struct file *f = file_of(t, number);
  struct files *fs = task_files(t);
  if(f == NULL || fs == NULL){
    file_put(f);
    files_put(fs);
    return -ENOENT;
  }
  text_add(x, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t%lu\nino:\t%lu\n", atomic_load(&f->pos),
           f->flags, f->inode->super->dev, f->inode->ino);
  filelocks_show(x, f->inode, f, fs);
  file_put(f);
  files_put(fs);
  return 0;
}

const struct proc_entry proc_fd = {
  .mode = S_IFLNK | 0700, .mode_of = mode_of_fd, .link = link_fd,
};
const struct proc_entry proc_fdinfo = { .mode = S_IFREG | 0400, .show_number = show_fdinfo };
