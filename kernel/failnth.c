// SPDX-License-Identifier: MIT
//
// Which allocation fails: see failnth.h.  Takes no locks.

#include "kernel/failnth.h"

static u64 shared;               // FAIL_SHARED tasks count down here

bool
failnth_count(void)
{
  if(current->fail_nth != FAIL_SHARED)
    return --current->fail_nth == 0;
  u64 n = atomic_load(&shared);
  while(n > 0 && !__atomic_compare_exchange_n(&shared, &n, n - 1, true, __ATOMIC_RELAXED,
                                              __ATOMIC_RELAXED))
    ;
  return n == 1;
}

void
failnth_share(u64 n)
{
  current->fail_nth = n ? FAIL_SHARED : 0;
  atomic_store(&shared, n);
}

u64
failnth_shared(void)
{
  return atomic_load(&shared);
}
