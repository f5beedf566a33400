// SPDX-License-Identifier: MIT
//
// Second chance: the hand takes what has not been used since it last came by, and
// clears USED of what has.  Who was met twice in one search had the chance, used
// again or not: so a search ends after two revolutions.

#include "mm/policy/policy.h"

static u32
choose(struct ring *r, u32 n)
{
  u32 taken = 0;
  u64 place;
  for(u64 i = 0; i < 2 * r->places && taken < n; i++){
    if(!ring_step(r, &place))
      continue;
    u32 use = i < r->places ? ring_use(r, place) : 0;
    if(use & USED)
      ring_forget(r, place);
    else
      taken += ring_take(r, place, use);
  }
  return taken;
}

const struct policy policy_clock = { .name = "clock", .choose = choose };
