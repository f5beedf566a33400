// SPDX-License-Identifier: MIT
//
// Harts and their tasks.  A task that a test spawns is a thread of the host, but
// one at a time goes on: a switch hands the turn to another one, drawn at random.
// So a run is fixed by its seed, and harts still interleave anywhere.

#include <pthread.h>
#include <semaphore.h>
#include "hosted.h"
#include "kernel/sched.h"
#include "mm/vmap.h"

struct host_task {
  struct task task;
  struct held_locks held;
  bool alive, daemon;          // daemon: is not waited for (the reaper)
  bool intr_off;
  bool asleep;                 // in schedule_asleep, until its state changes
  void (*fn)(void *);
  void *arg;
  sem_t turn;
};

static struct host_task tasks[HOST_HARTS];
static struct hart hart_records[HOST_HARTS];
struct hart *harts = hart_records;
struct hart boot_hart;
u32 nharts;
u64 harts_online;
struct task *current;

u32 preemption;
static u32 nspawned;

static struct host_task *
me(void)
{
  return container_of(current, struct host_task, task);
}

struct held_locks *
held_locks(void)
{
  return &me()->held;
}

void
tasks_init(u32 n)
{
  assert(n <= HOST_HARTS);
  nharts = n;
  harts_online = (1UL << n) - 1;
  for(u32 i = 0; i < HOST_HARTS; i++){
    hart_records[i].index = i;
    hart_records[i].current = &tasks[i].task;
    spin_init(&hart_records[i].lock, "runq");
    tasks[i].task.hart = &hart_records[i];
    tasks[i].task.state = TASK_RUNNING;
    list_init(&tasks[i].task.wait);
    sem_init(&tasks[i].turn, 0, 0);
  }
  tasks[0].alive = true;
  current = &tasks[0].task;
}

void
on_hart(u32 hart)
{
  assert(nspawned == 0 && hart < nharts && current->preempt == 0);
  me()->alive = false;
  current = &tasks[hart].task;
  me()->alive = true;
}

// A kernel task has no user half; a space's reference is the test's.
static struct pmap *running[HOST_HARTS];

void
run_space(struct space *s)
{
  u32 hart = current->hart->index;
  struct pmap *to = s ? &s->pmap : NULL;
  pmap_switch(running[hart], to);
  running[hart] = to;
  current->space = s;
}

void
leave_space(struct space *s)
{
  u32 here = current->hart->index;
  for(u32 i = 0; i < nharts; i++){
    if(running[i] != &s->pmap)
      continue;
    if(i != current->hart->index)
      on_hart(i);
    run_space(NULL);
  }
  if(here != current->hart->index)
    on_hart(here);
}

// ---- Switching ----

static bool
runnable(const struct host_task *t)
{
  return t->alive && !(t->asleep && t->task.state == TASK_SLEEPING);
}

// => another task that can go on, or NULL; one that cannot be preempted where it is
static struct host_task *
draw(bool unpreemptible)
{
  struct host_task *found[HOST_HARTS];
  u32 n = 0;
  for(u32 i = 0; i < HOST_HARTS; i++)
    if(&tasks[i] != me() && runnable(&tasks[i]) &&
       (tasks[i].task.preempt || tasks[i].intr_off || !unpreemptible))
      found[n++] = &tasks[i];
  return n ? found[below(n)] : NULL;
}

static void
hand_over(struct host_task *to)
{
  struct host_task *from = me();
  bool comes_back = from->alive;
  current = &to->task;
  sem_post(&to->turn);
  if(comes_back)
    while(sem_wait(&from->turn) != 0)
      ;
}

static struct host_task *stopper;      // in stop_machine: everybody goes back to it

void
task_switch(void)
{
  struct host_task *to = stopper ? stopper : draw(false);
  if(to)
    hand_over(to);
}

static u64 countdown;

void
switch_at(u64 n)
{
  countdown = n;
}

bool
switched(void)
{
  return countdown == 0;
}

void
preemption_point(void)
{
  if(nspawned == 0)
    return;
  if((countdown && --countdown == 0) || (preemption && below(preemption) == 0))
    task_switch();
}

static void *
thread(void *arg)
{
  struct host_task *t = arg;
  while(sem_wait(&t->turn) != 0)
    ;
  t->task.state = TASK_RUNNING;
  t->fn(t->arg);
  holds_nothing();
  if(t->task.preempt)
    panic("a task ended with preemption off");
  t->alive = false;
  nspawned--;
  struct host_task *to = draw(false);
  if(to == NULL)
    panic("every other task sleeps");
  hand_over(to);
  return NULL;
}

static struct host_task *
spawn(u32 hart, void (*fn)(void *), void *arg)
{
  pthread_t id;
  struct host_task *t = &tasks[hart];
  assert(hart < HOST_HARTS && !t->alive);
  t->fn = fn;
  t->arg = arg;
  t->alive = true;
  t->task.state = TASK_RUNNABLE;
  if(pthread_create(&id, NULL, thread, t) != 0 || pthread_detach(id) != 0)
    panic("no thread");
  nspawned++;
  return t;
}

void
host_spawn(u32 hart, void (*fn)(void *), void *arg)
{
  assert(hart < nharts);
  spawn(hart, fn, arg);
}

static bool
all_ended(void)
{
  for(u32 i = 0; i < HOST_HARTS; i++)
    if(&tasks[i] != me() && tasks[i].alive && !tasks[i].daemon)
      return false;
  return true;
}

void
host_join(void)
{
  while(!all_ended()){
    if(draw(false) == NULL)
      panic("every other task sleeps");
    task_switch();
  }
}

// ---- What the scheduler offers to the kernel ----

// A kernel task gets the last hart that no test uses, and counts as a hart: it
// has a batch of frames.
struct task *
kernel_task(const char *name, void (*fn)(void *), void *arg)
{
  struct host_task *t = spawn(nharts, fn, arg);
  harts_online |= 1UL << nharts++;
  t->daemon = true;
  return &t->task;
}

void
schedule_asleep(void)
{
  holds_nothing();
  me()->asleep = true;
  while(current->state == TASK_SLEEPING){
    if(draw(false) == NULL)
      panic("waits, and nobody is left to wake it");
    task_switch();
  }
  me()->asleep = false;
  current->state = TASK_RUNNING;
}

void
task_wake(struct task *t)
{
  if(t->state == TASK_SLEEPING)
    t->state = TASK_RUNNABLE;
}

void
yield(void)
{
  static u32 alone;
  alone = draw(false) ? 0 : alone + 1;
  if(alone > 100)
    panic("yields again and again, and nobody else can run");
  task_switch();
}

void
machine_relax(void)
{
  if(draw(false) == NULL)
    panic("spins, and nobody is left to let it go on");
  task_switch();
}

// The others go on until every one could be preempted, then fn runs alone.
void
stop_machine(void (*fn)(void *), void *arg)
{
  u32 often = preemption;
  preemption = 0;
  stopper = me();
  for(struct host_task *t; (t = draw(true)) != NULL;){
    t->task.resched = 1;
    hand_over(t);
  }
  stopper = NULL;
  fn(arg);
  preemption = often;
}

void
preempt_resched(void)
{
  if(me()->intr_off)
    return;                      // when they are on again
  current->resched = 0;
  if(stopper)
    hand_over(stopper);
}

// Time goes on when somebody looks, and no timer fires.
void timer_start(struct timer *t, u64 at) {}
void timer_stop(struct timer *t) {}
void hart_io(struct hart *h, u64 by) {}

u64
machine_time_ns(void)
{
  enum { STEP_NS = 10000000 };
  static u64 now;
  return atomic_add(&now, STEP_NS);
}

bool
intr_save(void)
{
  bool were_on = !me()->intr_off;
  me()->intr_off = true;
  return were_on;
}

void
intr_restore(bool were_on)
{
  me()->intr_off = !were_on;
  if(were_on && current->preempt == 0 && current->resched)
    preempt_resched();
}

bool
intr_enabled(void)
{
  return !me()->intr_off;
}
