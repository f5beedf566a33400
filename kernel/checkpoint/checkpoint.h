// SPDX-License-Identifier: MIT
//
// Between the files of checkpoints: a frozen process, and pages that come from files.

#pragma once

#include "fs/text.h"
#include "kernel/list.h"
#include "kernel/types.h"
#include "kernel/checkpoint/format.h"
#include "mm/radix.h"

struct file;
struct frame;
struct process;
struct space;
struct task;

enum { WHY = 160 };              // room for a reason, with its NUL

// Processes as they were at one moment.
struct freeze {
  struct list all;               // struct frozen; parents before their children
  u64 flags;                     // CK_TREE ...
  u64 since;                     // when all stood still, ns since boot
  u64 key[2];                    // makes numbers of addresses
  struct radix copied;           // struct copied, by number of the object
  char *path;                    // scratch, PATH_MAX
  char why[WHY];                 // of a refusal
};

struct frozen {
  struct list link;
  struct freeze *of;
  struct process *process;       // referenced
  bool stopped;                  // by us
  struct text records;
  struct space *space;           // a copy of its memory, which nobody runs; NULL: a zombie
  struct space *since;           // the copy before this one, or NULL
};

// ---- freeze.c ----

void freeze_end(struct frozen *z);     // it goes on; family_lock held

// ---- exchange.c ----

// The only process of f, which stands still, goes on as the caller, who is to end then.
// => 0; -EBUSY: the caller is not alone, or there are more; -ESRCH, -EINTR: as if nothing
// had happened
int offer(struct freeze *f);

// ---- record.c ----

// Say of z->process, whose memory is s (NULL: it is a zombie), all that format.h has records
// for.  With `stopped` it is, and nothing of it changes; else what tasks are doing is left out.
// => 0; -EOPNOTSUPP and why[]: it has something that cannot be saved; -ENOMEM, -ESRCH
int record_process(struct frozen *z, struct space *s, bool stopped);

// A number for something that processes may share.
u64 number_of(const struct freeze *f, const void *thing);

// ---- changes.c ----

enum { OOM_NEVER = -1000 };      // for a copy: there is nobody to kill

// Changes of s count from this copy on, which gets a reference.  => what they counted from
// before, and its reference; or NULL
struct space *changes_from(struct space *s, struct space *copy);

// Of n pages from `first` on, entries as in /proc/<pid>/pagemap; with CK_CHANGED those that
// are not what they are in `since` (NULL: all but those of the file it was restored from that
// nobody has touched).  => how many
i64 changed_map(struct space *s, struct space *since, u64 first, u64 n, u64 *out);

// ---- image.c ----

struct file *image_file(struct freeze *f);       // takes over f; => NULL without memory
struct freeze *image_of(struct file *f);         // => NULL: it is no such file
void freeze_free(struct freeze *f);              // freeze.c: they go on, if they do not yet

// What a process was saved as, n bytes. => 0 and *name, kmalloc'd; -EINVAL, -ENOMEM, -EFAULT
int name_from_user(va_t buf, u64 n, char **name);

// The page of s at va, wherever it is now.  Sleeps. => 0 and *f pinned (NULL: nothing but
// zeroes was ever there), or -EFAULT
int space_pin(struct space *s, u64 va, u32 access, struct frame **f);

// ---- pages.c ----

// An array in pages: there may be more of them than memory has in one piece.
struct runs { struct ck_run **page; u64 n; };
enum { RUNS_A_PAGE = PAGE_SIZE / sizeof(struct ck_run) };

static inline struct ck_run *
run_at(const struct runs *r, u64 i)
{
  return &r->page[i / RUNS_A_PAGE][i % RUNS_A_PAGE];
}

int runs_make(struct runs *r, u64 n);            // => 0 or -ENOMEM; to be freed in any case
void runs_free(struct runs *r);

// Pages of checkpoint files, which tasks find by faults as if they had been swapped out.
struct page_store;

// The files are those of a chain, the newest first; takes over their references, also on
// failure.  `runs` become the store's too. => 0, -EINVAL (they make no sense), -ENOMEM,
// -EPERM (too many)
int pages_open(struct file **file, u32 nfiles, struct runs *runs, struct page_store **out);

// s, which nobody runs yet, has these pages; the store goes when it needs none of them any
// more.  On failure too it takes over the store. => 0, -EINVAL, -ENOMEM, -EINTR
int pages_enter(struct page_store *ps, struct space *s);

// Is the slot of such a page, the one for va?
bool pages_has(u32 slot, va_t va);
