// SPDX-License-Identifier: MIT
//
// The members of lineages.  Each has a place, by which a frame remembers who mapped
// it last: a number says nothing wrong when that space is gone.
//
// Lock: lineage.lock.

#include "mm/lineage.h"
#include "kernel/errno.h"
#include "kernel/string.h"
#include "mm/slab.h"
#include "mm/space.h"

#define NO_PLACE (~0U)

static struct cache lineage_cache = CACHE("lineage", sizeof(struct lineage), NULL);

struct lineage *
lineage_create(void)
{
  struct lineage *l = cache_zalloc(&lineage_cache);
  if(l){
    spin_init(&l->lock, "lineage");
    l->room = LINEAGE_FIRST;
    l->member = l->first;
    l->free = NO_PLACE;
  }
  return l;
}

void
lineage_put(struct lineage *l)
{
  if(atomic_add_full(&l->refs, -1UL) != 1)
    return;
  if(l->member != l->first)
    kfree(l->member);
  cache_free(&lineage_cache, l);
}

static bool
full(const struct lineage *l)
{
  return l->free == NO_PLACE && l->used == l->room;
}

// Twice as many places, unless somebody else was quicker.
static int
make_room(struct lineage *l)
{
  u32 room = 2 * l->room;
  u64 *more = kmalloc(room * sizeof *more), *old = more;
  if(more == NULL)
    return -ENOMEM;
  spin_lock(&l->lock);
  if(l->room < room){
    memcpy(more, l->member, l->used * sizeof *more);
    old = l->member;
    l->member = more;
    l->room = room;
  }
  spin_unlock(&l->lock);
  if(old != l->first)
    kfree(old);
  return 0;
}

static u32
take_place(struct lineage *l)
{
  u32 place = l->free;
  if(place == NO_PLACE)
    return l->used++;
  l->free = (u32)(l->member[place] >> 1);
  return place;
}

int
lineage_join(struct lineage *l, struct space *s, bool forked)
{
  spin_lock(&l->lock);
  while(full(l)){
    spin_unlock(&l->lock);
    if(make_room(l) != 0)
      return -ENOMEM;
    spin_lock(&l->lock);
  }
  s->place = take_place(l);
  l->member[s->place] = (u64)s;
  s->lineage = l;
  s->owner = knum(l);
  lineage_get(l);
  atomic_add(&l->forks, forked);
  spin_unlock(&l->lock);
  return 0;
}

void
lineage_leave(struct space *s)
{
  struct lineage *l = s->lineage;
  spin_lock(&l->lock);
  l->member[s->place] = (u64)l->free << 1 | 1;
  l->free = s->place;
  spin_unlock(&l->lock);
  lineage_put(l);
}
