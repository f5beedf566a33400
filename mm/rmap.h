// SPDX-License-Identifier: MIT
//
// The reverse map: from a page to the entries that name it.  Private pages are
// found in the spaces of their lineage, pages of objects in the areas that map the
// object.  Private to mm/.

#pragma once

#include "mm/frame.h"

struct lineage;
struct object;

// Who owns a page: one of the two, or nobody.
struct owner {
  struct lineage *lineage;
  struct object *object;
};

// The owner of a page in use, referenced. => false: the page is going, or is nobody's
bool owner_get(struct owner *o, struct frame *f);
void owner_put(struct owner *o);

static inline bool
owner_has(const struct owner *o, const struct frame *f)
{
  const void *p = knum_ptr(atomic_load(&f->owner));
  enum frame_kind k = frame_kind(f);
  return p && ((k == KIND_ANON && p == o->lineage) || (k == KIND_OBJECT && p == o->object));
}

enum { KEPT = 1 << 7 };        // a bit of rmap_use: somebody has it who may keep what it has

// A bit for each thing that hardware has noted in entries of f, and the frame's own:
// USED, MODIFIED (mm/policy/policy.h); and KEPT.  With `forget`, USED is cleared; no hart is
// fenced.  The owner is referenced.
u32 rmap_use(const struct owner *o, struct frame *f, bool forget);

// Replace every entry of a lineage that names one of n frames, which are BUSY, by the
// frame's slot; fence, fold D, and count them out.  Entries locked in memory stay, and
// all while a member forks.
void rmap_swap_out(struct lineage *l, struct frame **v, u32 n);

// The same frames stay where they are, but what the hardware noted of stores is forgotten
// and fenced: they are about to be written. => false: not while a member forks
bool rmap_clean(struct lineage *l, struct frame **v, u32 n);

// Replace every entry that names f's slot by f, hidden; f is BUSY.
void rmap_bring_back(struct lineage *l, struct frame *f);
