// SPDX-License-Identifier: MIT
//
// Robust futexes: a thread keeps a list of the locks it holds in its own memory, and
// the kernel walks it when the thread ends, so that whoever waits learns that the
// owner has died.  Nothing in the list is believed.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/futex.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"

enum { WAITERS = 1U << 31, OWNER_DIED = 1 << 30, TID_MASK = (1 << 30) - 1 };
enum { LIST_MAX = 2048 };        // a list may be a ring
#define PRIORITY_LOCK 1UL        // in a link: the lock is of a kind there is not here

struct robust_list_head {
  va_t first;                    // each entry begins with a link to the next
  i64 offset;                    // from an entry to its lock
  va_t pending;                  // about to be put on the list or taken off
};

static void
owner_died(struct task *t, va_t lock)
{
  u32 value, seen;
  if(lock % sizeof(u32) || load_user_u32(&seen, lock) < 0)
    return;
  do {
    value = seen;
    if((value & TID_MASK) != t->tid)
      return;
    if(cas_user_u32(lock, value, (value & WAITERS) | OWNER_DIED, &seen) < 0)
      return;
  } while(seen != value);
  if(value & WAITERS)
    futex_wake(lock, 1);
}

void
robust_list_exit(struct task *t)
{
  struct robust_list_head h;
  va_t list = t->robust_list, entry;
  if(list == 0 || copy_from_user(&h, list, sizeof h))
    return;
  entry = h.first & ~PRIORITY_LOCK;
  for(u32 n = 0; entry != list && n < LIST_MAX; n++){
    va_t next;
    u64 failed = copy_from_user(&next, entry, sizeof next);
    if(entry != (h.pending & ~PRIORITY_LOCK))
      owner_died(t, entry + h.offset);
    if(failed)
      break;
    entry = next & ~PRIORITY_LOCK;
  }
  if(h.pending)
    owner_died(t, (h.pending & ~PRIORITY_LOCK) + h.offset);
}

i64
sys_set_robust_list(const u64 *a)
{
  if(a[1] != sizeof(struct robust_list_head))
    return -EINVAL;
  current->robust_list = a[0];
  return 0;
}

i64
sys_get_robust_list(const u64 *a)
{
  u64 size = sizeof(struct robust_list_head);
  struct task *t = (i32)a[0] ? task_find((u32)a[0]) : current;
  if(!t)
    return -ESRCH;
  va_t list = t->robust_list;
  bool permitted = signal_permitted(t->process);
  if(t != current)
    task_put(t);
  if(!permitted)
    return -EPERM;
  if(copy_to_user(a[1], &list, sizeof list) || copy_to_user(a[2], &size, sizeof size))
    return -EFAULT;
  return 0;
}
