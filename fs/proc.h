// SPDX-License-Identifier: MIT
//
// What procfs is made of: tables of entries, each a name and a function.

#pragma once

#include "fs/text.h"
#include "fs/vfs.h"
#include "kernel/trace/trace.h"

struct space;
struct task;

// A setting that is a number within bounds.
struct proc_number {
  u64 least, most;
  u64 *value;
  u64 *instead_of;             // this is 0 then; or NULL
  void (*changed)(void);       // is called afterwards; or NULL
};

// The same of a space: 0 for a task that has none.
struct proc_space_number {
  i64 least, unit;
  u64 (*get)(const struct space *s);
  int (*set)(struct space *s, u64 n);                                 // => 0 or -errno
};

// A file always says the same, or has one of show; show_number, if its name is one; next, for
// a text made in parts as it is read, each from cursor[0] on, which was 0 (=> false: there is
// no more; cursor[1] is its own too); number; numbers, if it is an array of which n are wanted
// (=> how many there are).  It has store if it can be written otherwise than as a number.  A
// link has link, and mode_of if the mode differs from one to the next; a directory has nentries
// entries, or children whose names are numbers, all of one entry, with next_number, which finds
// the first that is there at or above *number.  Children that are directories are tasks.
//
// t is the task whose directory this is in, referenced; NULL outside of those.
// All may sleep; => 0 or -errno.
struct proc_entry {
  const char *name;
  u32 mode, nentries;
  const char *says;
  int (*show)(struct text *text, struct task *t);
  int (*show_number)(struct text *text, struct task *t, u64 number);
  bool (*next)(struct text *text, u64 *cursor);
  const struct proc_number *number;
  const struct proc_space_number *of_space;
  i64 (*numbers)(struct task *t, u64 first, u64 n, u64 *out);
  int (*store)(const char *s, struct task *t);                        // without the newline
  int (*link)(struct task *t, u64 number, struct inode **out);        // => referenced
  u32 (*mode_of)(struct task *t, u64 number);
  const struct proc_entry *entries;
  bool (*next_number)(struct task *t, u64 *number);
};

enum {
  PROC_FILE = S_IFREG | 0444, PROC_SETTING = S_IFREG | 0644,
  PROC_DIR = S_IFDIR | 0555, PROC_LINK = S_IFLNK | 0777,
};

#define PROC_NUMBER(lowest, highest, variable, ...)                                     \
  .mode = PROC_SETTING, .number = &(const struct proc_number){                          \
    .least = (lowest), .most = (highest), .value = (variable), __VA_ARGS__ }
#define PROC_OF_SPACE(...) \
  .mode = PROC_SETTING, .of_space = &(const struct proc_space_number){ __VA_ARGS__ }
#define PROC_ENTRIES(table) .entries = (table), .nentries = count_of(table)

bool next_task(struct task *t, u64 *number);

// proc_pid.c: bytes of s's memory, up to the first that cannot be had
void proc_add_range(struct text *x, struct space *s, va_t start, va_t end);

// What a task that does not run waits in, proc_asleep.c
int show_syscall(struct text *text, struct task *t);
int show_stack(struct text *text, struct task *t);
int show_wchan(struct text *text, struct task *t);

// Open files, proc_fd.c
extern const struct proc_entry proc_fd, proc_fdinfo;
bool next_fd(struct task *t, u64 *number);

// Files about processes' memory, proc_maps.c and proc_pages.c
int show_maps(struct text *text, struct task *t);
int show_smaps(struct text *text, struct task *t);
int show_smaps_rollup(struct text *text, struct task *t);
i64 pagemap(struct task *t, u64 first, u64 n, u64 *out);
i64 space_pagemap(struct space *s, u64 first, u64 n, u64 *out);     // but for bit 55

// kernel/checkpoint/changes.c: the same with it.  And that bit is about changes from now on.
// => or -ENOMEM
i64 changes_map(struct space *s, u64 first, u64 n, u64 *out);
int changes_from_now(struct space *s);

// and about frames, by number.
i64 kpagecount(struct task *unused, u64 first, u64 n, u64 *out);
i64 kpageflags(struct task *unused, u64 first, u64 n, u64 *out);
bool next_frames(struct text *text, u64 *cursor);

// What is the same for all processes, proc_system.c
int show_mounts(struct text *text, struct task *unused);
int show_mountinfo(struct text *text, struct task *unused);

extern const struct proc_entry proc_pid;      // /proc/<pid>, proc_pid.c
extern const struct proc_entry proc_sys;      // /proc/sys, proc_sys.c
extern const struct proc_entry proc_system[]; // what is about the whole system, proc_system.c
extern const u32 proc_system_count;
