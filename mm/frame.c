// SPDX-License-Identifier: MIT
//
// The frame table, single frames by way of each hart's batch, and the state
// word's counts, lock and BUSY bits.  Calls the buddy; wakes the reaper.
//
// A batch is touched by its own hart only, with preemption off.

#include <machine.h>
#include "kernel/failnth.h"
#include "kernel/lock.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/buddy.h"
#include "mm/frame_kind.h"
#include "kernel/debug/free_frame.h"
#include "mm/frame_lock.h"
#include "mm/reaper.h"
#include "mm/slot.h"
#include "mm/space.h"
#include "mm/zeroed.h"

struct frame *frames;
u64 direct_base = 0xffffffc000000000UL;
u64 frame_first, frame_last;
struct frame *zero_frame;

const char *const frame_kind_names[KINDS] = {
  "free", "free", "kernel", "slab", "table", "private", "object", "zero",
};
static u64 total, kernel_at_boot;
static u64 watermark_min, watermark_low, watermark_high;
static u32 batch_size;         // how many move between a batch and the buddy at once

// ---- Boot ----

static bool
range_free(pa_t start, pa_t end)
{
  for(u32 i = 0; i < machine.nreserved; i++)
    if(start < machine.reserved[i].end && machine.reserved[i].start < end)
      return false;
  return true;
}

// The first page-aligned place for `size` bytes that nothing else occupies: the
// start of a range of RAM, or the end of a reserved range.
static pa_t
place(u64 size)
{
  for(u32 i = 0; i < machine.nram; i++){
    struct mem_range r = machine.ram[i];
    if(r.start + size <= r.end && range_free(r.start, r.start + size))
      return r.start;
    for(u32 k = 0; k < machine.nreserved; k++){
      pa_t pa = page_up(machine.reserved[k].end);
      if(pa >= r.start && pa + size <= r.end && range_free(pa, pa + size))
        return pa;
    }
  }
  panic("no room for the frame table (%lu bytes)", size);
}

static void
set_kind(pa_t start, pa_t end, enum frame_kind kind)
{
  u64 last = min(page_up(end) >> PAGE_SHIFT, frame_last);
  for(u64 pfn = max(start >> PAGE_SHIFT, frame_first); pfn < last; pfn++)
    pfn_frame(pfn)->word = KIND(kind);
}

static void
release_unreserved(void)
{
  for(u64 pfn = frame_first, end; pfn < frame_last; pfn = end + 1){
    for(end = pfn; end < frame_last && frame_kind(pfn_frame(end)) == KIND_BATCH; end++)
      ;
    buddy_add(pfn, end);
  }
}

static void
set_watermarks(void)
{
  u64 n = buddy_free_frames();
  watermark_min = min(max(n / 128, 16UL), 1024UL);
  watermark_low = 2 * watermark_min;
  watermark_high = 3 * watermark_min;
  batch_size = (u32)min(max(n / 512, 2UL), count_of(boot_hart.batch.pfn) / 2);
}

void
frame_init(void)
{
  frame_first = machine.ram[0].start >> PAGE_SHIFT;
  frame_last = machine.ram[machine.nram - 1].end >> PAGE_SHIFT;
  u64 size = page_up((frame_last - frame_first) * sizeof(struct frame));
  pa_t table = place(size);
  frames = (struct frame *)pa_kva(table) - frame_first;
  memset(frames + frame_first, 0, size);
  set_kind(0, ~PAGE_MASK, KIND_KERNEL);
  for(u32 i = 0; i < machine.nram; i++){
    set_kind(machine.ram[i].start, machine.ram[i].end, KIND_BATCH);
    total += (machine.ram[i].end - machine.ram[i].start) >> PAGE_SHIFT;
  }
  for(u32 i = 0; i < machine.nreserved; i++)
    set_kind(machine.reserved[i].start, machine.reserved[i].end, KIND_KERNEL);
  set_kind(table, table + size, KIND_KERNEL);
  buddy_init();
  release_unreserved();
  kernel_at_boot = frame_last - frame_first - buddy_free_frames();
  set_watermarks();
  zero_frame = frame_alloc(KIND_ZERO, ALLOC_ZERO);
  if(zero_frame == NULL)
    panic("no memory at all");
}

// ---- Single frames ----

// How many frames an allocation must leave to more important ones.
static u64
must_keep(u32 flags)
{
  if(flags & ALLOC_RESERVE)
    return 0;
  return flags & ALLOC_USER ? watermark_min : watermark_min / 2;
}

static inline struct frame *
take(enum frame_kind kind)
{
  struct frame *f = frame_take_at_hand(kind, 0);
  f->word = KIND(kind);
  return f;
}

static __attribute__((noinline)) struct frame *
refill_and_take(struct hart *h, enum frame_kind kind, u32 flags)
{
  u64 keep = must_keep(flags);
  h->batch.n = buddy_alloc_batch(h->batch.pfn, batch_size, keep);
  if(h->batch.n == 0)
    h->batch.n = buddy_alloc_batch(h->batch.pfn, 1, keep);
  if(buddy_free_frames() < watermark_low)
    reaper_wake();
  return h->batch.n ? take(kind) : NULL;
}

static __attribute__((noinline)) struct frame *
filled(struct frame *f)
{
  page_zero(frame_kva(f));
  return f;
}

// A system call that fails for it is made again once the reaper has been about.
static struct frame *
none_left(void)
{
  atomic_or(&current->notify, NOTIFY_MEMORY);
  return NULL;
}

// Large blocks may be impossible however long one waits.
static struct frame *
no_block(u32 order)
{
  enum { MODEST = 3 };
  if(order > MODEST)
    return NULL;
  reaper_want_block(order);
  return none_left();
}

// For those that are not at hand, or to be zeroed; or it has to fail.
static __attribute__((noinline)) struct frame *
alloc_slowly(enum frame_kind kind, u32 flags)
{
  struct frame *f;
  if(failnth())
    return NULL;
  if((flags & ALLOC_ZERO) && zeroed_frames() > 0 && (f = zeroed_take(kind)) != NULL)
    return f;
  preempt_off();
  struct hart *h = this_hart();
  f = likely(h->batch.n) ? take(kind) : refill_and_take(h, kind, flags);
  preempt_on();
  if(unlikely(f == NULL))
    return none_left();
  return flags & ALLOC_ZERO ? filled(f) : f;
}

static __attribute__((noinline)) struct frame *
after_switch(struct frame *f)
{
  preempt_resched();
  return f;
}

// Nothing here calls but at its end, so that no register need be saved.
struct frame *
frame_alloc(enum frame_kind kind, u32 flags)
{
  if((flags & ALLOC_ZERO) || unlikely(current->fail_nth))
    return alloc_slowly(kind, flags);
  preempt_off();
  if(unlikely(this_hart()->batch.n == 0)){
    current->preempt--;          // if a switch is due, it comes when the slow way is through
    return alloc_slowly(kind, flags);
  }
  struct frame *f = take(kind);
  return --current->preempt == 0 && unlikely(current->resched) ? after_switch(f) : f;
}

// Its word was w.  Preemption is off.
static void
give_back(struct frame *f, u64 w)
{
  struct hart *h = this_hart();
  frame_freed(f, w);
  frames_came_back(f, 1);
  if(unlikely(h->batch.n == 2 * batch_size)){
    h->batch.n -= batch_size;
    buddy_free_batch(h->batch.pfn + h->batch.n, batch_size);
  }
  h->batch.pfn[h->batch.n++] = (u32)frame_pfn(f);
}

void
frame_free(struct frame *f)
{
  assert((f->word & (COUNTS | FRAME_BUSY | FRAME_WRITING | FRAME_LOCK)) == 0);
  preempt_off();
  give_back(f, f->word);
  preempt_on();
}

void
frame_free_zeroed(struct frame *f)
{
  if(!zeroed_give(f, 2 * watermark_high))
    frame_free(f);
}

void
frame_drain(u32 first, u32 end)
{
  for(u32 i = first; i < end; i++){
    buddy_free_batch(harts[i].batch.pfn, harts[i].batch.n);
    harts[i].batch.n = 0;
  }
}

// ---- Blocks ----

struct frame *
frames_alloc(u32 order, enum frame_kind kind, u32 flags)
{
  if(order == 0)
    return frame_alloc(kind, flags);
  if(failnth())
    return NULL;
  preempt_off();
  struct frame *f = order <= MAX_ORDER ? buddy_alloc(order, must_keep(flags)) : NULL;
  for(u64 i = 0; f && i < 1UL << order; i++)
    frame_taken(f + i, kind);
  preempt_on();
  if(buddy_free_frames() < watermark_low)
    reaper_wake();
  if(f == NULL)
    return no_block(order);
  frames_handed_out(f, 1UL << order);
  for(u64 i = 0; flags & ALLOC_ZERO && i < 1UL << order; i++)
    page_zero(frame_kva(f + i));
  return f;
}

void
frames_release(struct frame *f, u32 order)
{
  if(order == 0){
    frame_free(f);
    return;
  }
  preempt_off();
  for(u64 i = 0; i < 1UL << order; i++){
    assert((f[i].word & COUNTS) == 0);
    frame_freed(f + i, f[i].word);
  }
  frames_came_back(f, 1UL << order);
  buddy_free(f, order);
  preempt_on();
}

// ---- Figures ----

bool frame_prepare(void) { return zeroed_make(2 * watermark_high); }
u64 frames_total(void) { return total; }
u64 frames_free(void) { return buddy_free_frames(); }

void
frame_info(struct mem_info *mi)
{
  mi->total = total;
  mi->zeroed = zeroed_frames();
  mi->free = buddy_free_frames() + mi->zeroed;
  for(u32 i = 0; i < nharts; i++)
    mi->free += atomic_load(&harts[i].batch.n);
  mi->watermark_min = watermark_min;
  mi->watermark_low = watermark_low;
  mi->watermark_high = watermark_high;
  for(u32 i = 0; i <= MAX_ORDER; i++)
    mi->free_blocks[i] = buddy_blocks(i);
}

// A frame taken while this adds up may be seen only as freed.
void
frame_census(struct frame_census *c)
{
  *c = (struct frame_census){ 0 };
  for(u32 k = 0; k < KINDS; k++){
    u64 taken = 0, freed = 0;
    for(u32 i = 0; i < nharts; i++){
      taken += atomic_load(&harts[i].taken[k]);
      freed += atomic_load(&harts[i].freed[k]);
    }
    c->taken += taken;
    c->freed += freed;
    c->held[k] = taken - min(freed, taken);
  }
  c->held[KIND_KERNEL] += kernel_at_boot;
}

u64
frames_for_programs(void)
{
  struct mem_info mi;
  struct frame_census c;
  frame_info(&mi);
  frame_census(&c);
  u64 kernel = c.held[KIND_KERNEL] + c.held[KIND_SLAB] + c.held[KIND_TABLE];
  return mi.total - min(mi.total, kernel + mi.watermark_high);
}

// ---- The word ----

// The last count takes kind and flags with it: a frame of a kind that has counts
// always has some.
// A user's page that instruction caches may know.  Bytes that were code are overwritten:
// QEMU looks closely at every store to a page of which it still has translated code, so that
// a kernel stack there would be slow for ever.
static __attribute__((noinline, cold)) void
forget_code(struct frame *f, u64 w)
{
  u64 kind = w & KIND(0xf);
  if(kind == KIND(KIND_ANON) || kind == KIND(KIND_OBJECT))
    page_zero(frame_kva(f));
}

void
frame_put_slow(struct frame *f, u64 counts)
{
  preempt_off();
  u64 w = atomic_load(&f->word);
  for(;;){
    u64 rest = (w & COUNTS) == counts ? KIND(KIND_KERNEL) : w - counts;
    if(unlikely(w & FRAME_LOCK)){
      machine_relax();
      w = atomic_load(&f->word);
    } else if(__atomic_compare_exchange_n(&f->word, &w, rest, true,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)){
      break;
    }
  }
  if((w & COUNTS) == counts){
    assert(!(w & (FRAME_BUSY | FRAME_WRITING)));
    if(f->slot)
      slot_forget(f);
    if(unlikely(!(w & FRAME_STALE)))
      forget_code(f, w);
    give_back(f, w);
  }
  preempt_on();
}

void
frame_lock_wait(struct frame *f)
{
  do {
    while(atomic_load(&f->word) & FRAME_LOCK)
      machine_relax();
  } while(__atomic_fetch_or(&f->word, FRAME_LOCK, __ATOMIC_ACQUIRE) & FRAME_LOCK);
}

bool
frame_fetchable(struct frame *f)
{
  if(!(atomic_load(&f->word) & FRAME_STALE))
    return false;
  atomic_and(&f->word, ~FRAME_STALE);
  return true;
}

void
frame_prepare_fetch(struct frame *f)
{
  if(frame_fetchable(f))
    pmap_fence_exec();
}

// ---- BUSY ----

// One queue for all frames: waits are rare, and a woken task looks again anyway.
static struct waitq busy_queue = WAITQ_INIT(busy_queue);
static struct spinlock busy_lock = SPINLOCK_INIT("busy");

bool
frame_try_busy(struct frame *f)
{
  return !(atomic_or(&f->word, FRAME_BUSY) & FRAME_BUSY);
}

// Who waits is counted before it looks at the word, under busy_lock, and then sleeps;
// so once the lock has been free it sleeps, or has seen the change.
u64 frame_waiters;

void
frame_wake(void)
{
  spin_lock(&busy_lock);
  spin_unlock(&busy_lock);
  wake_all(&busy_queue);
}

void
frame_wait(struct frame *f, u64 flag)
{
  lock_takes(f, "frame BUSY", LOCK_SLEEPS);
  spin_lock(&busy_lock);
  atomic_add(&frame_waiters, 1);
  atomic_fence();
  while(atomic_load(&f->word) & flag)
    wait_io(&busy_queue, &busy_lock);
  atomic_add(&frame_waiters, -1);
  spin_unlock(&busy_lock);
  lock_lets_go(f);
}
