// SPDX-License-Identifier: MIT
//
// A thread's alternate stack for signal handlers.

#include "kernel/errno.h"
#include "kernel/signal.h"

static bool
is_on(va_t sp)
{
  const struct sig_stack *s = &current->sigstack;
  return !(s->flags & SS_AUTODISARM) && sp > s->sp && sp - s->sp <= s->size;
}

va_t
sigstack_top(const struct sig_action *act, va_t sp)
{
  const struct sig_stack *s = &current->sigstack;
  return (act->flags & SA_ONSTACK) && s->size > 0 && !is_on(sp) ? s->sp + s->size : sp;
}

bool
sigstack_overflows(va_t sp, va_t frame)
{
  return is_on(sp) && !is_on(frame);
}

struct sig_stack
sigstack_get(va_t sp)
{
  struct sig_stack s = current->sigstack;
  s.flags |= s.size == 0 ? SS_DISABLE : is_on(sp) ? SS_ONSTACK : 0;
  return s;
}

void
sigstack_disarm(void)
{
  if(current->sigstack.flags & SS_AUTODISARM)
    current->sigstack = (struct sig_stack){ 0 };
}

int
sigstack_set(const struct sig_stack *new, va_t sp)
{
  u32 mode = new->flags & ~SS_AUTODISARM;
  if(is_on(sp))
    return -EPERM;
  if(mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
    return -EINVAL;
  if(mode != SS_DISABLE && new->size < SIGSTACK_MIN)
    return -ENOMEM;
  current->sigstack = (struct sig_stack){ 0 };
  if(mode != SS_DISABLE)
    current->sigstack = (struct sig_stack){
      .sp = new->sp, .flags = new->flags & SS_AUTODISARM, .size = new->size,
    };
  return 0;
}
