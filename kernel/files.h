// SPDX-License-Identifier: MIT
//
// A process's open files: descriptors are indices into a growable table.

#pragma once

#include "fs/vfs.h"
#include "kernel/lock.h"
#include "kernel/task.h"
#include "kernel/types.h"

enum { FILES_LIMIT = 1024 };     // RLIMIT_NOFILE at first
enum { FILES_LIMIT_MAX = 1 << 20 };

// Shared by tasks that share a table (CLONE_FILES).
struct files {
  u64 refs;
  struct spinlock lock;          // below
  struct file **file;            // NULL: free
  u64 *open, *cloexec;           // bitmaps; cloexec: of open ones only
  u32 size;                      // of all three, a multiple of 64
  u32 lowest_free;               // no free descriptor below it
  u32 limit;                     // RLIMIT_NOFILE: descriptors stay below it
};

// A table for a new process.  => refs 1, or NULL without memory
struct files *files_create(void);
struct files *files_copy(struct files *old);     // fork: the same files
struct files *files_get(struct files *fs);
void files_put(struct files *fs);                // the last one closes all; may sleep
void files_close_exec(struct files *fs);         // execve: close what is close-on-exec; may sleep

// For exec: after an execve nobody shares the table.  => 0 or -ENOMEM
int files_unshare(void);

// What a system call holds while it uses a descriptor of the current task.  The
// file is counted only if the table is shared: nobody else could close it.
struct fd_ref { struct file *file; bool counted; };

// Always counted, for what outlives the call. => or NULL
struct file *fd_file(int fd);

// => .file NULL if the descriptor is not open.  fd_get: or if it is only a place in
// the tree of names (O_PATH)
static inline struct fd_ref
fd_get_any(int fd)
{
  struct files *fs = current->files;
  if(unlikely(atomic_load(&fs->refs) != 1))
    return (struct fd_ref){ fd_file(fd), true };
  return (struct fd_ref){ (u32)fd < fs->size ? fs->file[fd] : NULL, false };
}

static inline void
fd_put(struct fd_ref r)
{
  if(unlikely(r.counted))
    file_put(r.file);
}

static inline struct fd_ref
fd_get(int fd)
{
  struct fd_ref r = fd_get_any(fd);
  if(r.file && unlikely(r.file->flags & O_PATH)){
    fd_put(r);
    r.file = NULL;
  }
  return r;
}

// Of a table that nobody shares, where nothing is to be counted or put.
// => NULL: ask fd_get
static inline struct file *
fd_own(int fd)
{
  struct files *fs = current->files;
  if(unlikely(atomic_load(&fs->refs) != 1) || (u32)fd >= fs->size)
    return NULL;
  struct file *f = fs->file[fd];
  return f && !(f->flags & O_PATH) ? f : NULL;
}

struct file *files_at(struct files *fs, u32 fd);   // of any table

// The lowest free descriptor >= from becomes f; takes over the reference, also on
// failure.  flags: O_CLOEXEC.  => descriptor, or -EMFILE, -ENOMEM
int fd_install(struct file *f, u32 from, u32 flags);

// The descriptor fd itself becomes f; what it was is closed.  As fd_install, but
// -EBADF beyond the limit
int fd_replace(struct file *f, u32 fd, u32 flags);

// => 0 (fd_get_cloexec: 0 or 1), or -EBADF
int fd_close(int fd);                            // may sleep
int fd_get_cloexec(int fd);
int fd_set_cloexec(int fd, bool on);

// All descriptors from first to last: closed, or closed by the next exec.
void fd_close_range(u32 first, u32 last, bool at_exec);      // may sleep

// fcntl's commands about locks, sys_lock.c
enum {
  F_GETLK = 5, F_SETLK = 6, F_SETLKW = 7, F_OFD_GETLK = 36, F_OFD_SETLK = 37, F_OFD_SETLKW = 38,
};
i64 fcntl_lock(int fd, struct file *f, u32 cmd, va_t arg);

// An open file that is in no file system, like an eventfd.  => refs 1, or NULL
struct file *file_nameless(const struct file_ops *ops, u32 flags, void *priv);
void nameless_init(void);                        // boot
