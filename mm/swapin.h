// SPDX-License-Identifier: MIT
//
// Bringing pages in from their slots: the one that was asked for, and with it
// neighbours that lie beside it on the disk too, as long as that pays.

#pragma once

#include <pmap.h>

struct frame;
struct space;

enum { SWAP_AHEAD_MAX = 32 };

struct swap_in {
  struct frame *v[SWAP_AHEAD_MAX];   // BUSY and pinned, their slots neighbours
  u32 n, slot;                       // that of the first
};

// f, BUSY and pinned, is to be filled for va, whose entry e is in a locked table.
// Neighbours of e whose pages are away join it.
void swap_begin(struct swap_in *in, struct space *s, va_t va, pte_t *e, struct frame *f);

// Read, and let go of the frames.  No lock is held; sleeps. => 0, or -EIO for the first
int swap_finish(struct swap_in *in, struct space *s);

// The reading alone; the frames stay BUSY and the caller's. => 0 or -errno
int swap_read(struct swap_in *in);

// Private pages have been read, or not: let go of them.
void swap_filled(struct swap_in *in, int err);

// A page that was read ahead for s has been wanted.
void swap_was_ahead(struct space *s, struct frame *f);
