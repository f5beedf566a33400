// SPDX-License-Identifier: MIT
//
// The family of processes: birth, death, numbers.
//
// family_lock covers the whole tree, the threads of every process, and the
// numbers (pid.c).  It is taken with interrupts off, since a terminal sends
// signals from its interrupt.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/string.h"
#include "kernel/files.h"
#include "kernel/itimer.h"
#include "kernel/job.h"
#include "kernel/pid.h"
#include "kernel/process.h"
#include "kernel/signal.h"
#include "mm/slab.h"
#include "mm/space.h"

struct spinlock family_lock = SPINLOCK_INIT("family");
struct process *init_process;
static struct cache processes = CACHE("process", sizeof(struct process), NULL);

// ---- Making ----

static const struct rlimit first_limits[RLIMITS] = {
  [RLIMIT_CPU ... RLIMIT_DATA] = { LIMIT_NONE, LIMIT_NONE },
  [RLIMIT_STACK] = { STACK_LIMIT, LIMIT_NONE },
  [RLIMIT_CORE] = { 0, LIMIT_NONE },             // no such file is ever written
  [RLIMIT_CORE + 1 ... RLIMIT_NOFILE - 1] = { LIMIT_NONE, LIMIT_NONE },
  [RLIMIT_NOFILE] = { FILES_LIMIT, FILES_LIMIT_MAX },
  [RLIMIT_NOFILE + 1 ... RLIMITS - 1] = { LIMIT_NONE, LIMIT_NONE },
};

struct process *
process_create(struct process *parent)
{
  struct process *p = cache_zalloc(&processes);
  if(!p)
    return NULL;
  p->refs = 1;
  p->start_time = machine_time_ns();
  memcpy(p->limits, parent ? parent->limits : first_limits, sizeof p->limits);
  if(parent){
    p->uid = parent->uid;
    p->gid = parent->gid;
    p->clock_ahead = parent->clock_ahead;
  }
  waitq_init(&p->child_event);
  list_init(&p->children);
  list_init(&p->sibling);
  list_init(&p->threads);
  list_init(&p->in_group);
  sigpending_init(&p->pending);
  if(parent && signal_fork(p, parent) < 0){
    cache_free(&processes, p);
    return NULL;
  }
  if(p->limits[RLIMIT_CPU].soft != LIMIT_NONE && itimers_limit(p, (struct used){ 0 })){
    process_put(p);
    return NULL;
  }
  return p;
}

void
process_put(struct process *p)
{
  if(!p || atomic_add_full(&p->refs, -1UL) != 1)
    return;
  sigpending_flush(&p->pending, ~0UL);
  kfree(p->actions);
  itimers_free(p);
  cache_free(&processes, p);
}

// ---- Birth ----

// The family holds a reference, and one of the leader, until the reaping.
static void
join_family(struct process *p, struct task *leader, struct process *parent)
{
  process_get(p);
  p->pid = leader->tid;
  if(leader->space && leader->space->pid == 0)
    leader->space->pid = p->pid;
  p->leader = task_get(leader);
  p->parent = parent;
  p->ppid = parent ? parent->pid : 0;
  if(parent)
    list_append(&parent->children, &p->sibling);
  p->pgid = parent ? parent->pgid : p->pid == PID_INIT ? PID_INIT : 0;
  p->sid = parent ? parent->sid : p->pgid;
  pid_join(p);
}

int
process_enter(struct task *t, u32 nr, struct process *parent)
{
  struct process *p = t->process;
  int err = -EINTR;
  bool on = spin_lock_irq(&family_lock);
  if(!current->killed){
    struct pid *pid = t->tid ? pid_find(t->tid) : pid_create(nr);
    err = pid ? 0 : -EAGAIN;
    if(pid){
      pid->task = t;
      t->tid = pid->nr;
      list_append(&p->threads, &t->in_process);
      if(++p->nthreads == 1)
        join_family(p, t, parent);
    }
  }
  spin_unlock_irq(&family_lock, on);
  return err;
}

// ---- Death ----

static void
drop_number(u32 nr)
{
  struct pid *pid = pid_find(nr);
  pid->task = NULL;
  pid_put(pid);
}

int
process_reserve(struct task *t, u32 nr)
{
  bool on = spin_lock_irq(&family_lock);
  struct pid *pid = pid_create(nr);
  if(!pid && nr && !t->tid)
    pid = pid_create(0);
  if(pid){
    if(t->tid)
      drop_number(t->tid);
    t->tid = pid->nr;
  }
  spin_unlock_irq(&family_lock, on);
  return t->tid ? 0 : -EAGAIN;
}

void
process_unreserve(struct task *t)
{
  bool on = spin_lock_irq(&family_lock);
  drop_number(t->tid);
  spin_unlock_irq(&family_lock, on);
}

static void
tell_parent(struct process *p, struct process *parent)
{
  enum { NS_PER_TICK = 10000000 };
  struct siginfo si;
  if(!p->zombie && signal_has_flag(parent, SIGCHLD, SA_NOCLDSTOP))
    return;
  siginfo_child(&si, p->pid, p->uid, p->zombie ? p->exit_status : p->news);
  si.utime = p->gone.user / NS_PER_TICK;
  si.stime = p->gone.kernel / NS_PER_TICK;
  signal_send_locked(parent, NULL, &si);
}

void
process_news(struct process *p)
{
  struct process *parent = p->parent;
  if(!parent)
    return;
  list_remove(&p->sibling);
  list_push(&parent->children, &p->sibling);
  wake_all(&parent->child_event);
  tell_parent(p, parent);
}

// The next ancestor that adopts, or init.
static struct process *
adopter(const struct process *p)
{
  struct process *to = p->parent;
  while(to && (!to->adopts || to->exiting || to->zombie))
    to = to->parent;
  return to ? to : init_process;
}

static void
reparent_children(struct process *p)
{
  struct process *child, *next, *to = adopter(p);
  list_for_safe(child, next, &p->children, sibling){
    child->parent = to;
    child->ppid = to->pid;
    list_remove(&child->sibling);
    list_append(&to->children, &child->sibling);
    job_lost_parent(child, p);
    if(child->death_signal)
      signal_send_locked(child, NULL, &(struct siginfo){ .signo = child->death_signal });
    if(child->zombie || child->news)
      process_news(child);
  }
}

void
process_reap(struct process *p)
{
  list_remove(&p->sibling);
  pid_leave(p);
  drop_number(p->pid);
  task_put(p->leader);
  process_put(p);
}

// Some parents do not want to wait for their children.
static bool
wants_no_zombies(const struct process *parent)
{
  return (parent->sig_ignored & signal_bit(SIGCHLD)) ||
         signal_has_flag(parent, SIGCHLD, SA_NOCLDWAIT);
}

static void
become_zombie(struct process *p)
{
  p->zombie = true;
  reparent_children(p);
  job_ended(p);
  itimers_stop(p);
  struct process *parent = p->parent;
  process_news(p);
  if(!parent || wants_no_zombies(parent))
    process_reap(p);
}

void
process_leave(struct task *t)
{
  struct process *p = t->process;
  used_add(&p->gone, task_used(t));
  list_remove(&t->in_process);
  if(p->pending.set)
    signals_retell(p);
  if(t != p->leader)
    drop_number(t->tid);
  if(--p->nthreads == 0)
    become_zombie(p);
  else if(p->nthreads == 1)
    wake_all(&p->child_event);     // an execve may wait to be alone
}

// t, the only thread left, takes the number and the place of a leader that has
// gone; the old leader's record takes t's, and goes.
void
process_take_lead(struct process *p, struct task *t)
{
  struct task *old = p->leader;
  if(old == t)
    return;
  drop_number(t->tid);
  t->tid = p->pid;
  pid_find(p->pid)->task = t;
  p->leader = task_get(t);
  task_put(old);
}

// ---- Times ----

struct used
process_used(struct process *p)
{
  bool on = spin_lock_irq(&family_lock);
  struct used sum = p->gone;
  struct task *t;
  list_for(t, &p->threads, in_process)
    used_add(&sum, task_used(t));
  spin_unlock_irq(&family_lock, on);
  return sum;
}
