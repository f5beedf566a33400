// SPDX-License-Identifier: MIT
//
// Which allocation fails: see failnth.h.  Takes no locks.

#include "kernel/failnth.h"

u64 failnth_shared;

bool
failnth_count(void)
{
  if(current->fail_nth != FAIL_SHARED)
    return --current->fail_nth == 0;
  u64 n = atomic_load(&failnth_shared);
  while(n > 0 && !__atomic_compare_exchange_n(&failnth_shared, &n, n - 1, true, __ATOMIC_RELAXED,
                                              __ATOMIC_RELAXED))
    ;
  return n == 1;
}

void
failnth_share(void)
{
  current->fail_nth = atomic_load(&failnth_shared) ? FAIL_SHARED : 0;
}
