// SPDX-License-Identifier: MIT
//
// tmpfs: files that live in memory and nowhere else.
//
//   tmpfs.c          file systems and their inodes
//   tmpfs_dir.c      directories and symbolic links
//   tmpfs_file.c     the pages of regular files
//   tmpfs_options.c  what mount is told
//
// Its inodes are its contents: they stay in the super's table while they have a
// name, used or not.  A file's pages are an object without a store: those that
// were written to stay in memory; others are zeroes that can be made again.
//
// Locks: the VFS holds the inodes'.  tmpfs->lock, innermost but for the slab's,
// guards what is charged to the file system.

#pragma once

#include "fs/vfs.h"

struct tmpfs {
  struct super super;
  struct spinlock lock;           // below, and every inode's `charged`
  u64 pages, pages_max;           // of data
  u64 inodes, inodes_max;
  u64 last_ino;
};

struct tmpfs_inode {
  struct inode vfs;
  union {
    struct radix charged;         // a file's pages, in memory or not: index -> index + 1
    struct {                      // a directory's entries
      struct hash names;
      struct radix order;         // by offset, as readdir gives them
      u64 next_off;
    };
    char *target;                 // of a symbolic link
  };
};

static inline struct tmpfs *
tmpfs_of(const struct inode *i)
{
  return container_of(i->super, struct tmpfs, super);
}

static inline struct tmpfs_inode *
tmpfs_inode(struct inode *i)
{
  return container_of(i, struct tmpfs_inode, vfs);
}

#define TMPFS_UNLIMITED (~0UL)

struct tmpfs_options { u64 pages, inodes; u32 mode; };    // limits, and the root's permissions

// A file system of its own, not mounted yet. => 0 or -ENOMEM
int tmpfs_create(const char *type, const struct tmpfs_options *o, struct super **out);

// "size=10m,mode=1777": NULL or "" for what mount says by itself. => 0 or -EINVAL
int tmpfs_options_parse(struct tmpfs_options *o, char *text);

// A new inode without a name. => refs 1, nlink 0; -ENOSPC, -ENOMEM
int tmpfs_inode_new(struct tmpfs *fs, u32 mode, u64 rdev, struct tmpfs_inode **out);

// It got its first name: now it is found by its number.
void tmpfs_inode_publish(struct tmpfs_inode *ti);
void tmpfs_evict(struct inode *i);
void tmpfs_inode_free(struct tmpfs_inode *ti);

// ---- tmpfs_dir.c ----

extern const struct inode_ops tmpfs_inode_ops;
void tmpfs_dir_init(struct tmpfs_inode *dir);
void tmpfs_dir_free(struct tmpfs_inode *dir);

// ---- tmpfs_file.c ----

extern const struct object_ops tmpfs_file_ops;
int tmpfs_truncate(struct inode *i, u64 size);          // nothing is charged past it any more
int tmpfs_move(struct inode *i, u64 at, u64 n, struct inode *from, u64 off);
