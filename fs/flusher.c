// SPDX-License-Identifier: MIT
//
// The flusher.  From time to time it writes what has been dirty for long; and when more
// is dirty than the background limit allows, all that is above it.  Who would make pages
// dirty above the upper limit waits for it.  It also samples the load averages.
//
// It waits for the disk and for commits, never for memory; writers wait for it
// without any lock.
//
// Lock: flusher.lock, innermost.

#include "fs/flusher.h"
#include <machine.h>
#include "fs/init.h"
#include "fs/load.h"
#include "fs/vfs.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/object.h"

enum { NS_A_CENTISEC = 10000000, STEP = 256 };
#define LOAD_NS (LOAD_SECONDS * 1000000000UL)
#define NEVER   (~0UL)

struct flusher_set flusher_set = {
  .ratio = 20, .background_ratio = 10, .expire = 3000, .interval = 500,
};
u64 flusher_background = NEVER;  // these two are from the settings and what there is

static struct {
  u64 upper;                     // pages
  struct spinlock lock;          // below
  struct waitq work, progress;
  bool wanted;
  u64 in_vain;                   // times that nothing could be written
} flusher = {
  .lock = SPINLOCK_INIT("flusher"),
  .work = WAITQ_INIT(flusher.work),
  .progress = WAITQ_INIT(flusher.progress),
};

// ---- Limits ----

static u64
pages_of(u64 ratio, u64 bytes, u64 memory)
{
  return bytes ? bytes / PAGE_SIZE : memory * ratio / 100;
}

static void
set_limits(void)
{
  struct frame_census c;
  frame_census(&c);
  u64 memory = frames_free() + c.held[KIND_OBJECT];
  u64 upper = pages_of(flusher_set.ratio, flusher_set.bytes, memory);
  u64 background = pages_of(flusher_set.background_ratio, flusher_set.background_bytes, memory);
  atomic_store(&flusher.upper, upper);
  atomic_store(&flusher_background, background < upper ? background : upper / 2);
}

static u64
dirty(void)
{
  return atomic_load(&pages_dirty) + atomic_load(&pages_writing);
}

void
flusher_wake(void)
{
  if(atomic_load(&flusher.wanted))
    return;
  spin_lock(&flusher.lock);
  flusher.wanted = true;
  spin_unlock(&flusher.lock);
  wake_one(&flusher.work);
}

// What cannot be written stays dirty: then its writers are told, and others go on.
static int
wait_for_room(struct object *o)
{
  spin_lock(&flusher.lock);
  u64 in_vain = flusher.in_vain;
  while(dirty() > flusher.upper && flusher.in_vain == in_vain && !current->killed){
    flusher.wanted = true;
    wake_one(&flusher.work);
    wait_io(&flusher.progress, &flusher.lock);
  }
  bool failing = dirty() > flusher.upper && flusher.in_vain != in_vain;
  spin_unlock(&flusher.lock);
  u32 seen = 0;
  return failing ? errors_look(o, &seen) : 0;
}

int
flusher_admit_slow(struct object *o)
{
  if(!object_has_store(o))
    return 0;
  flusher_wake();
  return dirty() > atomic_load(&flusher.upper) ? wait_for_room(o) : 0;
}

// ---- The task ----

static void
tell_writers(bool in_vain)
{
  spin_lock(&flusher.lock);
  flusher.in_vain += in_vain;
  spin_unlock(&flusher.lock);
  wake_all(&flusher.progress);
}

static void
write_what_is_too_much(void)
{
  u64 n = 1;
  for(set_limits(); n > 0 && dirty() > flusher_background; set_limits()){
    n = objects_write_back(STEP);
    tell_writers(n == 0);
  }
  tell_writers(false);
}

static void
write_what_is_old(u64 now)
{
  u64 age = atomic_load(&flusher_set.expire) * NS_A_CENTISEC;
  u64 before = now - min(now, age);
  objects_write_old(before);
  vfs_commit_old(before);
}

// => when it is time again, if it is at all
static u64
next_turn(u64 last)
{
  u64 interval = atomic_load(&flusher_set.interval) * NS_A_CENTISEC;
  return interval ? last + interval : NEVER;
}

static void
wait_for_work(u64 until)
{
  spin_lock(&flusher.lock);
  if(!flusher.wanted)
    wait_until(&flusher.work, &flusher.lock, until);
  flusher.wanted = false;
  spin_unlock(&flusher.lock);
}

static void
flush(void *unused)
{
  u64 sampled = machine_time_ns(), written = sampled;
  for(;;){
    u64 now = machine_time_ns();
    for(; now >= sampled + LOAD_NS; sampled += LOAD_NS)
      load_sample();
    if(now >= next_turn(written)){
      write_what_is_old(now);
      written = now;
    }
    write_what_is_too_much();
    wait_for_work(min(sampled + LOAD_NS, next_turn(written)));
  }
}

void
flusher_start(void)
{
  if(kernel_task("flusher", flush, NULL) == NULL)
    panic("no memory for the flusher");
}
