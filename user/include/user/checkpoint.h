// SPDX-License-Identifier: MIT
//
// Checkpoint files, as programs read, write and restore them: lib/ck_*.c.

#pragma once

#include "user/ulib.h"

typedef uint u32;
typedef uint64 u64;
#include "../../../kernel/checkpoint/format.h"

// The kernel's own calls, see docs/checkpoint.md.
enum { NR_freeze = 4000, NR_restore = 4001, NR_become = 4002, CK_WHY = 160 };

// ---- An open file of a chain (ck_file.c) ----

struct checkpoint {
  char *path;
  int fd;
  struct ck_header header;
  struct ck_run *runs;
  size_t nruns;
  char *records;
};

// A whole chain, the newest first.  => NULL; or what is wrong, to be shown, and nothing
// is open.  Sums of pages are for chain_check.
struct chain {
  struct list files;         // struct checkpoint *
  struct text why;
};
const char *chain_open(struct chain *c, const char *path);
const char *chain_check(struct chain *c);
void chain_close(struct chain *c);

// The record behind r (NULL: the first) of a kind, 0: of any.  => or NULL
const void *record_next(const struct checkpoint *c, const void *r, uint type);

// The same among those of process p.
const void *record_in(const struct checkpoint *c, const struct ck_process *p, const void *r,
                      uint type);

// ---- A new one (ck_write.c) ----

// Of a map, or /proc/<pid>/pagemap: a page of its own; those of files come from these.
static inline bool
entry_is_private(uint64 entry)
{
  const uint64 present = 1UL << 63, swapped = 1UL << 62, of_file = 1UL << 61;
  return entry & swapped || (entry & (present | of_file)) == present;
}

struct ck_made {
  uint64 pages, bytes;       // in this file
  uint depth;                // how many files it needs besides
  uint64 frozen_ns;          // how long the process stood still
};

// Freeze a process and write it to a file, which appears at once and whole.  An increment
// adds to the last one of this process; if that is not there any more, or is to be
// replaced, it is a full one.  After CK_ALONE no increment can follow.  With `tree` all its
// descendants as well.  => NULL, or what is wrong
enum ck_how { CK_FULL, CK_INCREMENT, CK_ALONE };
const char *checkpoint_write(long pid, const char *path, enum ck_how how, bool tree,
                             struct ck_made *made);

// The records, to be freed, of a process as it runs, or with CK_TREE of it and all its
// descendants. => NULL, or what is wrong
const char *look_at(long pid, uint64 flags, struct checkpoint *c);

// Is a pipe of the tree held outside of it too? (ck_tree.c) => NULL, or by whom
const char *tree_check(long pid);

// Write a chain as one file, which takes the place of its newest: with the same number, so
// that increments can follow.  Its sums are to be right.  => NULL, or what is wrong
const char *chain_merge(struct chain *c, const char *path, struct ck_made *made);

// The same in steps, for files that go elsewhere.  First the process is frozen (CK_STAY: it
// stands still until writer_thaw) and its records read, which may be changed; then all is
// written that has changed since `before`, if that was the last time, or else all there is.
// In any case what begins is to be freed.  => NULL, or what is wrong
struct ck_sink {
  long (*put)(struct ck_sink *s, const void *data, size_t n, uint64 offset);  // => negative: fails
};
struct writer;
struct writer *writer_begin(long pid, uint64 flags, const char **why);
struct checkpoint *writer_file(struct writer *w);
const char *writer_write(struct writer *w, const struct checkpoint *before, const char *name,
                         struct ck_sink *to);
void writer_thaw(struct writer *w);
void writer_free(struct writer *w);

// Where the process was last saved when this was taken, and that file's number. => or ""
const char *record_last(const struct checkpoint *c, uint64 *id);

// What the kernel is told of a file, so that what comes later can add to it: its number, and
// where it is. => false: that is not known
bool name_for_kernel(struct text *t, const struct checkpoint *c, const char *path);

// Where a process was last saved. => or NULL, and why
const char *process_saved_as(long pid, const char **why);

// Of files name.1, name.2 ...: the highest number. => 0: there are none
long series_latest(const char *name);

// ---- Back to life (ck_restore.c) ----

// A child becomes what the chain says; stopped: and waits for SIGCONT then. => its number,
// the same as ever if that is free; or negative after a complaint
long chain_restore(struct chain *c, bool stopped);

// The process that stands still while `image` is open, and has no children or none that live
// if the chain is of a tree, becomes that in its place. => as above; if it is only one process
// and has no locks on files, and it fails, that process is as it was
long chain_rewind(struct chain *c, long pid, int image, bool stopped);
int restored_wait(long pid);       // for its end. => a status as the shell has it
