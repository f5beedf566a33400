// SPDX-License-Identifier: MIT
//
// mremap: making mappings longer or shorter, and moving them.
//
// A private page is found by its address, which is the same in every space of its
// lineage.  So before one moves nobody else may name it: a move first makes every
// page its own and every table that it will need, and only then changes anything;
// from there on it cannot fail.  What fails leaves the map as it was, for it may be
// tried again, and by then others may have mapped something.  Pages of objects stay
// behind: their entries are but a cache.
//
// Locks: space.lock for writing > leaf tables, one at a time.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "mm/area.h"
#include "mm/entry.h"
#include "mm/object.h"
#include "mm/reaper.h"
#include "mm/slot.h"

// Where a range is and where it goes.
struct move {
  va_t from, to;
  va_t away;             // a page that is shared and in a slot
  u64 whole;             // what was asked to be moved
  u64 old_len, new_len;  // what of it is left, and how long it is to become
  u32 flags;
};

enum { MOVE_BATCH = 32 };

// ---- Pages ----

static bool
private_page(pte_t p)
{
  return pte_has_frame(p) ? frame_kind(pte_frame(p)) == KIND_ANON : p != 0;
}

// The private page at entry e, which others have too, is replaced by a copy.
static int
copy_entry(struct space *s, const struct area *a, va_t va, pte_t *e)
{
  struct frame *old = pte_frame(*e), *f = private_frame(s, va, 0);
  if(f == NULL)
    return -ENOMEM;
  page_copy(frame_kva(f), frame_kva(old));
  set_entry(e, f, entry_prot(a), true);
  trace(MAP, va, f);
  pmap_fence(&s->pmap, va, va + PAGE_SIZE);
  frame_put(old, SHARE_1 | MAPPED_1);
  return 0;
}

static int
make_table(struct space *s, va_t va)
{
  pte_t *e = pmap_make(&s->pmap, va);
  if(e == NULL)
    return -ENOMEM;
  pmap_unlock(e);
  return 0;
}

static int
make_own(struct space *s, const struct area *a, va_t va, pte_t *e)
{
  if(!pte_has_frame(*e))
    return slot_names(pte_slot(*e)) > 1 ? -EAGAIN : 0;
  return word_share(atomic_load(&pte_frame(*e)->word)) > 1 ? copy_entry(s, a, va, e) : 0;
}

// The page at `from`, if it has to move: it is ours alone, and has a table to go to.
// => -EAGAIN: it has to be in memory first
static int
prepare_page(struct space *s, const struct area *a, va_t from, va_t to)
{
  pte_t *e = pmap_find(&s->pmap, from);
  if(e == NULL)
    return 0;
  bool moves = private_page(*e);
  int err = moves ? make_own(s, a, from, e) : 0;
  pmap_unlock(e);
  return err || !moves ? err : make_table(s, to);
}

static int
prepare_pages(struct space *s, const struct area *a, struct move *m)
{
  int err = pmap_unshare(&s->pmap, m->from, m->from + m->old_len);
  if(err == 0)
    err = pmap_unshare_edges(&s->pmap, m->from, m->from + m->whole);
  for(u64 off = 0; err == 0 && off < m->old_len; off += PAGE_SIZE){
    m->away = m->from + off;
    err = prepare_page(s, a, m->from + off, m->to + off);
  }
  return err;
}

// The entry of a page that moves, its frame BUSY: who has it so finds the page's entries
// by its index, and never waits for us. => NULL: nothing moves
static pte_t *
hold_page(struct space *s, va_t va)
{
  for(;;){
    pte_t *e = pmap_find(&s->pmap, va);
    if(e == NULL)
      return NULL;
    if(private_page(*e) && (!pte_has_frame(*e) || frame_try_busy(pte_frame(*e))))
      return e;
    bool moves = private_page(*e);
    pmap_unlock(e);
    if(!moves)
      return NULL;
    yield();
  }
}

// => its frame, still BUSY, or NULL
static struct frame *
move_page(struct space *s, va_t from, va_t to)
{
  pte_t *e = hold_page(s, from);
  if(e == NULL)
    return NULL;
  pte_t p = pmap_set(e, 0);
  struct frame *f = pte_has_frame(p) ? pte_frame(p) : NULL;
  if(f == NULL || f->slot)
    slot_rename(f ? f->slot : pte_slot(p), (u32)(to >> PAGE_SHIFT));
  else
    f->index = (u32)(to >> PAGE_SHIFT);
  pmap_unlock(e);
  e = pmap_find(&s->pmap, to);
  assert(e && *e == 0);
  pmap_set(e, p);
  pmap_unlock(e);
  return f;
}

// Until the harts have forgotten the old place, nobody may take a page from the new one.
static void
move_pages(struct space *s, const struct move *m)
{
  struct frame *busy[MOVE_BATCH];
  for(u64 off = 0, start = 0; off < m->old_len; start = off){
    u32 n = 0;
    for(; off < m->old_len && n < MOVE_BATCH; off += PAGE_SIZE)
      if((busy[n] = move_page(s, m->from + off, m->to + off)) != NULL)
        n++;
    pmap_fence(&s->pmap, m->from + start, m->from + off);
    while(n > 0)
      frame_unbusy(busy[--n]);
  }
}

// ---- Moving ----

// The area at the new place, as the old one but for where and how long it is.
static void
enter_area(struct space *s, const struct area *old, const struct move *m, struct area *a)
{
  a->start = m->to;
  a->end = m->to + m->new_len;
  area_inherit(a, old, m->from, AREA_STACK | AREA_HEAP);
  area_insert(s, a);
  if(a->object)
    object_link_area(a, NULL);
}

static i64
move_area(struct space *s, struct move *m, struct area *new, struct list *dead)
{
  bool fixed = m->flags & MREMAP_FIXED;
  int err = choose_place(s, &m->to, m->new_len, fixed ? MAP_FIXED : 0);
  if(err)
    return err;
  err = prepare_pages(s, area_find(s, m->from), m);
  if(err == 0 && m->whole > 0)
    err = area_cut_out(s, m->from, m->from + m->whole);
  if(err == 0 && fixed)
    err = unmap_pages(s, m->to, m->to + m->new_len, dead);
  if(err){
    if(!fixed)
      prune_around(s, m->to, m->to + m->new_len);
    area_mend(s, m->from, m->from + max(m->whole, PAGE_SIZE), dead);
    return err;
  }
  struct area *old = area_find(s, m->from);
  if(old == NULL)                      // a twin of its own place, which has just been cleared
    return -EFAULT;
  enter_area(s, old, m, new);
  move_pages(s, m);
  if(m->flags & MREMAP_DONTUNMAP){
    clear_pages(s, m->from, m->from + m->old_len);
    area_set_flags(old, old->flags & ~(AREA_LOCKED | AREA_ONFAULT));
    area_merge(s, old, dead);
  } else if(m->whole > 0){
    err = unmap_range(s, m->from, m->from + m->whole, dead);
  }
  assert(err == 0);
  area_merge(s, area_find(s, m->to), dead);   // the two may have become one
  return (i64)m->to;
}

// ---- Growing and shrinking ----

static bool
room_above(struct space *s, const struct area *a, u64 more)
{
  struct area *above = area_above(s, a->end);
  return more <= (above ? above->start : USER_TOP) - a->end;
}

static bool
offset_fits(const struct area *a, const struct move *m)
{
  return a->object == NULL || a->offset + (m->from - a->start) + m->new_len >= a->offset;
}

static i64
grow(struct space *s, struct area *a, struct move *m, struct area *new, struct list *dead)
{
  u64 more = m->new_len - m->old_len;
  bool private = (a->prot & PROT_WRITE) && !(a->flags & AREA_SHARED);
  if(m->old_len > a->end - m->from)
    return -EFAULT;
  if(!offset_fits(a, m) || (m->old_len == 0 && !(a->flags & AREA_SHARED)))
    return -EINVAL;
  if((private && !vm_may_promise(more)) || !may_grow(s, more))
    return -ENOMEM;
  bool stays = !(m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && m->old_len > 0;
  if(stays && m->from + m->old_len == a->end && room_above(s, a, more)){
    area_resize(s, a, a->start, a->end + more);
    area_merge(s, a, dead);
    return (i64)m->from;
  }
  return m->flags & MREMAP_MAYMOVE ? move_area(s, m, new, dead) : -ENOMEM;
}

static i64
remap_locked(struct space *s, struct move *m, struct area *new, struct list *dead)
{
  struct area *a = area_find(s, m->from);
  if(a == NULL)
    return -EFAULT;
  if(m->whole >= m->new_len && !(m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))){
    int err = m->whole == m->new_len ? 0
              : unmap_range(s, m->from + m->new_len, m->from + m->whole, dead);
    return err ? err : (i64)m->from;
  }
  m->old_len = min(m->whole, m->new_len);
  return grow(s, a, m, new, dead);
}

static bool
apart(const struct move *m)
{
  return m->from + m->whole <= m->to || m->to + m->new_len <= m->from;
}

static bool
sane(const struct move *m)
{
  if(!range_ok(m->from, m->whole) || m->new_len == 0 || m->new_len > USER_TOP)
    return false;
  if((m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(m->flags & MREMAP_MAYMOVE))
    return false;
  if((m->flags & MREMAP_DONTUNMAP) && m->whole != m->new_len)
    return false;
  if((m->flags & MREMAP_FIXED) && (!range_ok(m->to, m->new_len) || !apart(m)))
    return false;
  return true;
}

// => also -EAGAIN: m->away has to be in memory
static i64
remap(struct space *s, struct move *m)
{
  if(!sane(m))
    return -EINVAL;
  struct list dead = LIST_INIT(dead);
  struct area *new = area_alloc();
  i64 r = -ENOMEM;
  if(new){
    rw_write_lock(&s->lock);
    r = remap_locked(s, m, new, &dead);
    bool unused = new->start == new->end;
    rw_write_unlock(&s->lock);
    if(unused)
      area_free(new);
  }
  areas_release(&dead);
  return r;
}

i64
vm_remap(struct space *s, va_t old, u64 old_len, u64 new_len, u32 flags, va_t to)
{
  for(;;){
    struct move m = { .from = old, .to = flags & MREMAP_FIXED ? to : 0,
      .whole = page_up(old_len), .new_len = page_up(new_len), .flags = flags };
    i64 r = remap(s, &m);
    if(r != -EAGAIN)
      return r;
    if(vm_fault(s, m.away, ACCESS_KEEP) != FAULT_OK)
      return -ENOMEM;
  }
}
