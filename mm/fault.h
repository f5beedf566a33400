// SPDX-License-Identifier: MIT
//
// Between the attempts of a fault (fault.c) and what it waits for (fault_wait.c).

#pragma once

#include "mm/space.h"
#include "mm/swapin.h"

struct object;

// How an attempt ended, beside the results of vm_fault.
enum {
  NEED_MEMORY = 16,   // a frame, for a page or a table
  NEED_PAGE,          // from the object: wanted.object, .index
  NEED_PLACE,         // in the store, for the page to become dirty
  NEED_SLOTS,         // to be read: wanted.swap
  NEED_FRAME,         // wanted.swap.v[0] not to be BUSY any more
  NEED_AGAIN,         // nothing: it changed while we looked
  NEED_STACK,         // the stack area has to grow down to the address
  NEED_MORE,          // none of the cases that need nothing but the entry and a frame
};

// What there is to do when it has ended, beside counting it.
enum { WAITED = 1, MAJOR = 2, TIMED = 4 };

struct timing { u64 start, switches, *events, before[VM_KINDS]; };

struct wanted {
  u32 after;             // of the bits above
  struct timing timing;  // if TIMED
  struct object *object; // referenced
  u64 index;
  struct swap_in swap;
};

// Before the first attempt of one that is no ordinary one (space.careful), and after the last.
void fault_with_care(struct space *s, struct wanted *w);
void fault_after_all(struct space *s, va_t va, struct wanted *w, int r);

// Wait for what the last attempt needed; sleeps.  => FAULT_OK: start again from the top
int fault_wait(struct space *s, va_t va, struct wanted *w, int what);
