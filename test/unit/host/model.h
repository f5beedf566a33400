// SPDX-License-Identifier: MIT
//
// A naive model of address spaces, and the real ones beside it: every step is
// done to both, every access must end as the model says.  It knows a window of
// pages of each space, and a few words of every page.

#pragma once

#include "host.h"
#include "store.h"

enum {
  WINDOWS = 4, WINDOW_PAGES = 16, PAGES = WINDOWS * WINDOW_PAGES,
  WORDS = 4, SPACES = 6, FILES = 3, FILE_PAGES = 12, OBJECTS = 64,
};

// A shared page's bytes: of a file, or of shared anonymous memory.
struct model_object {
  u64 users;                   // pages of spaces that show it
  struct store *store;         // NULL: anonymous
  u64 size;                    // bytes
  u64 word[FILE_PAGES][WORDS];
};

struct model_page {
  bool mapped, shared, may_write;
  u32 prot;
  struct model_object *object; // NULL: anonymous private
  u32 index;                   // in it
  bool own;                    // private: has a copy of its own
  bool known[WORDS];           // of that copy (bytes past a file's end are not)
  u64 word[WORDS];
};

struct model_space {
  struct space *space;         // NULL: not in use
  struct model_page page[PAGES];
};

extern struct model_space spaces[SPACES];
extern struct model_object objects[OBJECTS];   // the first FILES are files

va_t model_va(u32 page);

// One random step on space s, which runs on the calling hart, and another hart's
// look at the page before and after.
void model_step(struct model_space *s);

void model_start(void);                  // the files, and the first space
void model_end(void);
struct model_space *model_space(void);   // a live one at random
