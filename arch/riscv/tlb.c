// SPDX-License-Identifier: MIT
//
// Which harts may hold translations of a space, and how they are made to forget
// them: address-space numbers, the switch between spaces, and shootdowns.
//
// A hart that runs a space is in pmap.active and gets an SBI RFENCE.  A hart
// that ran it earlier is in pmap.ran; it gets a bit in pmap.stale instead, and
// flushes when it next switches to the space.  Shooter and switcher order their
// accesses so that one of them always sees the other:
//   shooter:  change entry, fence, read active, RFENCE those, mark the rest stale
//   switcher: join active, fence, take the stale bit, flush if it was set, load satp

#include <pmap.h>
#include "kernel/printk.h"
#include "kernel/task.h"
#include "mm/space.h"
#include <fence.h>
#include "pte.h"

// Fencing page by page costs more than the whole space beyond about this many.
enum { FENCE_PAGES_MAX = 16 };

enum { ASID_SHIFT = 44, ASID_BITS = 16 };
#define ASID_MASK ((1UL << ASID_BITS) - 1)

// Numbers are handed out once a generation; when they run out a new generation
// begins, and a hart flushes everything when it first meets it.  So a number
// never means two spaces in one hart's TLB.  0 is the kernel's own.
static struct {
  struct spinlock lock;
  u64 generation;     // << ASID_BITS
  u64 next;
  u64 last;           // largest number the hardware keeps; 0 = none
} asids = { .lock = SPINLOCK_INIT("asid"), .generation = 1UL << ASID_BITS, .next = 1 };

void
tlb_probe_asids(void)
{
  u64 satp = satp_read();
  satp_write(satp | ASID_MASK << ASID_SHIFT);
  asids.last = satp_read() >> ASID_SHIFT & ASID_MASK;
  satp_write(satp);
  fence_all();
}

static u64
asid_of(const struct pmap *pm)
{
  return pm->asid & ASID_MASK;
}

static void
assign_asid(struct pmap *pm)
{
  spin_lock(&asids.lock);
  if(asids.next > asids.last){
    asids.generation += 1UL << ASID_BITS;
    asids.next = 1;
  }
  if((pm->asid & ~ASID_MASK) != asids.generation)
    pm->asid = asids.generation | asids.next++;
  spin_unlock(&asids.lock);
}

// Make the loaded translations right for pm, which this hart is about to run.
static void
refresh(struct pmap *pm, struct hart *h, u64 me)
{
  if(asids.last == 0){
    fence_all();
    return;
  }
  if(unlikely((pm->asid & ~ASID_MASK) != atomic_load(&asids.generation)))
    assign_asid(pm);
  u64 generation = pm->asid & ~ASID_MASK;
  if(unlikely(h->asid_generation != generation)){
    h->asid_generation = generation;
    fence_all();
  }
  if(atomic_load(&pm->stale) & me){
    atomic_and(&pm->stale, ~me);
    fence_asid(asid_of(pm));
  }
}

void
pmap_switch(struct pmap *from, struct pmap *to)
{
  struct hart *h = this_hart();
  u64 me = 1UL << h->index;
  if(from == to)
    return;
  struct pmap *pm = to ? to : &kernel_pmap;
  if(to){
    atomic_or(&to->active, me);
    if(!(atomic_load(&to->ran) & me))
      atomic_or(&to->ran, me);
    atomic_fence();
    refresh(to, h, me);
  }
  satp_write(SATP_SV39 | (asids.last ? asid_of(pm) : 0) << ASID_SHIFT | pm->root >> PAGE_SHIFT);
  if(to && asids.last == 0)
    fence_all();
  if(from)
    atomic_and(&from->active, ~me);
}

// ---- Shootdown ----

static void
fence_local(struct pmap *pm, va_t start, va_t end)
{
  u64 asid = asids.last ? asid_of(pm) : 0;
  if(end - start > FENCE_PAGES_MAX * PAGE_SIZE){
    fence_asid(asid);
    return;
  }
  for(va_t va = start; va < end; va += PAGE_SIZE)
    fence_page(va, asid);
}

void
pmap_fence_local(struct pmap *pm, va_t va)
{
  fence_page(page_down(va), asids.last ? asid_of(pm) : 0);
}

void
pmap_fence(struct pmap *pm, va_t start, va_t end)
{
  preempt_off();
  u64 me = 1UL << this_hart()->index;
  atomic_fence();
  u64 active = atomic_load(&pm->active);
  u64 asleep = atomic_load(&pm->ran) & ~active;
  if(asleep & ~atomic_load(&pm->stale))
    atomic_or(&pm->stale, asleep);
  if(active & me)
    fence_local(pm, start, end);
  if(active & ~me){
    vm_count(VM_SHOOTDOWN);
    bool many = end - start > FENCE_PAGES_MAX * PAGE_SIZE;
    fence_remote(active & ~me, many ? 0 : start, many ? ~0UL : end - start);
  }
  preempt_on();
}

static u64
other_harts(void)
{
  return atomic_load(&harts_online) & ~(1UL << this_hart()->index);
}

void
pmap_fence_exec(void)
{
  preempt_off();
  fence_instructions();
  if(other_harts())
    fence_remote_instructions(other_harts());
  preempt_on();
}

// A change of the kernel's own map: global entries, every hart.
void
tlb_fence_kernel(va_t start, u64 size)
{
  preempt_off();
  if(size > FENCE_PAGES_MAX * PAGE_SIZE)
    fence_all();
  else
    for(u64 off = 0; off < size; off += PAGE_SIZE)
      fence_page_global(start + off);
  if(other_harts())
    fence_remote(other_harts(), start, size);
  preempt_on();
}
