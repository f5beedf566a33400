// SPDX-License-Identifier: MIT
//
// Walking from pages to their entries.  A walk begins with the space that mapped the
// page last and ends when all its mappings are found: it costs the mappings, not the
// family.
//
// Locks: lineage.lock or object.areas_lock > pmap.upper > leaf tables.

#include "mm/rmap.h"
#include <pmap.h>
#include "mm/area.h"
#include "mm/frame.h"
#include "mm/frame_lock.h"
#include "mm/gather.h"
#include "mm/lineage.h"
#include "mm/local.h"
#include "mm/objects.h"
#include "mm/policy/policy.h"
#include "mm/slot.h"
#include "mm/space.h"

// ---- Owners ----

// While the word is locked and shows a share, entries or an object hold the page, and
// its owner cannot go.
static bool
lock_shared(struct frame *f)
{
  u64 w = atomic_load(&f->word);
  while(word_share(w) && !(w & FRAME_LOCK))
    if(__atomic_compare_exchange_n(&f->word, &w, w | FRAME_LOCK, true, __ATOMIC_ACQUIRE,
                                   __ATOMIC_RELAXED))
      return true;
  return false;
}

bool
owner_get(struct owner *o, struct frame *f)
{
  *o = (struct owner){ NULL, NULL };
  preempt_off();
  if(lock_shared(f)){
    void *p = knum_ptr(f->owner);
    if(frame_kind(f) == KIND_ANON)
      lineage_get(o->lineage = p);
    else if(object_get_live(p))
      o->object = p;
    __atomic_fetch_and(&f->word, ~FRAME_LOCK, __ATOMIC_RELEASE);
  }
  preempt_on();
  return o->lineage || o->object;
}

void
owner_put(struct owner *o)
{
  if(o->lineage)
    lineage_put(o->lineage);
  if(o->object)
    object_put(o->object);
  *o = (struct owner){ NULL, NULL };
}

// ---- Who uses it ----

// What the entry of va says, if it names f. => was it one?
static inline bool
look(struct space *s, va_t va, struct frame *f, bool forget, u32 *use)
{
  pte_t *e = pmap_reach(&s->pmap, va);
  vm_count(VM_VISIT);
  if(e == NULL)
    return false;
  pte_t p = *e;
  bool names = pte_names(p, f);
  if(names && forget && pte_used(p)){
    p = pmap_forget_use(e);
    rate_add(&s->demand.used, demand_turn, 1);
  }
  if(names && local_keeps_all(s))
    *use |= KEPT;
  if(names)
    *use |= (pte_used(p) ? USED : 0) | (pte_dirty(p) ? MODIFIED : 0);
  pmap_unlock(e);
  return names;
}

static void
look_lineage(struct lineage *l, struct frame *f, bool forget, u32 *use)
{
  struct space *s;
  va_t va = (va_t)atomic_load(&f->index) << PAGE_SHIFT;
  if(va >= USER_MAX)                   // it has become another page by now
    return;
  spin_lock(&l->lock);
  u32 place = f->hint, left = l->used;
  u64 found = 0;
  while(found < word_mapped(atomic_load(&f->word)) && (s = lineage_next(l, &place, &left)) != NULL)
    found += look(s, va, f, forget, use);
  spin_unlock(&l->lock);
}

static void
look_object(struct object *o, struct frame *f, bool forget, u32 *use)
{
  struct area *a;
  va_t va;
  u64 found = 0;
  spin_lock(&o->areas_lock);
  list_for(a, &o->areas, in_object){
    if(found >= word_mapped(atomic_load(&f->word)))
      break;
    if(area_va(a, f->index, &va))
      found += look(a->space, va, f, forget, use);
  }
  spin_unlock(&o->areas_lock);
}

u32
rmap_use(const struct owner *o, struct frame *f, bool forget)
{
  u64 w = atomic_load(&f->word);
  u32 use = (w & FRAME_USED ? USED : 0) | (w & FRAME_DIRTY ? MODIFIED : 0);
  if(forget && (w & FRAME_USED))
    atomic_and(&f->word, ~FRAME_USED);
  if(word_mapped(w) == 0)
    return use;
  if(o->lineage)
    look_lineage(o->lineage, f, forget, &use);
  else
    look_object(o->object, f, forget, &use);
  return use;
}

// ---- Private pages on their way out ----

// What is done to an entry e of s that names f, its table locked.
typedef void change_fn(struct space *s, struct frame *f, pte_t *e, struct gather *g);

static void
name_slot(struct space *s, struct frame *f, pte_t *e, struct gather *g)
{
  atomic_add(&s->resident, -1UL);
  gather_mapping(g, f, pte_dirty(pmap_set(e, pte_swapped(f->slot))));
  rate_add(&s->demand.lost, demand_tick(), 1);
}

// What the hardware knew of stores goes with the page's DIRTY.
static void
name_clean(struct space *s, struct frame *f, pte_t *e, struct gather *g)
{
  pmap_forget_store(e);
}

// => does an entry of s name f?  Unless it has to stay, fn is done to it.
static bool
change_entry(struct space *s, struct frame *f, struct gather *g, change_fn *fn)
{
  va_t va = (va_t)f->index << PAGE_SHIFT;
  if(g->space != s || gather_full(g)){
    if(g->space)
      gather_flush(g);
    gather_init(g, s);
  }
  pte_t *e = pmap_reach(&s->pmap, va);
  vm_count(VM_VISIT);
  if(e == NULL)
    return false;
  bool names = pte_names(*e, f);
  if(names && !pte_is_locked(*e) && !local_keeps(s, va)){
    fn(s, f, e, g);
    gather_range(g, va, va + PAGE_SIZE);
  }
  pmap_unlock(e);
  return names;
}

static void
change_entries(struct lineage *l, struct frame **v, u32 n, change_fn *fn)
{
  struct gather g = { .space = NULL };
  spin_lock(&l->lock);
  for(u32 i = 0; i < n && !lineage_forks(l); i++){
    struct space *s;
    u32 place = v[i]->hint, left = l->used;
    u64 mapped = word_mapped(atomic_load(&v[i]->word)), found = 0;
    while(found < mapped && (s = lineage_next(l, &place, &left)) != NULL)
      found += change_entry(s, v[i], &g, fn);
  }
  if(g.space)
    gather_flush(&g);
  spin_unlock(&l->lock);
}

void
rmap_swap_out(struct lineage *l, struct frame **v, u32 n)
{
  change_entries(l, v, n, name_slot);
}

void
rmap_clean(struct lineage *l, struct frame **v, u32 n)
{
  change_entries(l, v, n, name_clean);
}

// ---- And back ----

static bool
bring_back_to(struct space *s, struct frame *f)
{
  pte_t *e = pmap_reach(&s->pmap, (va_t)f->index << PAGE_SHIFT);
  if(e == NULL)
    return false;
  bool names = *e == pte_swapped(f->slot);
  if(names){
    frame_get(f, MAPPED_1);
    pmap_set(e, pte_make(f, PROT_NONE, false));
  }
  pmap_unlock(e);
  return names;
}

void
rmap_bring_back(struct lineage *l, struct frame *f)
{
  struct space *s;
  spin_lock(&l->lock);
  u32 place = f->hint, left = l->used;
  while((s = lineage_next(l, &place, &left)) != NULL){
    u64 w = atomic_load(&f->word);
    if(word_share(w) == word_mapped(w))
      break;
    bring_back_to(s, f);
  }
  spin_unlock(&l->lock);
}
