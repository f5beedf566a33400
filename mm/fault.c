// SPDX-License-Identifier: MIT
//
// The fault path: from an access that the page table refused to an entry that
// allows it.  What is there, and what is asked:
//
//   at the address          read, execute        write
//   ----------------------  -------------------  ----------------------------
//   no area                 MAPERR               MAPERR    (below a stack: grow)
//   area forbids it         ACCERR               ACCERR
//   nothing, no object      zero_map             zero_fill
//   nothing, object         file_map             shared: file_map, made dirty first
//                                                private: file_copy
//   the zero frame          already there        zero_fill
//   a private page          already there        alone: cow_reuse, else cow_copy
//   a shared page           already there        shared area: file_write
//                                                private area: cow_copy
//
// Each case takes the leaf table's lock once, finds there what it needs and sets
// one entry; none sleeps.  What cannot be done so (no memory, a page to be read,
// blocks to be reserved) lets go of everything, waits, and starts from the top.
//
// Locks: space.lock for reading > leaf table > object tree, buddy.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "mm/area.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/reaper.h"

// How an attempt ended, beside the results of vm_fault.
enum {
  NEED_MEMORY = 16,   // a frame, for a page or a table
  NEED_PAGE,          // from the object: attempt.object, .index
  NEED_PLACE,         // in the store, for the page to become dirty
  NEED_STACK,         // the stack area has to grow down to the address
};

struct attempt {
  struct space *space;
  va_t va;               // of the page
  u32 access;            // one PROT_ bit
  struct area *area;
  pte_t *e;              // the entry, its table locked
  struct object *object; // what to wait for, referenced
  u64 index;
};

static const u32 access_prot[] = {
  [ACCESS_READ] = PROT_READ, [ACCESS_WRITE] = PROT_WRITE, [ACCESS_EXEC] = PROT_EXEC,
};

// ---- Setting an entry ----

// Make the page's new instructions visible before anybody can fetch them.
static void
set_entry(struct attempt *a, struct frame *f, u32 prot, bool dirty)
{
  if((prot & PROT_EXEC) && frame_fetchable(f))
    pmap_fence_exec();
  pmap_set(a->e, pte_make(f, prot, dirty));
}

// A new private page of the faulting space, its count and identity in place.
static struct frame *
private_frame(struct attempt *a, u32 flags)
{
  struct frame *f = frame_alloc(KIND_ANON, ALLOC_USER | flags);
  if(f == NULL)
    return NULL;
  f->owner = knum(a->space->lineage);
  f->index = (u32)(a->va >> PAGE_SHIFT);
  f->hint = knum(a->space);
  f->word = KIND(KIND_ANON) | FRAME_DIRTY | FRAME_STALE | SHARE_1 | MAPPED_1;
  return f;
}

static u32
without_write(u32 prot)
{
  return prot & PROT_WRITE ? (prot & ~PROT_WRITE) | PROT_READ : prot;
}

// ---- The cases ----

static int
zero_map(struct attempt *a)
{
  set_entry(a, zero_frame, without_write(a->area->prot), false);
  vm_count(VM_ZERO_MAP);
  return FAULT_OK;
}

static int
zero_fill(struct attempt *a)
{
  struct frame *f = private_frame(a, ALLOC_ZERO);
  if(f == NULL)
    return NEED_MEMORY;
  bool replaces = *a->e != 0;
  set_entry(a, f, a->area->prot, true);
  if(replaces)
    pmap_fence(&a->space->pmap, a->va, a->va + PAGE_SIZE);
  atomic_add(&a->space->resident, 1);
  vm_count(VM_ZERO_FILL);
  return FAULT_OK;
}

// A private copy of src takes the place of whatever the entry held.
static int
copy_page(struct attempt *a, struct frame *src)
{
  struct frame *f = private_frame(a, 0);
  if(f == NULL)
    return NEED_MEMORY;
  page_copy(frame_kva(f), frame_kva(src));
  set_entry(a, f, a->area->prot, true);
  vm_count(VM_COW_COPY);
  return FAULT_OK;
}

static int
cow_copy(struct attempt *a, struct frame *old)
{
  u64 counts = frame_kind(old) == KIND_ANON ? SHARE_1 | MAPPED_1 : MAPPED_1;
  int r = copy_page(a, old);
  if(r != FAULT_OK)
    return r;
  pmap_fence(&a->space->pmap, a->va, a->va + PAGE_SIZE);
  frame_put(old, counts);
  return FAULT_OK;
}

// Nobody else names the page.  A hart that still has the entry without W faults
// once more and finds it there.
static int
cow_reuse(struct attempt *a, struct frame *f)
{
  f->hint = knum(a->space);
  set_entry(a, f, a->area->prot, true);
  vm_count(VM_COW_REUSE);
  return FAULT_OK;
}

static int
cow(struct attempt *a, struct frame *f)
{
  u64 w = atomic_load(&f->word);
  if((w & KIND(0xf)) == KIND(KIND_ANON) && word_share(w) == 1 && word_pins(w) == 0)
    return cow_reuse(a, f);
  return cow_copy(a, f);
}

static int
need(struct attempt *a, int what, u64 index)
{
  object_get(a->area->object);
  a->object = a->area->object;
  a->index = index;
  return what;
}

static bool
page_dirty(const struct frame *f)
{
  return atomic_load(&f->word) & FRAME_DIRTY;
}

static bool
past_end(const struct object *o, u64 index)
{
  u64 size = atomic_load(&o->size);
  return size != ~0UL && index >= page_up(size) >> PAGE_SHIFT;
}

// A shared page may be stored to once its place in the store is reserved and it
// counts as dirty; so W comes with the first store.
static u32
shared_prot(const struct area *area, const struct frame *f)
{
  bool may_write = (area->flags & AREA_SHARED) && page_dirty(f);
  return may_write ? area->prot : without_write(area->prot);
}

// f, pinned, becomes mapped; the pin goes.  The count goes up before we look: who
// takes the page or its dirt away marks that first and then looks whether it is
// mapped, so one of us sees the other.
// => false if it is being taken away
static bool
map_shared(struct attempt *a, struct frame *f)
{
  frame_get(f, MAPPED_1);
  if(unlikely(!object_holds(f))){
    frame_put(f, MAPPED_1 | PIN_1);
    return false;
  }
  u32 prot = shared_prot(a->area, f);
  set_entry(a, f, prot, prot & PROT_WRITE);
  atomic_add(&a->space->resident, 1);
  frame_put(f, PIN_1);
  return true;
}

// Pages of the object that are in memory anyway, around the one that faulted:
// within the area and the leaf table, so that no further lock is needed.
enum { AROUND = 16 };

static void
fault_around(struct attempt *a, u64 index)
{
  struct area *area = a->area;
  va_t first = max(round_down(a->va, AROUND * PAGE_SIZE), area->start);
  va_t last = min(round_down(a->va, AROUND * PAGE_SIZE) + AROUND * PAGE_SIZE, area->end);
  struct attempt n = *a;
  for(n.va = first; n.va < last; n.va += PAGE_SIZE){
    n.e = a->e + ((i64)(n.va - a->va) >> PAGE_SHIFT);
    u64 i = index + (u64)((i64)(n.va - a->va) >> PAGE_SHIFT);
    struct frame *f;
    if(*n.e != 0 || past_end(area->object, i) || (f = object_peek(area->object, i)) == NULL)
      continue;
    (void)map_shared(&n, f);
  }
}

static int
file_map(struct attempt *a)
{
  struct object *o = a->area->object;
  u64 index = (a->area->offset + (a->va - a->area->start)) >> PAGE_SHIFT;
  if(past_end(o, index))
    return FAULT_ADRERR;
  struct frame *f = object_peek(o, index);
  if(f == NULL)
    return need(a, NEED_PAGE, index);
  int r = FAULT_OK;
  if(a->access != PROT_WRITE){
    if(!map_shared(a, f))
      return need(a, NEED_PAGE, index);
    fault_around(a, index);
    vm_count(VM_FILE_MAP);
    return FAULT_OK;
  }
  if(!(a->area->flags & AREA_SHARED)){
    r = copy_page(a, f);
    atomic_add(&a->space->resident, r == FAULT_OK);
  } else if(page_dirty(f)){
    return map_shared(a, f) ? FAULT_OK : need(a, NEED_PAGE, index);
  } else {
    r = need(a, NEED_PLACE, index);
  }
  frame_put(f, PIN_1);
  return r;
}

// The entry of a shared page lacks W.
static int
file_write(struct attempt *a, struct frame *f)
{
  if(!page_dirty(f))
    return need(a, NEED_PLACE, f->index);
  set_entry(a, f, a->area->prot, true);
  return FAULT_OK;
}

// The entry allows it already: another hart was quicker, this one still had the
// old entry, or the hardware leaves A and D to us (Svade).
static int
already_there(struct attempt *a)
{
  pmap_set(a->e, pte_touched(*a->e, a->access == PROT_WRITE));
  pmap_fence_local(&a->space->pmap, a->va);
  vm_count(VM_SPURIOUS);
  return FAULT_OK;
}

static int
resolve(struct attempt *a)
{
  pte_t p = *a->e;
  switch(pte_state(p)){
  case PTE_NONE:
    if(a->area->object)
      return file_map(a);
    return a->access == PROT_WRITE ? zero_fill(a) : zero_map(a);
  case PTE_PRESENT:
    if(pte_allows(p, a->access))
      return already_there(a);
    if(a->access != PROT_WRITE)
      return FAULT_ACCERR;
    if(pte_is_zero(p))
      return zero_fill(a);
    return a->area->flags & AREA_SHARED ? file_write(a, pte_frame(p)) : cow(a, pte_frame(p));
  case PTE_HIDDEN:
    return FAULT_ACCERR;
  default:
    panic("page-table entry %lx of %lx", p, a->va);
  }
}

// ---- One attempt, and what it waited for ----

static bool
area_allows(const struct area *area, u32 access)
{
  // Sv39 cannot give W without R, nor does Linux.
  u32 prot = area->prot & PROT_WRITE ? area->prot | PROT_READ : area->prot;
  return prot & access;
}

static int
attempt(struct attempt *a)
{
  struct space *s = a->space;
  a->area = area_find(s, a->va);
  if(a->area == NULL)
    return area_stack_above(s, a->va) ? NEED_STACK : FAULT_MAPERR;
  if(!area_allows(a->area, a->access))
    return FAULT_ACCERR;
  a->e = pmap_make(&s->pmap, a->va);
  if(a->e == NULL)
    return NEED_MEMORY;
  int r = resolve(a);
  pmap_unlock(a->e);
  return r;
}

static enum fault
fault_of(int err)
{
  switch(err){
  case 0:       return FAULT_OK;
  case -ERANGE: return FAULT_OK;       // cut off meanwhile: look again
  case -ENOMEM: return FAULT_OOM;
  case -ENOSPC: return FAULT_ADRERR;
  default:      return FAULT_IO;
  }
}

static int
wait_for_page(struct attempt *a, bool make_dirty)
{
  struct frame *f;
  int err = object_page(a->object, a->index, &f);
  if(err == 0){
    if(make_dirty)
      err = object_make_dirty(a->object, f);
    frame_put(f, PIN_1);
  }
  object_put(a->object);
  return err;
}

// => FAULT_OK to try again
static enum fault
wait_for(struct attempt *a, int what, bool *major)
{
  switch(what){
  case NEED_MEMORY:
    return fault_of(memory_wait());
  case NEED_PAGE:
    *major |= a->object->ops != NULL;
    return fault_of(wait_for_page(a, false));
  case NEED_PLACE:
    return fault_of(wait_for_page(a, true));
  default:
    return vm_grow_stack(a->space, a->va) == 0 ? FAULT_OK : FAULT_MAPERR;
  }
}

static void
count_fault(struct space *s, bool major)
{
  vm_count(VM_FAULT);
  if(major){
    vm_count(VM_MAJOR);
    atomic_add(&s->major, 1);
    current->major++;
  } else {
    atomic_add(&s->minor, 1);
    current->minor++;
  }
}

enum fault
vm_fault(struct space *s, va_t va, enum access access)
{
  bool major = false;
  if(unlikely(va >= USER_MAX))
    return FAULT_MAPERR;
  struct attempt a = { .space = s, .va = page_down(va), .access = access_prot[access] };
  for(;;){
    rw_read_lock(&s->lock);
    int r = attempt(&a);
    rw_read_unlock(&s->lock);
    if(r < NEED_MEMORY){
      count_fault(s, major);
      return (enum fault)r;
    }
    enum fault w = wait_for(&a, r, &major);
    if(w != FAULT_OK)
      return w;
  }
}

int
vm_populate(struct space *s, va_t addr, u64 len)
{
  for(va_t va = page_down(addr); va < addr + len; va += PAGE_SIZE){
    struct area a;
    if(!vm_area_at(s, va, &a) || a.start > va)
      return -ENOMEM;
    bool private = !(a.flags & AREA_SHARED);
    enum access access = private && a.prot & PROT_WRITE ? ACCESS_WRITE : ACCESS_READ;
    if(a.file)
      file_put(a.file);
    if(a.prot == PROT_NONE)
      continue;
    enum fault f = vm_fault(s, va, access);
    if(f == FAULT_OOM)
      return -ENOMEM;
    if(f != FAULT_OK)
      return -EFAULT;
  }
  return 0;
}
