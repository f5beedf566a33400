// SPDX-License-Identifier: MIT
//
// Names of inodes: the cache that path walks run through, and the tree that
// leads from an inode back to the root.  Only fs/ includes this.

#pragma once

#include "kernel/types.h"

struct inode;
struct dentry;

// One component of a path, copied so that it can be hashed and compared a word at
// a time.  The bytes behind it in its last word are 0; there is no NUL otherwise.
struct name {
  u32 len;                   // at most NAME_MAX
  u64 hash;
  union {
    char text[256];
    u64 word[256 / 8];
  };
};

static inline u32 name_words(u32 len) { return (len + 7) / 8; }

// n->text and n->len are set: make the rest so.
static inline void
name_finish(struct name *n)
{
  u64 hash = 0;
  if(n->len % 8)
    n->word[n->len / 8] &= (1UL << n->len % 8 * 8) - 1;    // little-endian
  for(u32 k = 0; k < name_words(n->len); k++)
    hash = (hash ^ n->word[k]) * 0x9e3779b97f4a7c15UL;
  n->hash = hash ^ hash >> 29;
}

// => 0: *out referenced; -ENOENT: there is no such name; 1: it is not known.  Needs no lock.
int dentry_find(struct inode *dir, const struct name *n, struct inode **out);

// The rest are told what ops->lookup and the others did, with dir->lock held
// since then (for writing where a name was changed).  None sleeps.

// n in dir is i; NULL: there is no such name.  => 0, or -ENOMEM for a name that
// is there: an inode has to know its own
int dentry_enter(struct inode *dir, const struct name *n, struct inode *i);

// n in dir may have come to be: forget that there was no such name.
void dentry_drop(struct inode *dir, const struct name *n);

// n in dir was i and is no more.
void dentry_leave(struct inode *dir, const struct name *n, struct inode *i);

// i was fn in `from` and is now tn in `to`.  Takes over `spare`, made beforehand
// so that this cannot fail.
struct dentry *dentry_alloc(const struct name *n);     // NULL without memory
void dentry_free(struct dentry *d);                    // one never used
void dentry_rename(struct inode *from, const struct name *fn, struct inode *to,
                   const struct name *tn, struct inode *i, struct dentry *spare);

// a was an in `from`, b was bn in `to`: now it is the other way round.  As above, with
// a spare for each one's new name.
void dentry_exchange(struct inode *from, const struct name *an, struct inode *a,
                     struct dentry *spare_a, struct inode *to, const struct name *bn,
                     struct inode *b, struct dentry *spare_b);

// The directory that an inode's name is in. => referenced, or NULL (a root)
struct inode *dentry_parent(struct inode *i);

// An inode is leaving memory. => a reference on the directory, to be put; or NULL
struct inode *dentry_forget(struct inode *i);
