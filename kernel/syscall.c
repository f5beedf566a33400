// SPDX-License-Identifier: MIT
//
// From a system call's number to its function.

#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

#define X(nr, name) [nr] = sys_##name,
static i64 (*const calls[])(const u64 *) = { SYSCALLS(X) };
static i64 (*const own[])(const u64 *) = { SYSCALLS_OWN(X) };
#undef X

// Said once for each number a program may reasonably try.  C libraries try some that
// they do not need: riscv_hwprobe, membarrier, rseq; nothing is said of these.
static i64
unknown(u64 nr, const u64 *args)
{
  enum { BITS = 64 };
  static u64 said[8] = {
    [258 / BITS] = 1UL << 258 % BITS | 1UL << 283 % BITS | 1UL << 293 % BITS,
  };
  if(nr - SYS_OWN < count_of(own))
    return own[nr - SYS_OWN](args);
  if(nr < count_of(said) * BITS){
    u64 bit = 1UL << nr % BITS;
    if(!(atomic_or(&said[nr / BITS], bit) & bit))
      printk("system call %lu is not implemented (%s, process %u)\n", nr, current->comm,
             current->process->pid);
  }
  return -ENOSYS;
}

i64
syscall_dispatch(u64 nr, const u64 *args)
{
  if(unlikely(nr >= count_of(calls) || !calls[nr]))
    return unknown(nr, args);
  i64 result = calls[nr](args);
  lock_none_held();
  ledger_settle();
  return result;
}
