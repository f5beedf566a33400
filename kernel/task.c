// SPDX-License-Identifier: MIT
//
// Tasks: their records, the kernel's own tasks, and the harts' idle ones.

#include <machine.h>
#include "kernel/failnth.h"
#include "kernel/files.h"
#include "kernel/futex.h"
#include "kernel/pid.h"
#include "kernel/printk.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/string.h"
#include "fs/vfs.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "mm/vmap.h"

struct hart boot_hart = { .current = &boot_task, .idle = &boot_task, .tick = NEVER };
struct task boot_task = { .hart = &boot_hart, .state = TASK_RUNNING, .comm = "idle" };
struct hart *harts = &boot_hart;
u32 nharts = 1;

static struct cache tasks = CACHE("task", sizeof(struct task), NULL);

// ---- Records ----

static void
task_set_up(struct task *t, const char *comm)
{
  strlcpy(t->comm, comm, sizeof t->comm);
  list_init(&t->run);
  list_init(&t->wait);
  list_init(&t->in_process);
  sigpending_init(&t->pending);
}

struct task *
task_create(const char *comm)
{
  struct task *t = cache_zalloc(&tasks);
  if(!t)
    return NULL;
  t->stack = kstack_alloc();
  if(!t->stack){
    cache_free(&tasks, t);
    return NULL;
  }
  task_set_up(t, comm);
  t->refs = 1;
  t->hart = this_hart();         // it may be found, and signalled, before it is started
  t->harts = ~0UL;
  t->quantum = SLICE_NS;
  t->fail_nth = failnth_inherit();
  t->preempt = 1;                // its first act is to let go of a run queue
  return t;
}

void
task_put(struct task *t)
{
  if(!t || atomic_add_full(&t->refs, -1UL) != 1)
    return;
  if(t->stack)
    kstack_free(t->stack);
  process_put(t->process);
  sigpending_flush(&t->pending, ~0UL);
  cache_free(&tasks, t);
}

void
task_release(struct task *t)
{
  files_put(t->files);
  fs_pos_put(t->fs);
  space_put(t->space);
  task_put(t);
}

// ---- Looking ----

struct task *
task_find(u32 tid)
{
  bool on = spin_lock_irq(&family_lock);
  struct pid *pid = pid_find(tid);
  struct task *t = task_get(pid ? pid->task : NULL);
  spin_unlock_irq(&family_lock, on);
  return t;
}

struct task *
task_next(u32 tid)
{
  bool on = spin_lock_irq(&family_lock);
  struct pid *pid = pid_next(tid);
  while(pid && !pid->task)
    pid = pid_next(pid->nr + 1);
  struct task *t = task_get(pid ? pid->task : NULL);
  spin_unlock_irq(&family_lock, on);
  return t;
}

// It may be giving up what it has.
#define TASK_SHARES(kind, function, field, get) \
  struct kind *                                 \
  function(struct task *t)                      \
  {                                             \
    bool on = spin_lock_irq(&family_lock);      \
    struct kind *it = get(t->field);            \
    spin_unlock_irq(&family_lock, on);          \
    return it;                                  \
  }
TASK_SHARES(space, task_space, space, space_get)
TASK_SHARES(files, task_files, files, files_get)
TASK_SHARES(fs_pos, task_fs, fs, fs_pos_get)

struct told
time_split(struct told *told, u64 busy, u64 user_ticks, u64 kernel_ticks)
{
  static struct spinlock lock = SPINLOCK_INIT("times");
  u64 ticks = user_ticks + kernel_ticks, user = ticks ? busy / ticks * user_ticks : busy;
  bool on = spin_lock_irq(&lock);
  busy = max(busy, told->user + told->kernel);
  told->user = max(min(user, busy - told->kernel), told->user);
  told->kernel = busy - told->user;
  struct told now = *told;
  spin_unlock_irq(&lock, on);
  return now;
}

// h->lock held. => all its idle time
static u64
count_io(struct hart *h, u64 now)
{
  u64 idle = h->idle->cpu_time + (h->current == h->idle ? now - h->idle->mark : 0);
  if(h->io_waits)
    h->io_idle += idle - h->io_mark;
  return h->io_mark = idle;
}

void
hart_io(struct hart *h, u64 by)
{
  bool on = spin_lock_irq(&h->lock);
  count_io(h, machine_time_ns());
  h->io_waits += by;
  spin_unlock_irq(&h->lock, on);
}

u64
hart_busy(struct hart *h, u64 *idle, u64 *waiting)
{
  bool on = spin_lock_irq(&h->lock);
  u64 now = machine_time_ns(), all = count_io(h, now);
  *waiting = h->io_idle;
  *idle = all - *waiting;
  spin_unlock_irq(&h->lock, on);
  return now - all;
}

// The time a task has run is exact; how much of it in user mode is estimated from
// what timer interrupts saw.
struct used
task_used(struct task *t)
{
  u64 total = t->cpu_time;
  if(t->state == TASK_RUNNING)
    total += machine_time_ns() - t->mark;
  struct told told = time_split(&t->told, total, t->user_ticks, t->kernel_ticks);
  return (struct used){ told.user, told.kernel, t->minor, t->major };
}

char
task_letter(const struct task *t)
{
  static const char letters[] = {
    [TASK_RUNNABLE] = 'R', [TASK_RUNNING] = 'R', [TASK_SLEEPING] = 'S',
    [TASK_STOPPED] = 'T', [TASK_ZOMBIE] = 'Z', [TASK_MOVING] = 'R',
  };
  if(t->state == TASK_SLEEPING && t->sleep == SLEEP_SURE && t->space)
    return 'D';
  return letters[t->state];
}

// In an interrupt: ^P on the console.
void
task_dump(void)
{
  struct task *t;
  printk("  tid  ppid S hart pages  comm\n");
  for(u32 tid = 1; (t = task_next(tid)) != NULL; tid = t->tid + 1, task_put(t)){
    printk("%5u %5u %c %4u %5lu  %s\n", t->tid, t->process->ppid, task_letter(t),
           t->hart->index, t->space ? t->space->mapped : 0, t->comm);
  }
}

// ---- The kernel's own tasks ----

enum { ANY = 0, INIT = PID_INIT };  // their numbers

static struct task *
start_kernel_task(const char *name, u32 nr, void (*fn)(void *), void *arg)
{
  struct task *t = task_create(name);
  if(!t)
    return NULL;
  t->process = process_create(NULL);
  if(nr == INIT)
    t->files = files_create();
  if(!t->process || (nr == INIT && !t->files) || process_enter(t, nr, NULL) < 0){
    task_release(t);
    return NULL;
  }
  t->process->immune = true;
  if(nr == INIT)
    init_process = t->process;
  context_init_kernel(t, fn, arg);
  task_start(t);
  return t;
}

struct task *
kernel_task(const char *name, void (*fn)(void *), void *arg)
{
  return start_kernel_task(name, ANY, fn, arg);
}

struct task *
init_task(void (*fn)(void *), void *arg)
{
  return start_kernel_task("init", INIT, fn, arg);
}

// ---- Boot ----

static void
hart_set_up(struct hart *h, u32 index)
{
  h->index = index;
  h->id = machine.hart_ids[index];
  h->tick = NEVER;
  spin_init(&h->lock, "run queue");
  list_init(&h->runq);
  timers_init(&h->timers);
}

static void
run_idle(void *arg)
{
  hart_main();
}

static void
make_idle_task(struct hart *h)
{
  struct task *t = task_create("idle");
  if(!t)
    panic("no memory for %u harts", nharts);
  t->preempt = 0;                // it is entered without a switch
  t->state = TASK_RUNNING;
  t->hart = h;
  context_init_kernel(t, run_idle, NULL);
  h->idle = h->current = t;
}

void
task_init(void)
{
  pid_init();
  futex_init();
  signal_start();
  task_set_up(&boot_task, "idle");
  struct hart *all = kzalloc(machine.nharts * sizeof(struct hart));
  if(!all)
    panic("no memory for %u harts", machine.nharts);
  all[0] = boot_hart;
  boot_task.hart = &all[0];
  harts = all;
  nharts = machine.nharts;
  for(u32 i = 0; i < nharts; i++){
    hart_set_up(&harts[i], i);
    if(i > 0)
      make_idle_task(&harts[i]);
  }
}
