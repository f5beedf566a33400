// SPDX-License-Identifier: MIT
//
// Checkpoint files, as programs read, write and restore them: lib/ck_*.c.

#pragma once

#include "user/ulib.h"

typedef uint u32;
typedef uint64 u64;
#include "../../../kernel/checkpoint/format.h"

// The kernel's own calls, see docs/checkpoint.md.
enum { NR_freeze = 4000, NR_restore = 4001, CK_WHY = 160 };

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

// ---- A new one (ck_write.c) ----

struct ck_made {
  uint64 pages, bytes;       // in this file
  long frozen_us;            // how long it took to stop and clone it
};

// Freeze a process and write it to a file, which appears at once and whole.
// => NULL, or what is wrong
const char *checkpoint_write(long pid, const char *path, struct ck_made *made);

// ---- Back to life (ck_restore.c) ----

// A child becomes what the chain says. => its number, which is `same` if that was free; or
// negative after a complaint
long chain_restore(struct chain *c);
