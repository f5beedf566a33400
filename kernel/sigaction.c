// SPDX-License-Identifier: MIT
//
// What a process wants done about each signal.  The table is made when the first
// action is set; sig_ignored and sig_handled sum it up.
//
// Lock: family_lock.

#include "kernel/bits.h"
#include "kernel/errno.h"
#include "kernel/signal.h"
#include "kernel/string.h"
#include "mm/slab.h"

enum { TABLE_BYTES = SIGNALS * sizeof(struct sig_action) };

u64
signals_dropped(const struct process *p)
{
  u64 dropped = (p->sig_ignored | SIGNALS_HARMLESS) & ~p->sig_handled & ~SIGNALS_FORCED;
  return p->immune ? ~p->sig_handled : dropped;
}

bool
signal_has_flag(const struct process *p, int sig, u64 flag)
{
  return p->actions && (p->actions[sig - 1].flags & flag);
}

static void
set_locked(struct process *p, int sig, const struct sig_action *act)
{
  p->actions[sig - 1] = (struct sig_action){
    act->handler, act->flags & SA_KNOWN, act->mask & ~SIGNALS_FORCED,
  };
  bits_set(&p->sig_ignored, sig - 1, act->handler == SIG_IGN);
  bits_set(&p->sig_handled, sig - 1, act->handler != SIG_IGN && act->handler != SIG_DFL);
  signals_flush(p, signals_dropped(p) & signal_bit(sig));
}

static void
get_locked(const struct process *p, int sig, struct sig_action *old)
{
  *old = (struct sig_action){ p->sig_ignored & signal_bit(sig) ? SIG_IGN : SIG_DFL, 0, 0 };
  if(p->actions)
    *old = p->actions[sig - 1];
}

// A table that says what the ignored signals say.
static int
make_table(struct process *p)
{
  if(p->actions)
    return 0;
  p->actions = kzalloc(TABLE_BYTES);
  for(int sig = 1; p->actions && sig <= SIGNALS; sig++)
    if(p->sig_ignored & signal_bit(sig))
      p->actions[sig - 1].handler = SIG_IGN;
  return p->actions ? 0 : -ENOMEM;
}

int
signal_set_action(int sig, const struct sig_action *act, struct sig_action *old)
{
  struct process *p = current->process;
  bool on = spin_lock_irq(&family_lock);
  int err = act ? make_table(p) : 0;
  get_locked(p, sig, old);
  if(act && err == 0)
    set_locked(p, sig, act);
  spin_unlock_irq(&family_lock, on);
  return err;
}

int
signal_fork(struct process *child, const struct process *parent)
{
  child->sig_ignored = parent->sig_ignored;
  if(!parent->actions)
    return 0;
  child->actions = kmalloc(TABLE_BYTES);
  if(!child->actions)
    return -ENOMEM;
  memcpy(child->actions, parent->actions, TABLE_BYTES);
  child->sig_handled = parent->sig_handled;
  return 0;
}

void
signal_exec(struct task *t)
{
  struct process *p = t->process;
  bool on = spin_lock_irq(&family_lock);
  kfree(p->actions);
  p->actions = NULL;
  p->sig_handled = 0;
  spin_unlock_irq(&family_lock, on);
  t->sigstack = (struct sig_stack){ 0 };
}
