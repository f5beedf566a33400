// SPDX-License-Identifier: MIT
//
// What faults wait for, with no lock held: memory, pages to be read, blocks to be reserved;
// and what else there is to do about those that took long.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/area.h"
#include "mm/fault.h"
#include "mm/load.h"
#include "mm/local.h"
#include "mm/object.h"
#include "mm/reaper.h"

// ---- What it waited for ----

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
wait_for_page(struct wanted *w, bool make_dirty)
{
  const struct object_ops *ops = w->object->ops;
  struct frame *f;
  int err = make_dirty && ops && ops->admit ? ops->admit(w->object) : 0;
  if(err == 0)
    err = object_page(w->object, w->index, &f);
  if(err == 0){
    if(make_dirty)
      err = object_make_dirty(w->object, f);
    else if(unlikely((atomic_load(&f->word) + MAPPED_1) & MAPPED_FULL))
      err = -ENOSPC;
    frame_put(f, PIN_1);
  }
  object_put(w->object);
  return err;
}

// => FAULT_OK to try again
static enum fault
wait_for(struct space *s, va_t va, struct wanted *w, int what)
{
  switch(what){
  case NEED_MEMORY:
    return fault_of(memory_wait());
  case NEED_PAGE:
    return fault_of(wait_for_page(w, false));
  case NEED_PLACE:
    return fault_of(wait_for_page(w, true));
  case NEED_SLOTS:
    return fault_of(swap_finish(&w->swap, s));
  case NEED_FRAME:
    frame_wait(w->swap.v[0], FRAME_BUSY);
    frame_put(w->swap.v[0], PIN_1);
    return FAULT_OK;
  case NEED_AGAIN:
    return FAULT_OK;
  default:
    return vm_grow_stack(s, va) == 0 ? FAULT_OK : FAULT_MAPERR;
  }
}

_Static_assert(NEED_FRAME - NEED_MEMORY == WAIT_BUSY, "what is waited for");

int
fault_wait(struct space *s, va_t va, struct wanted *w, int what)
{
  u64 start = machine_time_ns();
  bool jumps = false;
  bool major = what == NEED_SLOTS ||
               (what == NEED_PAGE && object_page_away(w->object, w->index, &jumps));
  w->after |= WAITED | (major ? MAJOR : 0);
  enum fault waited = wait_for(s, va, w, what);
  if(what <= NEED_FRAME){
    vm_count(VM_WAITS + (what - NEED_MEMORY));
    vm_add(VM_WAITED + (what - NEED_MEMORY), machine_time_ns() - start);
  }
  if(jumps)
    load_read(s, 1, machine_time_ns() - start);
  return (int)waited;
}

// ---- Those that are no ordinary ones ----

static void
time_begins(struct timing *t)
{
  t->switches = current->switches;
  t->events = &this_hart()->events[VM_ZERO_FILL];
  memcpy(t->before, t->events, sizeof t->before);
  t->start = machine_time_ns();
}

// One that was not put aside: only then are these counters nobody else's.
static void
time_ends(const struct timing *t)
{
  u64 ns = machine_time_ns() - t->start;
  for(u32 k = 0; k < VM_KINDS && current->switches == t->switches; k++)
    if(t->events[k] != t->before[k]){
      vm_count(VM_TIMED + k);
      vm_add(VM_TIMED_NS + k, ns);
    }
}

void
fault_with_care(struct space *s, struct wanted *w)
{
  u32 careful = atomic_and(&s->careful, ~CAREFUL_TIME);
  if(careful & CAREFUL_LIMIT)
    local_make_room(s);
  if(careful & CAREFUL_TIME){
    w->after = TIMED;
    time_begins(&w->timing);
  }
}

void
fault_after_all(struct space *s, va_t va, struct wanted *w, int r)
{
  if((w->after & WAITED) && r == FAULT_OK)
    local_need(s, va);
  if((w->after & MAJOR) && r == FAULT_OK){
    vm_count(VM_MAJOR);
    rate_add(&s->demand.faults, demand_second(), 1);
    current->major++;
    current->minor--;
  }
  if(w->after & TIMED)
    time_ends(&w->timing);
}
