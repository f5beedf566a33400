// SPDX-License-Identifier: MIT
//
// A disk image seen from a host tool: the kernel's own file system sources do the
// work.  Paths are absolute or not, which is the same; symbolic links in them are
// not followed.
//
// => 0 or -errno everywhere, unless said otherwise.

#pragma once

#include "kernel/types.h"

struct image;
struct inode;            // referenced: image_put_inode when done

struct image_stat {
  u64 ino, size, blocks, rdev;     // blocks of 512 bytes
  u32 mode, nlink, uid, gid;
  i64 mtime;
};

int image_open(const char *file, bool writable, struct image **out);
int image_close(struct image *m);  // writes everything; m is gone even on failure

int image_find(struct image *m, const char *path, struct inode **out);
void image_put_inode(struct inode *i);
void image_stat(struct inode *i, struct image_stat *st);

// fn gets every name of a directory but `.` and `..`; stops when it returns false.
int image_list(struct inode *dir, bool (*fn)(void *arg, const char *name, u64 ino), void *arg);
int image_readlink(struct inode *i, char *buf, u32 n);               // => length
i64 image_read(struct inode *i, u64 off, void *buf, u64 n);          // => bytes
int image_write(struct inode *i, u64 off, const void *buf, u64 n);
int image_clone(struct inode *to, struct inode *from);               // shares its blocks
int image_truncate(struct inode *i, u64 size);
int image_chmod(struct inode *i, u32 mode, i64 mtime);

// The directory must be there, the name must not.  mode: Linux's st_mode, with the
// type.  => *out may be NULL
int image_create(struct image *m, const char *path, u32 mode, u64 rdev, struct inode **out);
int image_symlink(struct image *m, const char *path, const char *target);
int image_unlink(struct image *m, const char *path);                 // also an empty directory
