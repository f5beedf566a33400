// SPDX-License-Identifier: MIT
//
// The frame of a signal handler on the user's stack, laid out as Linux's
// struct rt_sigframe for riscv64:
//
//   sp -> siginfo 128 | flags 8, link 8, stack 24, mask 8, 128 unused |
//         pc, x1..x31 | f0..f31, fcsr, 264 unused
//
// The program may have written anything into it when it comes back.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/signal.h"
#include "mm/space.h"
#include "trap.h"

struct sigframe {
  u8 info[SIGINFO_SIZE];
  u64 flags, link;
  struct sig_stack stack;
  u64 mask, unused[16];
  u64 regs[32];
  u64 fp[33];
  u64 rest[33];
};

_Static_assert(offsetof(struct sigframe, regs) == 128 + 176, "ucontext");
_Static_assert(sizeof(struct sigframe) == 1088, "rt_sigframe");

enum { FRAME_ALIGN = 16 };
#define AT(frame, field) ((frame) + offsetof(struct sigframe, field))

const u32 sigframe_trampoline[2] = {
  0x08b00893,              // li a7, 139 (rt_sigreturn): debuggers look for these two
  0x00000073,              // ecall
};

// ---- To the stack ----

static int
put_registers(va_t at, struct trapframe *tf)
{
  u64 regs[32] = { tf->pc };
  for(u32 x = 1; x < 32; x++)
    regs[x] = *tf_slot(tf, x);
  return copy_to_user(at, regs, sizeof regs) ? -EFAULT : 0;
}

static int
put_frame(va_t frame, const struct siginfo *si, u64 mask)
{
  struct trapframe *tf = current->tf;
  struct sig_stack stack = sigstack_get(tf->sp);
  if(zero_user(frame, sizeof(struct sigframe)) ||
     copy_to_user(AT(frame, info), si, sizeof *si) ||
     copy_to_user(AT(frame, stack), &stack, sizeof stack) ||
     copy_to_user(AT(frame, mask), &mask, sizeof mask))
    return -EFAULT;
  int err = put_registers(AT(frame, regs), tf);
  return err ? err : fp_to_user(AT(frame, fp));
}

int
sigframe_push(const struct siginfo *si, const struct sig_action *act, u64 mask)
{
  struct trapframe *tf = current->tf;
  va_t frame = sigstack_top(act, tf->sp) - sizeof(struct sigframe);
  frame = round_down(frame, FRAME_ALIGN);
  if(sigstack_overflows(tf->sp, frame) || put_frame(frame, si, mask) < 0)
    return -EFAULT;
  tf->pc = act->handler;
  tf->sp = frame;
  tf->ra = current->space->trampoline;
  tf->a[0] = (u64)si->signo;
  tf->a[1] = AT(frame, info);
  tf->a[2] = AT(frame, flags);
  return 0;
}

// ---- From it ----

// All is read before anything is changed, but for the floating-point registers:
// what is left of them after an error, nobody looks at.
int
sigframe_pop(u64 *mask)
{
  struct trapframe *tf = current->tf;
  va_t frame = tf->sp;
  struct sig_stack stack;
  u64 regs[32];
  if(copy_from_user(mask, AT(frame, mask), sizeof *mask) ||
     copy_from_user(&stack, AT(frame, stack), sizeof stack) ||
     copy_from_user(regs, AT(frame, regs), sizeof regs) ||
     fp_from_user(AT(frame, fp)) < 0)
    return -EFAULT;
  tf->pc = regs[0];
  for(u32 x = 1; x < 32; x++)
    *tf_slot(tf, x) = regs[x];
  sigstack_set(&stack, tf->sp);
  atomic_or(&current->notify, NOTIFY_FRAME);
  return 0;
}

// pc is at the call still, as trap_interrupted() left it.
void
tf_end_call(struct trapframe *tf, i64 result)
{
  tf->pc += 4;
  tf->a[0] = (u64)result;
}
