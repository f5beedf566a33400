// SPDX-License-Identifier: MIT
//
// Planted bugs, one of each kind that a build with checks must find.  Boot with
// plant=NAME: the kernel commits it before the first program runs.  If nothing
// stops it there, it says so.

#include "kernel/debug/plant.h"
#include <machine.h>
#include <pmap.h>
#include "kernel/bootargs.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/frame_lock.h"
#include "mm/slab.h"
#include "mm/space.h"

// The compiler must not see through these.
static volatile u64 eight = 8, forty = 40;
static volatile i32 most = 0x7fffffff;

// ---- Undefined behaviour ----

static i32 table[8];

static void shift(void) { table[0] = 1 << (forty & 63); }
static void overflow(void) { table[0] = most + 1; }
static void divide(void) { table[0] = most / table[1]; }
static void out_of_bounds(void) { table[eight] = 1; }
static void misaligned(void) { *(volatile u64 *)((u64)&table + eight / 2 + 1) = 1; }
static void null(void) { *(volatile u64 *)(eight - 8) = 1; }

// ---- Memory ----

static void
past_object(void)
{
  u8 *p = kmalloc(forty);
  p[forty] = 1;
}

static void
freed_object(void)
{
  u64 *p = kmalloc(forty);
  kfree(p);
  *(volatile u64 *)p = 1;
}

static void
freed_twice(void)
{
  void *p = kmalloc(forty);
  kfree(p);
  kfree(p);
}

static void
frame_freed_twice(void)
{
  struct frame *f = frame_alloc(KIND_KERNEL, 0);
  frame_free(f);
  frame_free(f);
}

static void
past_local(void)
{
  volatile u8 local[40];
  u64 past = (u64)local + forty;
  *(volatile u8 *)past = 1;
}

static void
past_global(void)
{
  static volatile u8 global[40];
  u64 past = (u64)global + forty;
  *(volatile u8 *)past = 1;
}

static void
freed_frame(void)
{
  struct frame *f = frame_alloc(KIND_KERNEL, 0);
  frame_free(f);
  *(volatile u64 *)frame_kva(f) = 1;
}

static void
stale_frame(void)
{
  struct frame *f = frame_alloc(KIND_KERNEL, 0);
  frame_free(f);
  page_zero(frame_kva(f));         // as a device would: not seen by the compiler
  for(u32 i = 0; i < 1000; i++)
    frame_alloc(KIND_KERNEL, 0);
}

static void
past_copied(void)
{
  u8 *p = kmalloc(forty);
  copy_from_user(p, PAGE_SIZE, forty + 1);
}

// ---- Locks ----

static struct spinlock first = SPINLOCK_INIT("first"), second = SPINLOCK_INIT("second");
static struct spinlock ticked = SPINLOCK_INIT("ticked");
static struct sleeplock sleeping;
static struct timer timer;

static void
nest(struct spinlock *outer, struct spinlock *inner)
{
  spin_lock(outer);
  spin_lock(inner);
  spin_unlock(inner);
  spin_unlock(outer);
}

static void
inverted(void)
{
  nest(&first, &second);
  nest(&second, &first);
}

static void
out_of_rank(void)
{
  struct frame *leaf = frame_alloc(KIND_TABLE, ALLOC_ZERO);
  static struct spinlock upper = SPINLOCK_INIT("pmap.upper");
  frame_lock(leaf);
  spin_lock(&upper);
}

static void recursive(void) { nest(&first, &first); }
static void not_held(void) { spin_release(&first); }

static void
sleep_spinning(void)
{
  sleep_init(&sleeping, "sleeping");
  spin_lock(&first);
  sleep_lock(&sleeping);
}

static void
copy_spinning(void)
{
  spin_lock(&first);
  copy_from_user(&table, PAGE_SIZE, sizeof table);
}

static void take_ticked(struct timer *t) { nest(&ticked, &first); }
static void take_sleeping(struct timer *t) { sleep_lock(&sleeping); }

static void
in_interrupt(void (*fire)(struct timer *))
{
  sleep_init(&sleeping, "sleeping");
  timer.fire = fire;
  timer_start(&timer, machine_time_ns());
  while(atomic_load(&timer.on))
    machine_relax();
}

static void
interruptible(void)
{
  in_interrupt(take_ticked);
  spin_lock(&ticked);
}

static void sleep_in_interrupt(void) { in_interrupt(take_sleeping); }

// ---- Fences ----
//
// One page in a space of our own, touched, and then taken away.

enum { PAGE_AT = 0x10000 };
static struct pmap space, other;
static struct frame *page;
static pte_t *entry;

static void
run_space(void)
{
  intr_save();
  page = frame_alloc(KIND_KERNEL, ALLOC_ZERO);
  if(page == NULL || pmap_init(&space) != 0 || pmap_init(&other) != 0 ||
     (entry = pmap_make(&space, PAGE_AT)) == NULL)
    return;
  pmap_set(entry, pte_make(page, PROT_READ | PROT_WRITE, true));
  pmap_unlock(entry);
  pmap_switch(NULL, &space);
}

static void
no_fence(void)
{
  run_space();
  pmap_set(entry, 0);
  frame_free(page);
}

static void
wrong_fence(void)
{
  run_space();
  pmap_set(entry, 0);
  pmap_fence(&space, PAGE_AT + PAGE_SIZE, PAGE_AT + 2 * PAGE_SIZE);
  frame_free(page);
}

static void
no_fence_right(void)
{
  run_space();
  pmap_set(entry, pte_make(page, PROT_READ, true));
  static struct waitq q = WAITQ_INIT(q);
  wait_until(&q, NULL, 0);
}

static void
no_fence_asleep(void)
{
  run_space();
  pmap_switch(&space, NULL);
  pmap_set(entry, 0);
  frame_free(page);
  pmap_switch(NULL, &space);
}

static void
asid_reused(void)
{
  run_space();
  other.asid = space.asid;
  pmap_switch(&space, &other);
}

static void
no_fence_kernel(void)
{
  struct frame *f = frame_alloc(KIND_KERNEL, 0);
  kmap_pages(VMAP_END - 64 * MiB, frame_pa(f), PAGE_SIZE, KMAP_RW);
  kmap_remove(VMAP_END - 64 * MiB, PAGE_SIZE);
  frame_free(f);
}

static void
stray_user(void)
{
  run_space();
  table[0] = *(volatile i32 *)PAGE_AT;
}

// ---- Which one ----

static const struct planted bugs[] = {
  { "shift", shift }, { "overflow", overflow }, { "divide", divide },
  { "index", out_of_bounds }, { "misaligned", misaligned }, { "null", null },
  { "past-object", past_object }, { "freed-object", freed_object },
  { "freed-twice", freed_twice }, { "frame-freed-twice", frame_freed_twice },
  { "past-local", past_local }, { "past-global", past_global },
  { "freed-frame", freed_frame }, { "stale-frame", stale_frame }, { "past-copied", past_copied },
  { "inverted", inverted }, { "rank", out_of_rank }, { "recursive", recursive },
  { "not-held", not_held }, { "sleep-spinning", sleep_spinning },
  { "copy-spinning", copy_spinning }, { "interruptible", interruptible },
  { "sleep-in-interrupt", sleep_in_interrupt },
  { "no-fence", no_fence }, { "wrong-fence", wrong_fence }, { "no-fence-right", no_fence_right },
  { "no-fence-asleep", no_fence_asleep }, { "asid-reused", asid_reused },
  { "no-fence-kernel", no_fence_kernel }, { "stray-user", stray_user }, { NULL, NULL },
};

static void
commit_one_of(const struct planted *bug)
{
  for(; bug->name; bug++){
    if(!bootarg_is("plant", bug->name))
      continue;
    bug->commit();
    printk("plant: %s: nobody noticed\n", bug->name);
    machine_poweroff(0);
  }
}

void
plant(void)
{
  commit_one_of(bugs);
  commit_one_of(wild_bugs);
}
