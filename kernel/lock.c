// SPDX-License-Identifier: MIT
//
// Locks: the paths that have to wait.  The others are inline in lock.h.

#include <machine.h>
#include "kernel/lock.h"
#include "kernel/printk.h"

// ---- Spinlocks ----

bool
spin_held(const struct spinlock *l)
{
  return l->holder == current;
}

// Only reads until the lock is seen free, so that the waiters do not take the
// cache line from its holder.
void
spin_wait(struct spinlock *l)
{
  assert(!spin_held(l));
  trace(LOCK_WAIT, l->name, l);
  do {
    while(atomic_load(&l->holder))
      machine_relax();
  } while(!spin_take(l));
  trace(LOCK_GOT, l->name, l);
}

bool
spin_lock_irq(struct spinlock *l)
{
  bool were_on = intr_save();
  spin_lock(l);
  return were_on;
}

// Interrupts come on before preemption, or a switch that is due would wait for
// the next interrupt.
void
spin_unlock_irq(struct spinlock *l, bool were_on)
{
  spin_release(l);
  intr_restore(were_on);
  preempt_on();
}

// ---- Sleep locks ----
//
// A free lock may be taken by whoever comes first, even if others were woken for
// it.  A woken waiter either gets it or sets SLEEPLOCK_WAITERS again, so the bit
// is there whenever a holder must wake somebody.

void
sleep_init(struct sleeplock *l, const char *name)
{
  *l = (struct sleeplock)SLEEPLOCK_INIT(*l, name);
}

bool
sleep_held(const struct sleeplock *l)
{
  return (l->owner & ~SLEEPLOCK_WAITERS) == (u64)current;
}

// One try under l->lock: take it, or leave word that somebody waits.
static bool
take_or_announce(struct sleeplock *l)
{
  u64 owner = atomic_load(&l->owner);
  for(;;){
    u64 mine = (u64)current | (list_empty(&l->waiters.waiters) ? 0 : SLEEPLOCK_WAITERS);
    u64 want = owner == 0 ? mine : owner | SLEEPLOCK_WAITERS;
    if(__atomic_compare_exchange_n(&l->owner, &owner, want, false,
                                   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
      return owner == 0;
  }
}

void
sleep_lock_slow(struct sleeplock *l)
{
  assert(!sleep_held(l));
  trace(LOCK_WAIT, l->name, l);
  spin_lock(&l->lock);
  while(!take_or_announce(l))
    wait_io(&l->waiters, &l->lock);
  spin_unlock(&l->lock);
  trace(LOCK_GOT, l->name, l);
}

void
sleep_unlock_slow(struct sleeplock *l)
{
  assert(sleep_held(l));
  spin_lock(&l->lock);
  atomic_store_rel(&l->owner, 0);
  wake_one(&l->waiters);
  spin_unlock(&l->lock);
}

// ---- Reader-writer locks ----

bool
rw_write_held(const struct rwlock *l)
{
  return l->writer == current;
}

bool
rw_held(const struct rwlock *l)
{
  return atomic_load(&l->word) & ~RW_WAITERS;
}

// Under l->lock.  RW_WAITERS, once set, sends all others here, so that no holder is added
// until this returns; readers that come and go again may show in the word, and if one of them
// is the last to leave, it wakes who waits.
static bool
rw_try(struct rwlock *l, bool write)
{
  u64 w = atomic_or(&l->word, RW_WAITERS) & ~RW_WAITERS;
  if(write ? w != 0 : w & RW_WRITER || l->writers_waiting > 0)
    return false;
  atomic_add_full(&l->word, write ? RW_WRITER : RW_READER);
  return true;
}

void
rw_lock_slow(struct rwlock *l, bool write)
{
  assert(!rw_write_held(l));
  trace(LOCK_WAIT, l->name, l);
  spin_lock(&l->lock);
  while(!rw_try(l, write)){
    u32 *waiting = write ? &l->writers_waiting : &l->readers_waiting;
    *waiting += 1;
    wait_io(write ? &l->writers : &l->readers, &l->lock);
    *waiting -= 1;
  }
  if(l->readers_waiting + l->writers_waiting == 0)
    atomic_and(&l->word, ~RW_WAITERS);
  if(write)
    l->writer = current;
  spin_unlock(&l->lock);
  trace(LOCK_GOT, l->name, l);
}

// The last holder has gone.  A writer that was woken but has not run yet still
// counts as waiting, and takes its turn before new readers.
void
rw_unlock_slow(struct rwlock *l)
{
  spin_lock(&l->lock);
  if(l->writers_waiting > 0)
    wake_one(&l->writers);
  else
    wake_all(&l->readers);
  spin_unlock(&l->lock);
}
