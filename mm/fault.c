// SPDX-License-Identifier: MIT
//
// The fault path: from an access that the page table refused to an entry that
// allows it.  What is there, and what is asked:
//
//   at the address          read, execute        write
//   ----------------------  -------------------  ----------------------------
//   no area                 MAPERR               MAPERR    (of a stack: grow)
//   area forbids it         ACCERR               ACCERR
//   nothing, no object      zero_map             zero_fill
//   nothing, object         file_map             shared area: file_map, with W
//                                                private area: file_copy
//   a page in a slot        swap_in              swap_in, then as a private page
//   the zero frame          already there        zero_fill
//   a private page          already there        alone: cow_reuse, else cow_copy
//   a shared page           already there        shared area: file_write
//                                                private area: cow_copy
//
// Each case takes the leaf table's lock once, finds there what it needs and sets
// one entry; none sleeps.  What cannot be done so (no memory, a page to be read,
// blocks to be reserved) lets go of everything, waits (fault_wait.c), and starts
// from the top.
//
// The cases that need nothing but the entry and a frame, resolve_private(), are tried
// at once, straight from the trap; vm_fault_rest() tries everything, as often as it takes.
//
// Locks: space.lock for reading > leaf table > object tree, buddy.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "mm/area.h"
#include "mm/entry.h"
#include "mm/fault.h"
#include "mm/object.h"
#include "mm/slot.h"
#include "mm/swapin.h"

// Where the fault is.  Handed on by value: the ordinary cases keep it in registers.
struct at {
  struct space *space;
  va_t va;               // of the page
  u32 access;            // one PROT_ bit
  struct area *area;
  pte_t *e;              // the entry, its table locked, and
  pte_t old;             // what it held then
  u32 alloc;             // ALLOC_ flags for a new page
};

// ---- Setting an entry ----

static u32
without_write(u32 prot)
{
  return prot & PROT_WRITE ? (prot & ~(u32)PROT_WRITE) | PROT_READ : prot;
}

static void
fence_page(struct at at)
{
  pmap_fence_page(&at.space->pmap, at.va);
}

static inline void
map(struct at at, struct frame *f, u32 prot, bool dirty)
{
  set_entry(at.e, f, prot, dirty);
  trace(MAP, at.va, f);
}

// f may be stored to from now on, whatever was there before.
static inline void
map_stored(struct at at, struct frame *f)
{
  if(at.old == 0){
    map(at, f, entry_prot(at.area), true);
  } else {
    replace_entry(at.e, at.old, f);
    trace(MAP, at.va, f);
  }
}

static inline __attribute__((always_inline)) int
resolved(struct at at, enum vm_event kind)
{
  if(!(at.alloc & ALLOC_AT_HAND))
    vm_add(VM_FAULT, -1UL);        // see vm_counter()
  vm_count(kind);
  trace_with(FAULT_KIND, kind, at.va, 0);
  return FAULT_OK;
}

// ---- Private pages ----

static inline __attribute__((always_inline)) int
zero_map(struct at at)
{
  map(at, zero_frame, without_write(entry_prot(at.area)), false);
  return resolved(at, VM_ZERO_MAP);
}

static inline __attribute__((always_inline)) int
zero_fill(struct at at)
{
  struct frame *f = private_frame(at.space, at.va, at.alloc | ALLOC_ZERO);
  if(unlikely(f == NULL))
    return NEED_MEMORY;
  map_stored(at, f);
  if(unlikely(at.old != 0))
    fence_page(at);
  return resolved(at, VM_ZERO_FILL);
}

// A private copy of src takes the place of whatever the entry held.
static inline __attribute__((always_inline)) int
copy_page(struct at at, struct frame *src)
{
  struct frame *f = private_frame(at.space, at.va, at.alloc);
  if(unlikely(f == NULL))
    return NEED_MEMORY;
  page_copy(frame_kva(f), frame_kva(src));
  map_stored(at, f);
  return resolved(at, VM_COW_COPY);
}

static inline __attribute__((always_inline)) int
cow_copy(struct at at, struct frame *old, u64 counts)
{
  int r = copy_page(at, old);
  if(likely(r == FAULT_OK)){
    fence_page(at);
    frame_put(old, counts);
  }
  return r;
}

// Nobody else names the page.  A hart that still has the entry without W faults
// once more and finds it there.
static inline __attribute__((always_inline)) int
cow_reuse(struct at at, struct frame *f)
{
  f->hint = at.space->place;
  map_stored(at, f);
  return resolved(at, VM_COW_REUSE);
}

static inline __attribute__((always_inline)) int
cow(struct at at, struct frame *f)
{
  u64 w = atomic_load(&f->word), counts = MAPPED_1;
  if(likely(word_kind(w) == KIND_ANON)){
    if(word_share(w) == 1 && word_pins(w) == 0)
      return cow_reuse(at, f);
    counts = SHARE_1 | MAPPED_1;
  }
  return cow_copy(at, f, counts);
}

// ---- Pages in slots ----

// A page brought in keeps its slot: until somebody stores to it, it can go again for
// nothing.
static int
map_swapped(struct at at, struct frame *f)
{
  u64 word = atomic_load(&f->word);
  u32 prot = entry_prot(at.area);
  bool alone = word_share(word) == 1, store = at.access == PROT_WRITE;
  map(at, f, alone ? prot : without_write(prot), alone && store);
  f->hint = at.space->place;
  if(word & FRAME_AHEAD)
    swap_was_ahead(at.space, f);
  resolved(at, VM_SWAP_MAP);
  return store && !alone ? NEED_AGAIN : FAULT_OK;
}

static __attribute__((noinline)) int
swap_in(struct at at, struct wanted *w)
{
  u32 slot = pte_slot(*at.e);
  struct frame *f, *fresh = NULL;
  if(!slot_resident(slot) && (fresh = frame_alloc(KIND_ANON, ALLOC_USER)) == NULL)
    return NEED_MEMORY;
  enum slot_state st = slot_open(slot, fresh, MAPPED_1, &f);
  if(st == SLOT_FILL){
    swap_begin(&w->swap, at.space, at.va, at.e, f);
    return NEED_SLOTS;
  }
  if(fresh)
    frame_free(fresh);
  if(st == SLOT_HERE)
    return map_swapped(at, f);
  w->swap.v[0] = f;
  return st == SLOT_BUSY ? NEED_FRAME : NEED_AGAIN;
}

// The page was here all the time, under no name that the hardware knows.
static __attribute__((noinline)) int
unhide(struct at at)
{
  struct frame *f = pte_frame(*at.e);
  map(at, f, without_write(entry_prot(at.area)), pte_dirty(*at.e));
  return at.access == PROT_WRITE ? NEED_AGAIN : FAULT_OK;
}

// ---- Pages of objects ----

static int
need(struct at at, struct wanted *w, int what, u64 index)
{
  w->object = at.area->object;
  w->index = index;
  object_get(w->object);
  return what;
}

static bool
page_placed(const struct frame *f)
{
  return atomic_load(&f->word) & FRAME_PLACED;
}

// An entry but for the frame.
static inline pte_t rights(u32 prot) { return pte_make(pfn_frame(0), prot, false); }

// f, whose count of mappings includes e already, becomes mapped there; `placed`: how, if
// its place in the store is reserved: it may be stored to then, for the hardware's D bit
// tells of stores.  The count goes up before we look: who takes the page or its dirt away
// marks that first and then looks whether it is mapped, so one of us sees the other.
static inline void
map_shared(pte_t *e, struct frame *f, pte_t placed, pte_t read_only)
{
  u64 w = atomic_load(&f->word);
  if(likely(word_holds(w) && !(w & MAPPED_FULL)))
    pmap_set(e, (w & FRAME_PLACED ? placed : read_only) | pte_named(f));
  else
    frame_put(f, MAPPED_1);
}

// Pages that are in memory anyway are mapped with the one that faulted: neighbours
// within the area and the leaf table, so that no further lock is needed.
enum { AROUND = 16 };

// => is the one that faulted among them?
static bool
map_around(struct at at, u64 index)
{
  struct object *o = at.area->object;
  struct frame *v[AROUND];
  u64 around = at.space->ws_limit ? PAGE_SIZE : AROUND * PAGE_SIZE;
  va_t first = max(round_down(at.va, around), at.area->start);
  va_t end = min(round_down(at.va, around) + around, at.area->end);
  u64 base = index - ((at.va - first) >> PAGE_SHIFT), from = base;
  u64 to = min(base + ((end - first) >> PAGE_SHIFT), object_pages(o));
  pte_t *asked = at.e, *e = asked - (index - base);
  pte_t read_only = rights(without_write(entry_prot(at.area)));
  pte_t placed = at.area->flags & AREA_SHARED ? rights(entry_prot(at.area)) : read_only;
  u32 n = object_gather(o, &from, to, MAPPED_1, v, AROUND);
  before_fetch(v, n, pte_executable(placed));
  for(u32 i = 0; i < n; i++){
    pte_t *here = e + (v[i]->index - base);
    if(likely(*here == 0))
      map_shared(here, v[i], placed, read_only);
    else
      frame_put(v[i], MAPPED_1);
  }
  trace(MAP, at.va + n, v[0]);
  return *asked != 0;
}

// A store to a page of a private area that is not mapped yet.
static int
file_copy(struct at at, struct wanted *w, u64 index)
{
  struct frame *f = object_peek(at.area->object, index);
  if(f == NULL)
    return need(at, w, NEED_PAGE, index);
  int r = copy_page(at, f);
  frame_put(f, PIN_1);
  return r;
}

static __attribute__((noinline)) int
file_map(struct at at, struct wanted *w)
{
  struct object *o = at.area->object;
  u64 index = (at.area->offset + (at.va - at.area->start)) >> PAGE_SHIFT;
  if(index >= object_pages(o))
    return FAULT_ADRERR;
  if(at.access == PROT_WRITE && !(at.area->flags & AREA_SHARED))
    return file_copy(at, w, index);
  if(!map_around(at, index))
    return need(at, w, NEED_PAGE, index);
  if(!pte_allows(*at.e, at.access))
    return need(at, w, NEED_PLACE, index);
  return resolved(at, VM_FILE_MAP);
}

// The entry of a shared page lacks W.
static __attribute__((noinline)) int
file_write(struct at at, struct wanted *w, struct frame *f)
{
  if(!page_placed(f))
    return need(at, w, NEED_PLACE, f->index);
  map(at, f, entry_prot(at.area), true);
  return FAULT_OK;
}

// ---- One attempt ----

// The entry allows it already: another hart was quicker, this one still had the
// old entry, or the hardware leaves A and D to us (Svade).
static __attribute__((noinline)) int
already_there(struct at at)
{
  pmap_touch(at.e, at.access == PROT_WRITE);
  pmap_fence_local(&at.space->pmap, at.va);
  return resolved(at, VM_SPURIOUS);
}

// => NEED_MORE: it is none of these, and nothing has changed
static inline __attribute__((always_inline)) int
resolve_private(struct at at)
{
  pte_t p = at.old;
  bool nothing = p == 0 && at.area->object == NULL;
  if(at.access != PROT_WRITE)
    return nothing ? zero_map(at) : NEED_MORE;
  if(nothing || (pte_lacks_write(p) && pte_is_zero(p)))
    return zero_fill(at);
  return pte_lacks_write(p) ? cow(at, pte_frame(p)) : NEED_MORE;
}

static int
resolve_present(struct at at, struct wanted *w, pte_t p)
{
  if(pte_allows(p, at.access))
    return already_there(at);
  return at.access == PROT_WRITE ? file_write(at, w, pte_frame(p)) : FAULT_ACCERR;
}

static inline int
resolve(struct at at, struct wanted *w)
{
  pte_t p = at.old = *at.e;
  int r = at.area->flags & AREA_SHARED ? NEED_MORE : resolve_private(at);
  if(r != NEED_MORE)
    return r;
  switch(pte_state(p)){
  case PTE_NONE:
    return file_map(at, w);
  case PTE_PRESENT:
    return resolve_present(at, w, p);
  case PTE_HIDDEN:
    return unhide(at);
  default:
    return swap_in(at, w);
  }
}

// Sv39 cannot give W without R, nor does Linux: PROT_WRITE is PROT_READ too.
static inline bool
area_allows(const struct area *area, u32 access)
{
  return (area->prot | ACCESS_KEEP | (area->prot & PROT_WRITE) / PROT_WRITE * PROT_READ) & access;
}

// What is read below the stack pointer is a mistake, however near to the stack.
// Not so what is written: gcc may store to a large frame before it moves the pointer.
static bool
stack_reaches(struct at at)
{
  if(area_stack_above(at.space, at.va) == NULL || at.space != current->space)
    return false;
  return at.access == ACCESS_WRITE || at.va >= page_down(user_sp());
}

static inline int
attempt_locked(struct at at, struct wanted *w)
{
  at.area = area_find(at.space, at.va);
  if(unlikely(at.area == NULL))
    return stack_reaches(at) ? NEED_STACK : FAULT_MAPERR;
  if(unlikely(!area_allows(at.area, at.access)))
    return FAULT_ACCERR;
  at.e = pmap_make(&at.space->pmap, at.va);
  if(unlikely(at.e == NULL))
    return NEED_MEMORY;
  int r = resolve(at, w);
  pmap_unlock(at.e);
  return r;
}

static int
attempt(struct space *s, va_t va, enum access access, struct wanted *w)
{
  rw_read_lock(&s->lock);
  int r = attempt_locked((struct at){ .space = s, .va = page_down(va), .access = access }, w);
  rw_read_unlock(&s->lock);
  return r;
}

// The same with nothing in the way: the area is that of the last fault, its table is there, and
// the hart has a frame at hand.  No register need be saved for what cannot happen here.
static inline __attribute__((always_inline)) int
attempt_at_once(struct at at)
{
  struct area *a = at.area = at.space->recent;
  if(unlikely(at.va < a->start || at.va >= a->end || !(a->prot & at.access)))
    return NEED_MORE;
  if(a->object && (a->flags & AREA_SHARED || at.access != PROT_WRITE))
    return NEED_MORE;
  pte_t leaf = leaf_of(&at.space->pmap, at.va);
  if(unlikely(leaf == 0))
    return NEED_MORE;
  frame_lock_here(pte_frame(leaf));
  at.e = entry_in(&at.space->pmap, leaf, at.va);
  at.old = *at.e;
  int r = resolve_private(at);
  frame_unlock_here(pte_frame(leaf));
  return r;
}

// ---- From the trap to the end ----

bool
vm_fault_at_once(struct space *s, va_t va, enum access access)
{
  trace(FAULT_ENTER, va, (int)access);
  if(unlikely(atomic_load(&s->careful)) || unlikely(!rw_read_try(&s->lock)))
    return false;
  int r = attempt_at_once((struct at){ .space = s, .va = page_down(va), .access = access,
                                       .alloc = ALLOC_AT_HAND });
  rw_read_leave(&s->lock);
  if(unlikely(r != FAULT_OK))
    return false;
  current->minor++;
  trace(FAULT_EXIT, page_down(va), FAULT_OK);
  return true;
}

enum fault
vm_fault_rest(struct space *s, va_t va, enum access access)
{
  struct wanted w;               // not all of it is set
  int r;
  w.after = 0;
  if(atomic_load(&s->careful))
    fault_with_care(s, &w);
  while((r = attempt(s, va, access, &w)) >= NEED_MEMORY)
    if((r = fault_wait(s, va, &w, r)) != FAULT_OK)
      break;
  if(w.after)
    fault_after_all(s, va, &w, r);
  vm_count(VM_FAULT);
  current->minor++;
  trace(FAULT_EXIT, page_down(va), r);
  return (enum fault)r;
}

enum fault
vm_fault(struct space *s, va_t va, enum access access)
{
  bool were_on = intr_save();
  bool done = vm_fault_at_once(s, va, access);
  intr_restore(were_on);
  return done ? FAULT_OK : vm_fault_rest(s, va, access);
}

int
vm_populate(struct space *s, va_t addr, u64 len, enum access access)
{
  for(va_t va = addr; va < addr + len; va += PAGE_SIZE){
    if(current->killed)
      return -EINTR;
    switch(vm_fault(s, va, access)){
    case FAULT_OK:
      break;
    case FAULT_MAPERR:
    case FAULT_OOM:
      return -ENOMEM;
    case FAULT_ACCERR:
      return -EINVAL;
    default:
      return -EFAULT;
    }
  }
  return 0;
}
