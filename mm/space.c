// SPDX-License-Identifier: MIT
//
// The life of address spaces: exec makes one, fork copies it within
// its lineage, the last reference takes it down.
//
// Locks: the parent's space.lock for writing during fork (nothing of it changes
// half-way), the child's as well (nobody may look at it before it is whole).

#include "mm/space.h"
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "mm/area.h"
#include "mm/frame.h"
#include "mm/gather.h"
#include "mm/lineage.h"
#include "mm/local.h"
#include "mm/object.h"
#include "mm/reaper.h"
#include "mm/slab.h"
#include "mm/spaces.h"

struct list all_spaces = LIST_INIT(all_spaces);
struct spinlock all_spaces_lock = SPINLOCK_INIT("spaces");

static struct cache space_cache = CACHE("space", sizeof(struct space), NULL);

// ---- Spaces ----

static struct space *
space_alloc(void)
{
  struct space *s = cache_zalloc(&space_cache);
  if(s == NULL)
    return NULL;
  if(pmap_init(&s->pmap) != 0){
    cache_free(&space_cache, s);
    return NULL;
  }
  rw_init(&s->lock, "space");
  s->refs = 1;
  s->recent = &nowhere;
  s->mmap_top = USER_TOP;
  s->demand.begun = demand_turn;
  s->ws_priority = WS_PRIORITY_NORMAL;
  s->size_max = s->heap_max = ~0UL;
  list_init(&s->link);
  return s;
}

static void
publish(struct space *s)
{
  spin_lock(&all_spaces_lock);
  list_append(&all_spaces, &s->link);
  spin_unlock(&all_spaces_lock);
}

// The space, a member of l; takes s, which may be NULL, and on failure gives both up.
static struct space *
join(struct lineage *l, struct space *s, bool forked)
{
  if(s && lineage_join(l, s, forked) == 0){
    publish(s);
    return s;
  }
  if(s){
    pmap_destroy(&s->pmap);
    cache_free(&space_cache, s);
  }
  return NULL;
}

struct space *
space_create(void)
{
  struct lineage *l = lineage_create();
  if(l == NULL)
    return NULL;
  lineage_get(l);
  struct space *s = join(l, space_alloc(), false);
  lineage_put(l);
  return s;
}

struct space *
space_get(struct space *s)
{
  if(s)
    atomic_add(&s->refs, 1);
  return s;
}

bool
space_get_live(struct space *s)
{
  u64 refs = atomic_load(&s->refs);
  while(refs > 0)
    if(__atomic_compare_exchange_n(&s->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE,
                                   __ATOMIC_RELAXED))
      return true;
  return false;
}

static void
clear_areas(struct space *s)
{
  struct gather g;
  gather_init(&g, s);
  for(struct area *a = area_above(s, 0); a; a = area_above(s, a->end))
    gather_pages(&g, a->start, a->end);
  gather_flush(&g);
}

void
space_strip(struct space *s)
{
  rw_write_lock(&s->lock);
  for(struct area *a = area_above(s, 0); a; a = area_above(s, a->end))
    a->prot = PROT_NONE;
  clear_areas(s);
  rw_write_unlock(&s->lock);
}

// Nobody runs the space and nobody can find it but through the reverse map, so
// no fence is needed; entries go before the areas leave their objects' lists.
static void
unmap_all(struct space *s)
{
  struct list dead = LIST_INIT(dead);
  struct area *a;
  rw_write_lock(&s->lock);
  s->dying = true;
  clear_areas(s);
  while((a = s->root) != NULL){
    if(a->object)
      object_unlink_area(a);
    area_remove(s, a);
    list_append(&dead, &a->in_space);
    pmap_prune_dying(&s->pmap, a->start, a->end);
  }
  rw_write_unlock(&s->lock);
  areas_release(&dead);
}

void
space_put(struct space *s)
{
  if(s == NULL || atomic_add_full(&s->refs, -1UL) != 1)
    return;
  unmap_all(s);
  spin_lock(&all_spaces_lock);
  list_remove(&s->link);
  spin_unlock(&all_spaces_lock);
  lineage_leave(s);
  file_put(s->exe);
  if(s->since)
    space_put(s->since);
  kfree(s->saved_as);
  pmap_destroy(&s->pmap);
  cache_free(&space_cache, s);
}

// ---- fork ----

// A copy of area a for the child, with its references, on the object's list just
// after its parent: a truncation walks the list in order, so whatever is copied
// from an entry it has not reached yet, it will meet in the child.
static struct area *
copy_area(struct space *child, struct area *a)
{
  struct area *c = area_alloc();
  if(c == NULL)
    return NULL;
  c->start = a->start;
  c->end = a->end;
  area_inherit(c, a, a->start, AREA_LOCKED | AREA_ONFAULT);
  area_insert(child, c);
  if(c->object)
    object_link_area(c, a);
  return c;
}

// The entries of shared areas are only a cache: the child finds the pages by
// faults.  Tables full of anonymous pages may be held in common for a while.
static int
copy_map(struct space *child, struct space *parent)
{
  for(struct area *a = area_above(parent, 0); a; a = area_above(parent, a->end)){
    if(a->flags & AREA_DONTFORK)
      continue;
    if(copy_area(child, a) == NULL)
      return -ENOMEM;
    if(a->flags & (AREA_SHARED | AREA_WIPEONFORK))
      continue;
    int err = pmap_fork(&child->pmap, &parent->pmap, a->start, a->end,
                        a->object == NULL && !(a->flags & AREA_LOCKED));
    if(err)
      return err;
  }
  return 0;
}

static void
copy_attributes(struct space *child, struct space *parent)
{
  child->brk_start = parent->brk_start;
  child->brk = parent->brk;
  child->mmap_top = parent->mmap_top;
  child->stack_limit = parent->stack_limit;
  child->size_max = parent->size_max;
  child->heap_max = parent->heap_max;
  child->trampoline = parent->trampoline;
  child->arg_start = parent->arg_start;
  child->arg_end = parent->arg_end;
  child->stack_start = parent->stack_start;
  child->env_start = parent->env_start;
  child->env_end = parent->env_end;
  child->oom_score_adj = parent->oom_score_adj;
  local_fork(child, parent);
  child->exe = file_get(parent->exe);
}

enum { FORK_TRIES = 3 };

static int
fork_once(struct space *parent, struct space **out)
{
  struct space *child = join(parent->lineage, space_alloc(), true);
  if(child == NULL)
    return -ENOMEM;
  rw_write_lock(&parent->lock);
  rw_write_lock(&child->lock);
  copy_attributes(child, parent);
  int err = copy_map(child, parent);
  pmap_fence(&parent->pmap, USER_MIN, USER_MAX);
  lineage_forked(parent->lineage);
  rw_write_unlock(&child->lock);
  rw_write_unlock(&parent->lock);
  if(err)
    space_put(child);
  else
    *out = child;
  return err;
}

// Many that fork at once can be quicker than the reaper.
int
space_fork(struct space *parent, struct space **out)
{
  int err = fork_once(parent, out);
  for(u32 n = 0; err == -ENOMEM && n < FORK_TRIES && !current->killed && memory_reclaim(); n++)
    err = fork_once(parent, out);
  return err;
}

bool
vm_area_at(struct space *s, va_t va, struct area *copy)
{
  rw_read_lock(&s->lock);
  struct area *a = area_above(s, va);
  if(a){
    *copy = *a;
    file_get(a->file);
  }
  rw_read_unlock(&s->lock);
  return a != NULL;
}

struct object *
vm_object_at(struct space *s, va_t va, u64 *offset)
{
  struct object *o = NULL;
  rw_read_lock(&s->lock);
  struct area *a = area_find(s, va);
  if(a && (a->flags & AREA_SHARED)){
    o = object_get(a->object);
    *offset = a->offset + (va - a->start);
  }
  rw_read_unlock(&s->lock);
  return o;
}
