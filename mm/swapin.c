// SPDX-License-Identifier: MIT
//
// Reading pages from their slots, each space as far ahead as has been worth it.
//
// Locks: swap_begin runs under a leaf table's lock and takes slots' and the ring's below
// it.

#include "mm/swapin.h"
#include <machine.h>
#include "kernel/block.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/load.h"
#include "mm/ring.h"
#include "mm/slot.h"
#include "mm/space.h"

enum { ALONE = ~0U };          // read the next one by itself: with others it failed

// How many pages to read for a fault at va.  More if those read ahead so far were
// wanted, or the faults follow one another; down to one if they were not.
static u32
window(struct space *s, va_t va)
{
  u32 n = s->swap_window, wanted = atomic_swap(&s->swap_wanted, 0);
  bool in_order = va == s->swap_next;
  if(n == ALONE)
    n = 1;
  else if(n <= 1)
    n = in_order ? 4 : 1;
  else if(wanted >= n / 2)
    n = min(2 * n, (u32)SWAP_AHEAD_MAX);
  else if(!in_order)
    n = n / 2;
  s->swap_window = n;
  return n;
}

// A scan: so many pages were read in order.  In between, as many may have been here.
enum { SCAN = 512 };

static bool
passed(pte_t p)
{
  return pte_state(p) == PTE_PRESENT && !pte_dirty(p) && pte_frame(p)->slot;
}

// What a scan has read, passed and not changed counts as unused again, and goes before all
// others: the scan does not drive out what is used, nor, if it comes round again, just
// the pages that it needs next.  But this is done with every other read only: of a loop that
// would fit into memory, more is to stay with every round.
static void
leave_behind(struct space *s, va_t va, pte_t *e)
{
  i64 back = (i64)((va - s->swap_next) >> PAGE_SHIFT);
  u32 n = 0;
  for(pte_t *b; n < SWAP_AHEAD_MAX && (b = pmap_beside(e, -back - n - 1)) && passed(*b); n++){
    struct frame *f = pte_frame(*b);
    pmap_forget_use(b);
    atomic_and(&f->word, ~FRAME_USED);
    ring_offer(f);
  }
  if(n > 0)
    pmap_fence(&s->pmap, s->swap_next - n * PAGE_SIZE, s->swap_next);
}

void
swap_begin(struct swap_in *in, struct space *s, va_t va, pte_t *e, struct frame *f)
{
  if(va - s->swap_next >= SCAN * PAGE_SIZE)
    s->swap_run = 0;
  if(s->swap_run >= SCAN && s->swap_run / SWAP_AHEAD_MAX % 2)
    leave_behind(s, va, e);
  u32 n = slots_run(f->slot, window(s, va));
  in->slot = f->slot;
  in->v[0] = f;
  in->n = 1;
  while(in->n < n){
    pte_t *beside = pmap_beside(e, in->n);
    if(beside == NULL || *beside != pte_swapped(in->slot + in->n))
      break;
    struct frame *fresh = frame_alloc(KIND_ANON, ALLOC_USER), *ahead;
    if(fresh == NULL)
      break;
    enum slot_state st = slot_open(in->slot + in->n, fresh, PIN_1, &ahead);
    if(st != SLOT_FILL){
      if(st != SLOT_AWAY)
        frame_put(ahead, PIN_1);
      frame_free(fresh);
      break;
    }
    atomic_or(&ahead->word, FRAME_AHEAD);
    in->v[in->n++] = ahead;
  }
  s->swap_next = va + in->n * PAGE_SIZE;
  s->swap_run += in->n;
}

int
swap_read(struct swap_in *in)
{
  struct block_request r;
  int err = slots_start(&r, false, in->slot, in->v, in->n);
  if(err == 0)
    err = slots_wait(&r, in->slot);
  vm_count(VM_SWAP_READ);
  vm_add(VM_SWAP_IN, err ? 0 : in->n);
  slots_did(false, in->slot, in->n, err);
  trace(SWAP_IN, in->slot, err ? 0 : in->n);
  return err;
}

void
swap_filled(struct swap_in *in, int err)
{
  for(u32 i = 0; i < in->n; i++){
    if(err)
      slot_take_home(in->v[i]);
    frame_unbusy(in->v[i]);
    frame_put(in->v[i], PIN_1);
  }
}

// The page that was asked for must not fail with one that was not.
int
swap_finish(struct swap_in *in, struct space *s)
{
  u64 start = machine_time_ns();
  int err = swap_read(in);
  load_read(s, in->n, machine_time_ns() - start);
  swap_filled(in, err);
  if(err && in->n > 1){
    s->swap_window = ALONE;
    return 0;
  }
  return err;
}

void
swap_was_ahead(struct space *s, struct frame *f)
{
  if(atomic_and(&f->word, ~FRAME_AHEAD) & FRAME_AHEAD){
    atomic_add(&s->swap_wanted, 1);
    vm_count(VM_SWAP_AHEAD_HIT);
  }
}
