// SPDX-License-Identifier: MIT
//
// The path walk, for the name operations of fs/.

#pragma once

#include "fs/dentry.h"
#include "fs/vfs.h"

struct walk {
  struct inode *dir;       // referenced: the next component is looked up here
  const char *rest;        // not yet walked, behind last and its slashes
  struct name last;        // the component at hand; empty: the path was only slashes
  bool slash;              // a slash follows it
  u32 links;               // symbolic links followed
  char *link;              // text of the last one and what followed it, or NULL
};

// walk_begin: -ENOENT for an empty path.  walk_end follows in any case.
int walk_begin(struct walk *w, struct inode *base, const char *path);
void walk_end(struct walk *w);

// Up to the last component: it is in w->last and its directory in w->dir.
int walk_parent(struct walk *w);

// Look the component at hand up, mounts crossed. => 0 and *out referenced, -ENOENT ...
int walk_lookup(struct walk *w, struct inode **out);

// Go on at the target of a link found there.  Takes over i.
int walk_follow(struct walk *w, struct inode *i);

// The last component itself, following it if asked to.
int walk_last(struct walk *w, u32 flags, struct inode **out);

static inline bool is_dot(const struct name *n) { return n->len == 1 && n->text[0] == '.'; }

static inline bool
is_dot_dot(const struct name *n)
{
  return n->len == 2 && n->text[0] == '.' && n->text[1] == '.';
}

// Is the last component a name to make, remove or rename? (not "", "." or "..")
static inline bool
walk_ends_in_name(const struct walk *w)
{
  return w->last.len > 0 && !is_dot(&w->last) && !is_dot_dot(&w->last);
}

// For operations under dir->lock: the directory is only looked into, no mount is
// crossed.  => as ops->lookup, with *out NULL if that failed
int name_lookup_locked(struct inode *dir, const struct name *n, struct inode **out);

// The root mounted on i, else i; takes i over.
struct inode *mount_cross(struct inode *i);

struct inode *root_get(void);     // of all names, referenced; NULL before it is mounted
