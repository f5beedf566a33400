// SPDX-License-Identifier: MIT
//
// The checker: recount the whole system and name every lie.  Each page-table
// entry is held against its area and its frame, each frame's counts against the
// entries and objects that name it, each free list against its members.
//
// It runs with every other hart parked where it holds no spinlock, and only at a
// moment when no space.lock is held, so no change of a map is half-way.  The
// recount lives in the `names` and `mappings` fields of frames in use; of a table,
// names counts holders.

#include <pmap.h>
#include "kernel/printk.h"
#include "kernel/task.h"
#include "mm/area.h"
#include "mm/check.h"
#include "mm/frame.h"
#include "mm/objects.h"
#include "mm/slot.h"
#include "mm/spaces.h"

struct check {
  bool quiet;              // nobody was changing a map
  struct space *space;     // being scanned
};

u64 lies_told;

void
lie(const char *fmt, ...)
{
  char text[160];
  va_list ap;
  va_start(ap, fmt);
  vsnprintk(text, sizeof text, fmt, ap);
  va_end(ap);
  printk("check: %s\n", text);
  lies_told++;
}

static void
each_frame(struct check *c, void (*fn)(struct check *c, struct frame *f, enum frame_kind k))
{
  for(u64 pfn = frame_first; pfn < frame_last; pfn++){
    struct frame *f = pfn_frame(pfn);
    enum frame_kind k = frame_kind(f);
    if(k == KIND_ANON || k == KIND_OBJECT || k == KIND_TABLE)
      fn(c, f, k);
  }
}

static void
forget_counts(struct check *c, struct frame *f, enum frame_kind k)
{
  f->names = f->mappings = 0;
}

// ---- Entries ----

static void
check_private(struct check *c, va_t va, pte_t p, struct frame *f)
{
  f->names++;
  f->mappings++;
  if(f->owner != knum(c->space->lineage) || f->index != va >> PAGE_SHIFT)
    lie("private frame %lx at %lx: its identity is %x, %x", frame_pfn(f), va, f->owner,
        f->index);
  if(pte_writable(p) && word_share(f->word) != 1)
    lie("private frame %lx at %lx: writable and shared by %lu", frame_pfn(f), va,
        word_share(f->word));
}

static void
check_shared(struct check *c, const struct area *a, va_t va, pte_t p, struct frame *f)
{
  u64 index = (a->offset + (va - a->start)) >> PAGE_SHIFT;
  f->mappings++;
  if(a->object == NULL || f->owner != knum(a->object) || f->index != index)
    lie("object frame %lx at %lx: its identity is %x, %x", frame_pfn(f), va, f->owner, f->index);
  if(pte_writable(p) && !(a->flags & AREA_SHARED))
    lie("object frame %lx at %lx: writable in a private area", frame_pfn(f), va);
  if(pte_writable(p) && !(f->word & FRAME_PLACED))
    lie("object frame %lx at %lx: writable, but has no place", frame_pfn(f), va);
}

static void
check_swapped(struct check *c, va_t va, pte_t p)
{
  struct frame *f;
  if(!slot_recount(pte_slot(p), knum(c->space->lineage), (u32)(va >> PAGE_SHIFT), &f))
    lie("entry %lx at %lx: its slot is another page's", p, va);
  else if(f)
    f->names++;
}

// Does an entry allow what its area does not?
static bool
exceeds(const struct area *a, pte_t p)
{
  return (pte_state(p) == PTE_PRESENT && a->prot == PROT_NONE) ||
         (pte_writable(p) && !(a->prot & PROT_WRITE)) ||
         (pte_executable(p) && !(a->prot & PROT_EXEC));
}

static void
check_entry(void *arg, va_t va, pte_t p, const struct frame *table)
{
  struct check *c = arg;
  struct area *a = area_above(c->space, va);
  if(a == NULL || va < a->start){
    lie("entry %lx at %lx: no area", p, va);
    return;
  }
  if(pte_state(p) == PTE_SWAPPED){
    check_swapped(c, va, p);
    return;
  }
  if(pte_is_locked(p) && !(a->flags & AREA_LOCKED))
    lie("entry %lx at %lx: locked, but its area is not", p, va);
  if(exceeds(a, p))
    lie("entry %lx at %lx: its area allows only %x", p, va, a->prot);
  struct frame *f = pte_frame(p);
  u64 pfn = frame_pfn(f);
  if(f == zero_frame){
    if(pte_writable(p))
      lie("the zero frame is writable at %lx", va);
    return;
  }
  if(pfn < frame_first || pfn >= frame_last)
    lie("entry %lx at %lx: no such frame", p, va);
  else if(frame_kind(f) == KIND_ANON)
    check_private(c, va, p, f);
  else if(frame_kind(f) == KIND_OBJECT)
    check_shared(c, a, va, p, f);
  else
    lie("entry %lx at %lx: a frame of kind %d", p, va, frame_kind(f));
}

// A table that several spaces hold names its pages once; next counts the holders.
static bool
meet_common(struct frame *table)
{
  return table->names++ == 0;
}

static void
check_common(struct check *c, struct frame *table)
{
  if(table->names && table->names != table->index + 1)
    lie("table %lx: held by %u spaces, %u counted", frame_pfn(table), table->names,
        table->index + 1);
}

// ---- Areas ----

static void
check_areas(struct check *c, struct space *s)
{
  va_t end = USER_MIN;
  u32 n = 0;
  for(struct area *a = area_above(s, 0); a; a = area_above(s, a->end), n++){
    if(a->start < end || a->start >= a->end || a->gap != a->start - end || a->space != s)
      lie("area %lx-%lx: bad place (after %lx, gap %lx)", a->start, a->end, end, a->gap);
    end = a->end;
  }
  if(n != s->nareas)
    lie("%u areas, %u counted", n, s->nareas);
}

static void
check_space(struct check *c, struct space *s)
{
  c->space = s;
  check_areas(c, s);
  pmap_scan(&s->pmap, 0, USER_MAX, meet_common, check_entry, c);
}

// ---- Objects and frames ----

static void
check_away(struct check *c, struct object *o, u64 index, u32 slot)
{
  struct frame *f;
  if(!slot_recount(slot, knum(o), (u32)index, &f) || f)
    lie("object %p page %lu: slot %x is another page's", (void *)o, index, slot);
}

static void
check_object(struct check *c, struct object *o)
{
  u64 n = 0, away = 0, pfn;
  for(u64 i = 0; (pfn = radix_next(&o->pages, &i, false)) != 0; i++, n++){
    if(pfn & AWAY){
      check_away(c, o, i, (u32)pfn);
      away++;
      continue;
    }
    struct frame *f = pfn_frame(pfn);
    if(frame_kind(f) != KIND_OBJECT || f->owner != knum(o) || f->index != i)
      lie("object %p page %lu: frame %lx says %x, %x", (void *)o, i, pfn, f->owner, f->index);
    f->names++;
  }
  if(away != o->away)
    lie("object %p: %lu pages in slots only, %lu counted", (void *)o, away, o->away);
  if(n != o->pages.count)
    lie("object %p: %lu pages, %lu counted", (void *)o, n, o->pages.count);
}

static void
check_counts(struct check *c, struct frame *f, enum frame_kind k)
{
  if(k == KIND_TABLE){
    check_common(c, f);
    return;
  }
  u64 w = f->word;
  if(word_share(w) != f->names || word_mapped(w) != f->mappings)
    lie("frame %lx (word %lx): %u names and %u mappings found", frame_pfn(f), w, f->names,
        f->mappings);
  if(word_mapped(w) && word_share(w) == 0)
    lie("frame %lx (word %lx): mapped, but its object has given it up", frame_pfn(f), w);
  if((w & COUNTS) == 0 && !(w & (FRAME_BUSY | FRAME_WRITING)))
    lie("frame %lx (word %lx): nobody has it", frame_pfn(f), w);
}

static void
check_census(struct check *c)
{
  struct frame_census counted;
  u64 found[KINDS] = { 0 };
  for(u64 pfn = frame_first; pfn < frame_last; pfn++)
    found[frame_kind(pfn_frame(pfn))]++;
  frame_census(&counted);
  for(u32 k = KIND_KERNEL; k < KINDS; k++)
    if(found[k] != counted.held[k])
      lie("%lu frames of kind %u, %lu counted", found[k], k, counted.held[k]);
}

static void
check_batches(struct check *c)
{
  for(u32 i = 0; i < nharts; i++)
    for(u32 k = 0; k < harts[i].batch.n; k++)
      if(frame_kind(pfn_frame(harts[i].batch.pfn[k])) != KIND_BATCH)
        lie("hart %u: frame %x in its batch is in use", i, harts[i].batch.pfn[k]);
}

// ---- All ----

static bool
is_quiet(void)
{
  struct space *s;
  list_for(s, &all_spaces, link)
    if(rw_held(&s->lock))
      return false;
  return true;
}

static void
check_all(void *arg)
{
  struct check *c = arg;
  struct space *s;
  struct object *o;
  c->quiet = is_quiet();
  if(!c->quiet)
    return;
  each_frame(c, forget_counts);
  list_for(s, &all_spaces, link)
    check_space(c, s);
  u64 dirty = 0, writing = 0;
  list_for(o, &all_objects, link){
    check_object(c, o);
    dirty += object_has_store(o) ? o->pages.marked : 0;
    writing += o->writing;
  }
  if(dirty != pages_dirty || writing != pages_writing)
    lie("%lu dirty pages, %lu being written; %lu and %lu counted", dirty, writing, pages_dirty,
        pages_writing);
  each_frame(c, check_counts);
  check_census(c);
  check_batches(c);
  zeroed_check();
  slots_check();
  buddy_check();
  slab_check();
}

u64
vm_check(void)
{
  struct check c = { .quiet = false };
  u64 before = lies_told;
  for(;;){
    stop_machine(check_all, &c);
    if(c.quiet)
      return lies_told - before;
    yield();
  }
}
