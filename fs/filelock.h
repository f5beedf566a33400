// SPDX-License-Identifier: MIT
//
// Locks that programs put on files by agreement: on ranges of bytes (fcntl), owned
// by a process or by an open file, and on whole files (flock).

#pragma once

#include "fs/vfs.h"

enum filelock_kind {
  LOCK_OF_PROCESS,         // owner: its table of open files
  LOCK_OF_FILE,            // owner: the open file; against the former too
  LOCK_WHOLE,              // of flock; owner: the open file; only against its own kind
};

enum filelock_type { F_RDLCK, F_WRLCK, F_UNLCK };     // Linux's numbers

struct filelock {
  struct list link;        // inode->locks
  struct list in_all;      // all locks there are
  struct inode *inode;     // that one, once it is there
  const void *owner;
  enum filelock_kind kind;
  enum filelock_type type;
  u64 first, last;         // bytes, both of them in it
  i32 pid;                 // who to name to others
};
#define FILELOCK_END (~0UL >> 1)     // `last` of a lock without end

// Put a lock on i in place of what its owner has there, or with F_UNLCK take that off.
// `wait`: until nobody else's is in the way; may sleep then.
// => 0, or -EAGAIN, -EDEADLK, -EINTR, -ENOLCK (no memory)
int filelock_set(struct inode *i, const struct filelock *want, bool wait);

// => false if nothing is in the way of `want`, else what is, the first of it in *found
bool filelock_test(struct inode *i, const struct filelock *want, struct filelock *found);

// => false: there are not n + 1 of them on i
bool filelock_nth(struct inode *i, u32 n, struct filelock *out);

// As /proc/locks shows all of them (i NULL), or fdinfo those that two owners have on i.
struct text;
void filelocks_show(struct text *x, const struct inode *i, const void *owner, const void *other);

void filelock_drop_slow(struct inode *i, const void *owner);

// All locks that owner has on i go.
static inline void
filelock_drop(struct inode *i, const void *owner)
{
  if(i && unlikely(!list_empty(&i->locks)))
    filelock_drop_slow(i, owner);
}
