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
  object_put(o->object);
  *o = (struct owner){ NULL, NULL };
}

// ---- Walking ----

// What is done with an entry of s, for va, that names f, its table locked.
typedef void entry_fn(struct space *s, va_t va, struct frame *f, pte_t *e, void *arg);

// => was there one?
static inline bool
visit(struct space *s, va_t va, struct frame *f, entry_fn *fn, void *arg)
{
  pte_t *e = pmap_reach(&s->pmap, va);
  vm_count(VM_VISIT);
  if(e == NULL)
    return false;
  bool names = pte_names(*e, f);
  if(names)
    fn(s, va, f, e, arg);
  pmap_unlock(e);
  return names;
}

static inline void
visit_lineage(struct lineage *l, struct frame *f, entry_fn *fn, void *arg)
{
  struct space *s;
  va_t va = (va_t)atomic_load(&f->index) << PAGE_SHIFT;
  if(va >= USER_MAX)                   // it has become another page by now
    return;
  spin_lock(&l->lock);
  u32 place = f->hint, left = l->used;
  u64 found = 0;
  while(found < word_mapped(atomic_load(&f->word)) && (s = lineage_next(l, &place, &left)) != NULL)
    found += visit(s, va, f, fn, arg);
  spin_unlock(&l->lock);
}

static inline void
visit_object(struct object *o, struct frame *f, entry_fn *fn, void *arg)
{
  struct area *a;
  va_t va;
  u64 found = 0;
  spin_lock(&o->areas_lock);
  list_for(a, &o->areas, in_object){
    if(found >= word_mapped(atomic_load(&f->word)))
      break;
    if(area_va(a, f->index, &va))
      found += visit(a->space, va, f, fn, arg);
  }
  spin_unlock(&o->areas_lock);
}

static inline __attribute__((always_inline)) void
visit_all(const struct owner *o, struct frame *f, entry_fn *fn, void *arg)
{
  if(o->lineage)
    visit_lineage(o->lineage, f, fn, arg);
  else
    visit_object(o->object, f, fn, arg);
}

// ---- Who uses it ----

struct use { bool forget; u32 bits; };

static void
add_use(struct space *s, va_t va, struct frame *f, pte_t *e, void *arg)
{
  struct use *use = arg;
  pte_t p = *e;
  if(use->forget && pte_used(p)){
    p = pmap_forget_use(e);
    rate_add(&s->demand.used, demand_turn, 1);
  }
  use->bits |= (pte_used(p) ? USED : 0) | (pte_dirty(p) ? MODIFIED : 0) |
               (local_keeps_all(s) ? KEPT : 0);
}

u32
rmap_use(const struct owner *o, struct frame *f, bool forget)
{
  u64 w = atomic_load(&f->word);
  struct use use = { forget, (w & FRAME_USED ? USED : 0) | (w & FRAME_DIRTY ? MODIFIED : 0) };
  if(forget && (w & FRAME_USED))
    atomic_and(&f->word, ~FRAME_USED);
  if(word_mapped(w))
    visit_all(o, f, add_use, &use);
  return use.bits;
}

// ---- Who maps it ----

struct list_of { struct mapping *v; u32 n, room; };

static void
add_mapping(struct space *s, va_t va, struct frame *f, pte_t *e, void *arg)
{
  struct list_of *l = arg;
  if(l->n++ < l->room)
    l->v[l->n - 1] = (struct mapping){ .pid = s->pid, .page = va >> PAGE_SHIFT };
}

u32
frame_mappings(struct frame *f, struct mapping *v, u32 n)
{
  struct list_of l = { .v = v, .room = n };
  struct owner o;
  enum frame_kind k = frame_kind(f);
  if((k != KIND_ANON && k != KIND_OBJECT) || !owner_get(&o, f))
    return 0;
  visit_all(&o, f, add_mapping, &l);
  owner_put(&o);
  return l.n;
}

// ---- Private pages on their way out ----

static void
name_slot(struct space *s, va_t va, struct frame *f, pte_t *e, void *g)
{
  if(pte_is_locked(*e) || local_keeps(s, va))
    return;
  atomic_add(&s->resident, -1UL);
  gather_page(g, f, GATHER_KEEPS_NAME | pte_dirty(pmap_set(e, pte_swapped(f->slot))));
  gather_range(g, va, va + PAGE_SIZE);
  rate_add(&s->demand.lost, demand_tick(), 1);
}

// What the hardware knew of stores goes with the page's DIRTY.
static void
name_clean(struct space *s, va_t va, struct frame *f, pte_t *e, void *g)
{
  if(pte_is_locked(*e) || local_keeps(s, va))
    return;
  pmap_forget_store(e);
  gather_range(g, va, va + PAGE_SIZE);
}

// Is fn to be done to one of g's space next?
static void
turn_to(struct gather *g, struct space *s)
{
  if(g->space == s && !gather_full(g))
    return;
  if(g->space)
    gather_flush(g);
  gather_init(g, s);
}

static bool
change_entries(struct lineage *l, struct frame **v, u32 n, entry_fn *fn)
{
  struct gather g = { .space = NULL };
  spin_lock(&l->lock);
  bool may = !lineage_forks(l);
  for(u32 i = 0; i < n && may; i++){
    struct space *s;
    u32 place = v[i]->hint, left = l->used;
    u64 mapped = word_mapped(atomic_load(&v[i]->word)), found = 0;
    while(found < mapped && (s = lineage_next(l, &place, &left)) != NULL){
      turn_to(&g, s);
      found += visit(s, (va_t)v[i]->index << PAGE_SHIFT, v[i], fn, &g);
    }
  }
  if(g.space)
    gather_flush(&g);
  spin_unlock(&l->lock);
  return may;
}

void
rmap_swap_out(struct lineage *l, struct frame **v, u32 n)
{
  change_entries(l, v, n, name_slot);
}

bool
rmap_clean(struct lineage *l, struct frame **v, u32 n)
{
  return change_entries(l, v, n, name_clean);
}

// ---- And back ----

static void
bring_back_to(struct space *s, struct frame *f)
{
  pte_t *e = pmap_reach(&s->pmap, (va_t)f->index << PAGE_SHIFT);
  if(e == NULL)
    return;
  if(*e == pte_swapped(f->slot)){
    frame_get(f, MAPPED_1);
    pmap_set(e, pte_make(f, PROT_NONE, false));
  }
  pmap_unlock(e);
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
