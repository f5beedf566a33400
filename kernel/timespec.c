// SPDX-License-Identifier: MIT
//
// Times between programs and the kernel.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/sched.h"
#include "kernel/timespec.h"
#include "fs/vfs.h"

int
timespec_get(va_t va, u64 *ns)
{
  struct timespec ts;
  const u64 longest = ~0UL / 2 / SECOND;
  if(copy_from_user(&ts, va, sizeof ts))
    return -EFAULT;
  if(ts.sec < 0 || ts.nsec < 0 || ts.nsec >= (i64)SECOND)
    return -EINVAL;
  *ns = min((u64)ts.sec, longest) * SECOND + (u64)ts.nsec;
  return 0;
}

int
timespec_put(va_t va, u64 ns)
{
  struct timespec ts = { (i64)(ns / SECOND), (i64)(ns % SECOND) };
  return copy_to_user(va, &ts, sizeof ts) ? -EFAULT : 0;
}

int
timespec_get_deadline(va_t va, u64 *deadline)
{
  u64 ns = 0;
  int err = va ? timespec_get(va, &ns) : 0;
  *deadline = va ? machine_time_ns() + ns : NEVER;
  return err;
}

int
timespec_put_rest(va_t va, u64 deadline)
{
  u64 now = machine_time_ns();
  return va ? timespec_put(va, deadline > now ? deadline - now : 0) : 0;
}
