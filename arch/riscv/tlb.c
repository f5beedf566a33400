// SPDX-License-Identifier: MIT
//
// Which harts may hold translations of a space, and how they are made to forget
// them: address-space numbers, the switch between spaces, and shootdowns.
//
// A hart that runs a space is in pmap.active and gets an SBI RFENCE.  A hart
// that ran it earlier is in pmap.ran; it gets a bit in pmap.stale instead, and
// flushes when it next switches to the space.  Shooter and switcher order their
// accesses so that one of them always sees the other (test/model/shootdown.pml):
//   shooter:  change entry, fence, mark as stale who is not active, fence, read active
//             (again: somebody may have come before the mark), RFENCE those
//   switcher: join active, fence, take the stale bit, flush if it was set, load satp
// What is for every space goes the same way: a hart that runs one is in `running` and gets
// an RFENCE, any other loses its generation.

#include <pmap.h>
#include "kernel/bootargs.h"
#include "kernel/debug/kasan.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "mm/space.h"
#include <fence.h>
#include "tables.h"

// Fencing page by page costs more than the whole space beyond about this many.
enum { FENCE_PAGES_MAX = 16 };

// Numbers are handed out once a generation; when they run out a new generation
// begins, and a hart flushes everything when it first meets it.  So a number
// never means two spaces in one hart's TLB.  0 is the kernel's own.
static struct {
  struct spinlock lock;
  u64 generation;     // << ASID_BITS
  u64 next;
  u64 last;           // largest number the hardware keeps (or asids= allows); 0 = none
} asids = { .lock = SPINLOCK_INIT("asid"), .generation = 1UL << ASID_BITS, .next = 1 };

void
tlb_probe_asids(void)
{
  u64 satp = satp_read();
  satp_write(satp | ASID_MASK << ASID_SHIFT);
  asids.last = min(satp_read() >> ASID_SHIFT & ASID_MASK, bootarg_number("asids", ASID_MASK));
  satp_write(satp);
  fence_all();
}

static u64
assign_asid(struct pmap *pm)
{
  spin_lock(&asids.lock);
  if((pm->asid & ~ASID_MASK) != asids.generation){
    if(asids.next > asids.last){
      asids.generation += 1UL << ASID_BITS;
      asids.next = 1;
    }
    atomic_store(&pm->asid, asids.generation | asids.next++);
  }
  u64 asid = pm->asid;
  spin_unlock(&asids.lock);
  return asid;
}

// The number under which this hart is about to run pm.  It is read once: another
// hart may give the space a newer one at any time.
// => *flush: everything must go once it is loaded.  Not before: until then the
//    hart may still fill its TLB from the old space, perhaps under this number
static u64
refresh(struct pmap *pm, struct hart *h, u64 me, bool *flush)
{
  if(asids.last == 0)
    return 0;
  u64 asid = atomic_load(&pm->asid);
  if(unlikely((asid & ~ASID_MASK) != atomic_load(&asids.generation)))
    asid = assign_asid(pm);
  *flush = h->asid_generation != (asid & ~ASID_MASK);
  h->asid_generation = asid & ~ASID_MASK;
  if(atomic_load(&pm->stale) & me){
    atomic_and(&pm->stale, ~me);
    fence_asid(asid & ASID_MASK);
    ledger_fenced(0, ~0UL, asid & ASID_MASK);
  }
  return asid & ASID_MASK;
}

static u64 running;            // harts that run a space

void
pmap_switch(struct pmap *from, struct pmap *to)
{
  struct hart *h = this_hart();
  u64 me = 1UL << h->index, asid = 0;
  bool flush = asids.last == 0;
  if(from == to)
    return;
  if(from == NULL)
    atomic_or(&running, me);
  if(to){
    atomic_or(&to->active, me);
    if(!(atomic_load(&to->ran) & me))
      atomic_or(&to->ran, me);
    atomic_fence();
    asid = refresh(to, h, me, &flush);
  }
  ledger_loads((to ? to : &kernel_pmap)->root, asid);
  satp_write(SATP_SV39 | asid << ASID_SHIFT | (to ? to : &kernel_pmap)->root >> PAGE_SHIFT);
  if(unlikely(flush)){
    fence_all();
    fence_instructions();
    ledger_fenced(0, ~0UL, LEDGER_ANY);
  }
  ledger_switched();
  if(from)
    atomic_and(&from->active, ~me);
  if(to == NULL)
    atomic_and(&running, ~me);
}

// ---- Shootdown ----

static void
fence_local(va_t start, va_t end)
{
  u64 asid = loaded_asid();
  if(end - start > FENCE_PAGES_MAX * PAGE_SIZE){
    fence_asid(asid);
    ledger_fenced(0, ~0UL, asid);
    return;
  }
  for(va_t va = start; va < end; va += PAGE_SIZE)
    fence_one_page(va, asid);
  ledger_fenced(start, end, asid);
}

void
pmap_fence(struct pmap *pm, va_t start, va_t end)
{
  preempt_off();
  u64 me = 1UL << this_hart()->index;
  if(only_here(pm, me)){
    fence_local(start, end);
    preempt_on();
    return;
  }
  u64 active = atomic_load(&pm->active);
  u64 asleep = atomic_load(&pm->ran) & ~active;
  if(asleep & ~atomic_load(&pm->stale)){
    atomic_or(&pm->stale, asleep);
    atomic_fence();
    active |= atomic_load(&pm->active);
  }
  if(active & me)
    fence_local(start, end);
  if(active & ~me){
    vm_count(VM_SHOOTDOWN);
    bool many = end - start > FENCE_PAGES_MAX * PAGE_SIZE;
    fence_remote(active & ~me, many ? 0 : start, many ? ~0UL : end - start);
  }
  preempt_on();
}

// Those that have to be told at once; the others forget everything before they run a space,
// as when a new generation has begun.
static u64
running_harts(void)
{
  u64 run = atomic_load(&running);
  for(u32 i = 0; i < nharts; i++)
    if(!(run >> i & 1))
      atomic_store(&harts[i].asid_generation, 0);
  atomic_fence();
  return run | atomic_load(&running);
}

void
pmap_fence_exec(void)
{
  fence_remote_instructions(running_harts());
}

void
pmap_fence_everything(void)
{
  fence_remote(running_harts(), 0, ~0UL);
}

// A change of the kernel's own map: global entries, every hart.
void
kmap_fence(va_t start, u64 size)
{
  preempt_off();
  bool many = size > FENCE_PAGES_MAX * PAGE_SIZE;
  if(many)
    fence_all();
  else
    for(u64 off = 0; off < size; off += PAGE_SIZE)
      fence_page_global(start + off);
  ledger_fenced(many ? 0 : start, many ? ~0UL : start + size, LEDGER_ANY);
  fence_remote(atomic_load(&harts_online) & ~(1UL << this_hart()->index), start, size);
  preempt_on();
  kasan_fence(start);
}
