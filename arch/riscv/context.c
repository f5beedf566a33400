// SPDX-License-Identifier: MIT
//
// New tasks: the stack, frame and saved registers they begin with; and the user
// registers as the kernel proper may see and set them.

#include <machine.h>
#include "kernel/string.h"
#include "mm/vmap.h"
#include "trap.h"

// The places in task->context.
enum { CTX_RA, CTX_SP, CTX_S0, CTX_S1, CTX_S2 };

// Every stack has room for a user frame at its top, so any task can go to user mode.
static void
context_init(struct task *t, void (*start)(void))
{
  t->tf = (struct trapframe *)((u8 *)t->stack + KSTACK_SIZE) - 1;
  memset(t->tf, 0, sizeof *t->tf);
  t->tf->task = t;
  memset(t->context, 0, sizeof t->context);
  t->context[CTX_RA] = (u64)start;
  t->context[CTX_SP] = (u64)t->tf;
}

void
context_init_kernel(struct task *t, void (*fn)(void *), void *arg)
{
  context_init(t, kernel_task_start);
  t->context[CTX_S1] = (u64)fn;
  t->context[CTX_S2] = (u64)arg;
}

void
context_init_user(struct task *t, const struct trapframe *tf)
{
  context_init(t, user_task_start);
  *t->tf = *tf;
  t->tf->task = t;
  t->fetched = current->fetched;
}

void
tf_exec(struct trapframe *tf, va_t entry, va_t sp)
{
  *tf = (struct trapframe){ .task = current, .pc = entry, .sp = sp };
  atomic_or(&current->notify, NOTIFY_FRAME);
}

va_t
user_sp(void)
{
  return current->tf->sp;
}

// ---- Registers by number ----

static const char *const names[TF_REGISTERS] = {
  "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1",
  "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7",
  "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11",
  "t3", "t4", "t5", "t6",
};

const char *
tf_register_name(u32 x)
{
  return names[x];
}

u64 *
tf_slot(struct trapframe *tf, u32 x)
{
  switch(x){
  case 1: return &tf->ra;
  case 2: return &tf->sp;
  case 3: return &tf->gp;
  case 4: return &tf->tp;
  case 5 ... 7: return &tf->t[x - 5];
  case 8 ... 9: return &tf->s[x - 8];
  case 10 ... 17: return &tf->a[x - 10];
  case 18 ... 27: return &tf->s[x - 16];
  default: return &tf->t[x - 25];
  }
}

u64
tf_register(const struct trapframe *tf, u32 x)
{
  return x == 0 ? 0 : *tf_slot((struct trapframe *)tf, x);
}
