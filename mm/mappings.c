// SPDX-License-Identifier: MIT
//
// The inverted page table, read: from a frame to all who map it, which the reverse map
// finds for those who look on.
//
// Locks: as rmap.c.

#include "mm/mappings.h"
#include <pmap.h>
#include "mm/area.h"
#include "mm/frame.h"
#include "mm/lineage.h"
#include "mm/objects.h"
#include "mm/rmap.h"
#include "mm/space.h"

struct list_of {
  struct mapping *v;
  u32 n, room;
};

// Does s map f at va?  Then it is one more.
static void
look(struct list_of *l, struct space *s, va_t va, struct frame *f)
{
  pte_t *e = pmap_reach(&s->pmap, va);
  if(e == NULL)
    return;
  bool names = pte_names(*e, f);
  pmap_unlock(e);
  if(names && l->n++ < l->room)
    l->v[l->n - 1] = (struct mapping){ .pid = s->pid, .page = va >> PAGE_SHIFT };
}

static void
look_in_lineage(struct list_of *l, struct lineage *of, struct frame *f)
{
  struct space *s;
  va_t va = (va_t)atomic_load(&f->index) << PAGE_SHIFT;
  u32 place = 0, left = of->used;
  if(va >= USER_MAX)                   // it has become another page by now
    return;
  spin_lock(&of->lock);
  while((s = lineage_next(of, &place, &left)) != NULL)
    look(l, s, va, f);
  spin_unlock(&of->lock);
}

static void
look_in_object(struct list_of *l, struct object *o, struct frame *f)
{
  struct area *a;
  va_t va;
  spin_lock(&o->areas_lock);
  list_for(a, &o->areas, in_object)
    if(area_va(a, f->index, &va))
      look(l, a->space, va, f);
  spin_unlock(&o->areas_lock);
}

u32
frame_mappings(struct frame *f, struct mapping *v, u32 n)
{
  struct list_of l = { .v = v, .room = n };
  struct owner o;
  enum frame_kind k = frame_kind(f);
  if((k != KIND_ANON && k != KIND_OBJECT) || !owner_get(&o, f))
    return 0;
  if(o.lineage)
    look_in_lineage(&l, o.lineage, f);
  else
    look_in_object(&l, o.object, f);
  owner_put(&o);
  return l.n;
}
