// SPDX-License-Identifier: MIT
//
// /proc/<pid>/syscall, stack and wchan: what a task that does not run waits in.
//
// A task is looked at while nobody else runs: who sleeps goes on sleeping, and its
// stack stays.

#include <machine.h>
#include <trapframe.h>
#include "fs/proc.h"
#include "kernel/ksym.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/space.h"

// ---- syscall ----

struct asleep { const struct task *task; struct trapframe tf; bool found; };

static void
look_at(void *asleep)
{
  struct asleep *a = asleep;
  char letter = task_letter(a->task);
  a->found = a->task->space && (letter == 'S' || letter == 'D');
  if(a->found)
    a->tf = *a->task->tf;
}

// Of a call, not of a fault, if the instruction that it made is one.
int
show_syscall(struct text *x, struct task *t)
{
  struct asleep a = { .task = t };
  struct space *s = task_space(t);
  u32 made = 0;
  u64 at = x->len;
  stop_machine(look_at, &a);
  if(s && a.found)
    proc_add_range(x, s, a.tf.pc - sizeof made, a.tf.pc);
  if(x->len == at + sizeof made)
    memcpy(&made, x->s + at, sizeof made);
  x->len = at;
  if(!a.found)
    text_add(x, "running\n");
  else if(made != INSTRUCTION_ECALL)
    text_add(x, "-1 0x%lx 0x%lx\n", a.tf.sp, a.tf.pc);
  else
    text_add(x, "%lu 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx\n", a.tf.a[7], a.tf.a[0],
             a.tf.a[1], a.tf.a[2], a.tf.a[3], a.tf.a[4], a.tf.a[5], a.tf.sp, a.tf.pc);
  space_put(s);
  return 0;
}

// ---- stack, wchan ----

struct chain { const struct task *task; u32 n; u64 pc[32]; };

static void
look_back(void *chain)
{
  struct chain *c = chain;
  c->n = machine_callers_of(c->task, c->pc, count_of(c->pc));
}

int
show_stack(struct text *x, struct task *t)
{
  struct chain c = { .task = t };
  struct code code;
  struct ksym in;
  stop_machine(look_back, &c);
  for(u32 k = 0; k < c.n; k++){
    va_t call = c.pc[k] - 1;
    if(ksym(call, &in) && code_at(call, &code))
      text_add(x, "[<0>] %s+0x%lx/0x%lx\n", in.name, in.off + 1, code.end - code.start);
  }
  return 0;
}

// Does this function only wait for its caller?
static bool
only_waits(const char *name)
{
  static const char *const begin[] = { "resched", "schedule", "sleep_", "wait_", "rw_" };
  for(u32 k = 0; k < count_of(begin); k++)
    if(memcmp(name, begin[k], strnlen(name, strlen(begin[k]))) == 0)
      return true;
  return false;
}

// The function that does: without a newline, and 0 if there is none, as Linux has it.
int
show_wchan(struct text *x, struct task *t)
{
  struct chain c = { .task = t };
  struct ksym in;
  bool known = false;
  if(task_letter(t) != 'R')
    stop_machine(look_back, &c);
  for(u32 k = 0; k < c.n && (k == 0 || (known && only_waits(in.name))); k++)
    known = ksym(c.pc[k] - 1, &in);
  text_add(x, "%s", known ? in.name : "0");
  return 0;
}
