// SPDX-License-Identifier: MIT
//
// Lineages: the spaces descended by fork from one exec.  A private page lives at
// one virtual address in all of them, so (lineage, page number) finds its
// mappings.  Private to mm/.

#pragma once

#include "kernel/lock.h"
#include "kernel/types.h"

struct space;

enum { LINEAGE_FIRST = 4 };

struct lineage {
  struct spinlock lock;        // who is a member: they stay while it is held
  u64 refs;                    // members, and who looks for pages of theirs; atomic
  u64 forks;                   // of members, going on now; atomic
  u32 room, used;              // places there are, and that have ever been taken
  u32 free;                    // a place that is free again, NO_PLACE: none
  u64 *member;                 // by place: the space; of a free place, the next << 1 | 1
  u64 first[LINEAGE_FIRST];    // the places of a small family
};

// => refs 0 and no members; NULL without memory
struct lineage *lineage_create(void);

// s becomes a member, s->lineage and s->place are set.  `forked`: from a member; that
// ends with lineage_forked. => 0 or -ENOMEM
int lineage_join(struct lineage *l, struct space *s, bool forked);
void lineage_leave(struct space *s);

static inline void
lineage_get(struct lineage *l)
{
  atomic_add(&l->refs, 1);
}

void lineage_put(struct lineage *l);

// A fork of a member has fenced it: see lineage_join.
static inline void
lineage_forked(struct lineage *l)
{
  atomic_add_full(&l->forks, -1UL);
}

// While a member forks, a table may be common to it and its child already, and a hart
// that runs it not yet know: then who finds a page through the child cannot fence the
// parent's harts.  The lock is held, so that none begins either.
static inline bool
lineage_forks(const struct lineage *l)
{
  return atomic_load_acq(&l->forks) > 0;
}

// The members, from the one at *place on and round, lock held.  Start with left = l->used.
// => the next one, *place moved behind it; NULL when all have had their turn
static inline struct space *
lineage_next(const struct lineage *l, u32 *place, u32 *left)
{
  while(*left > 0){
    --*left;
    u32 at = *place < l->used ? *place : 0;
    *place = at + 1;
    if(!(l->member[at] & 1))
      return (struct space *)l->member[at];
  }
  return NULL;
}
