// SPDX-License-Identifier: MIT
//
// The reaper: wakes below the low watermark and works to the high one, giving
// back first what costs least: zeroed frames, empty slabs, clean file pages,
// spare stacks and names nobody uses, what harts keep at hand, then dirty file
// pages by way of the store.
//
// Who needs memory and finds none lets go of everything, waits for the reaper's
// next full pass in memory_wait, and starts again; nobody reclaims while holding
// a lock.  When a full pass frees nothing and the need remains, the OOM killer
// chooses.
//
// Lock: reaper.lock, innermost, for waking and counting passes.

#include <machine.h>
#include "mm/reaper.h"
#include "kernel/errno.h"
#include "kernel/lock.h"
#include "kernel/oom.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/load.h"
#include "mm/local.h"
#include "mm/ring.h"
#include "mm/slab.h"
#include "mm/swap.h"
#include "mm/vmap.h"
#include "mm/zeroed.h"

static struct {
  struct spinlock lock;
  struct waitq work, done;
  struct task *task;
  bool wanted;
  u64 begun, ended;           // passes
  bool helped;                // the last pass freed something, or found that there was enough
  struct shrinker *shrinkers;
} reaper = {
  .lock = SPINLOCK_INIT("reaper"),
  .work = WAITQ_INIT(reaper.work),
  .done = WAITQ_INIT(reaper.done),
};

void
shrinker_register(struct shrinker *s)
{
  s->next = reaper.shrinkers;
  reaper.shrinkers = s;
}

void
reaper_wake(void)
{
  if(atomic_load(&reaper.wanted))
    return;
  spin_lock(&reaper.lock);
  reaper.wanted = true;
  spin_unlock(&reaper.lock);
  wake_one(&reaper.work);
}

// ---- A pass ----

// A block that somebody wanted and that there still is not.  The hand goes through memory
// in order, so that what it frees are neighbours.
static u32 wanted_order;

void
reaper_want_block(u32 order)
{
  atomic_store(&wanted_order, max(atomic_load(&wanted_order), order));
  reaper_wake();
}

static bool
block_is_there(const struct mem_info *mi)
{
  u32 order = atomic_load(&wanted_order);
  for(u32 i = order; i <= MAX_ORDER; i++)
    if(mi->free_blocks[i]){
      atomic_store(&wanted_order, 0);
      return true;
    }
  return order == 0;
}

static u64
missing(void)
{
  enum { FOR_A_BLOCK = 32 };
  struct mem_info mi;
  frame_info(&mi);
  u64 free = frames_free(), least = block_is_there(&mi) ? 0 : FOR_A_BLOCK;
  return max(least, free < mi.watermark_high ? mi.watermark_high - free : 0);
}

static u64
shrink_registered(u64 want)
{
  u64 freed = 0;
  for(struct shrinker *s = reaper.shrinkers; s; s = s->next)
    freed += s->fn(want);
  return freed;
}

static void
drain(void *unused)
{
  zeroed_drain();
  slab_flush();
  frame_drain(0, nharts);
}

u64
harts_drain(void)
{
  u64 before = frames_free();
  vm_count(VM_DRAIN);
  stop_machine(drain, NULL);
  slab_shrink();
  return max(frames_free(), before) - before;
}

// Of what is missing, what the caches of the file systems give: their part of memory.  Else
// names of files would push programs out, and the blocks that they were read from.
static u64
part_of_caches(void)
{
  struct frame_census c;
  frame_census(&c);
  u64 caches = c.held[KIND_SLAB];
  return missing() * caches / (caches + c.held[KIND_ANON] + c.held[KIND_OBJECT] + 1);
}

// What has gone is at this hart's hand and has to be anybody's.  All harts stop for what they
// have at hand only if nothing else was found, or neighbours of it may make a block.
static u64
pass(void)
{
  zeroed_drain();
  local_count();
  shrink_registered(part_of_caches());
  u64 freed = slab_shrink();
  freed += load_reclaim(missing());
  freed += ring_reclaim(missing());
  preempt_off();
  frame_drain(this_hart()->index, this_hart()->index + 1);
  preempt_on();
  if(missing())
    freed += kstack_trim(0);
  if(missing())
    freed += shrink_registered(missing()) + slab_shrink();
  if(missing() && (freed == 0 || atomic_load(&wanted_order) > 0))
    freed += harts_drain();
  return freed;
}

// What is to be done at its time, whether somebody wants memory or not.
static const struct {
  u64 (*due)(void);            // ns since boot
  void (*fn)(void);
} duties[] = {
  { ring_due, ring_tick }, { load_due, load_tick }, { local_due, local_tick },
  { ring_ahead_due, ring_write_ahead },
};

// => when the next one is due
static u64
do_duties(void)
{
  u64 next = NEVER;
  for(u32 i = 0; i < count_of(duties); i++){
    if(duties[i].due() <= machine_time_ns())
      duties[i].fn();
    next = min(next, duties[i].due());
  }
  return next;
}

static void
wait_for_work(void)
{
  for(;;){
    spin_unlock(&reaper.lock);
    u64 next = do_duties();
    spin_lock(&reaper.lock);
    if(reaper.wanted)
      return;
    if(next == NEVER)
      wait_io(&reaper.work, &reaper.lock);
    else
      wait_until(&reaper.work, &reaper.lock, next);
  }
}

static void
reap(void *arg)
{
  for(;;){
    spin_lock(&reaper.lock);
    wait_for_work();
    reaper.wanted = false;
    reaper.begun++;
    spin_unlock(&reaper.lock);
    bool helped = missing() == 0 || pass() > 0;
    spin_lock(&reaper.lock);
    reaper.ended++;
    reaper.helped = helped;
    spin_unlock(&reaper.lock);
    wake_all(&reaper.done);
  }
}

void
reaper_start(void)
{
  reaper.task = kernel_task("reaper", reap, NULL);
  if(reaper.task == NULL)
    panic("no memory for the reaper");
}

// ---- Waiting ----

bool
reaper_pass(void)
{
  spin_lock(&reaper.lock);
  u64 pass = reaper.begun + 1;
  spin_unlock(&reaper.lock);
  reaper_wake();
  spin_lock(&reaper.lock);
  while(reaper.ended < pass)
    wait_io(&reaper.done, &reaper.lock);
  bool helped = reaper.helped;
  spin_unlock(&reaper.lock);
  return helped;
}

bool
memory_reclaim(void)
{
  struct mem_info mi;
  frame_info(&mi);
  return reaper_pass() || frames_free() > mi.watermark_low;
}

int
memory_wait(void)
{
  if(current->killed || current == reaper.task || reaper.task == NULL)
    return -ENOMEM;                // nobody to wait for: the kernel is still starting
  u64 seen = atomic_load(&swap_reopenings);
  if(memory_reclaim() || (!current->killed && swap_off_cancel(seen)))
    return 0;
  return !current->killed && oom_kill() && !current->killed ? 0 : -ENOMEM;
}
