// SPDX-License-Identifier: MIT
//
// First in, first out: the hand takes what it meets.

#include "mm/policy/policy.h"

static u32
choose(struct ring *r, u32 n)
{
  u32 taken = 0;
  u64 place;
  for(u64 i = 0; i < r->places && taken < n; i++)
    if(ring_step(r, &place))
      taken += ring_take(r, place, 0);
  return taken;
}

const struct policy policy_fifo = { .name = "fifo", .choose = choose };
