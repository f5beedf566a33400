// SPDX-License-Identifier: MIT
//
// What procfs is made of: tables of entries, each a name and a function.

#pragma once

#include "fs/text.h"
#include "fs/vfs.h"

struct task;

// A file has show, or always says the same (and store, if it can be written); a link
// has link; a directory has entries and, for children whose names are numbers,
// number_child with next_number, which finds the first that is there at or above *number.
//
// t is the task whose directory this is in, referenced; NULL outside of those.
// All may sleep; => 0 or -errno.
struct proc_entry {
  const char *name;
  u32 mode;
  const char *says;
  int (*show)(struct text *text, struct task *t);
  int (*store)(const char *s, struct task *t);                        // without the newline
  int (*link)(struct task *t, u64 number, struct inode **out);        // => referenced
  const struct proc_entry *entries;
  u32 nentries;
  const struct proc_entry *number_child;
  bool (*next_number)(struct task *t, u64 *number);
};

enum {
  PROC_FILE = S_IFREG | 0444, PROC_SETTING = S_IFREG | 0644,
  PROC_DIR = S_IFDIR | 0555, PROC_LINK = S_IFLNK | 0777,
};

#define PROC_ENTRIES(table) .entries = (table), .nentries = count_of(table)

extern const struct proc_entry proc_pid;      // /proc/<pid>, proc_pid.c
extern const struct proc_entry proc_sys;      // /proc/sys, proc_sys.c
extern const struct proc_entry proc_system[]; // what is about the whole system, proc_system.c
extern const u32 proc_system_count;
