// SPDX-License-Identifier: MIT
//
// The table of policies, and what they have in common: their counts.

#include "mm/policy/policy.h"
#include "kernel/string.h"

const struct policy *const policies[] = {
  &policy_esc, &policy_aging, &policy_clock, &policy_fifo, NULL,
};

struct policy_stats policy_stats;

const struct policy *
policy_find(const char *name)
{
  for(u32 i = 0; policies[i]; i++)
    if(strcmp(policies[i]->name, name) == 0)
      return policies[i];
  return NULL;
}

u32
ring_use(struct ring *r, u64 place)
{
  u32 use = r->ops->use(r, place);
  policy_stats.seen[use]++;
  return use;
}

void
ring_forget(struct ring *r, u64 place)
{
  r->ops->forget(r, place);
  policy_stats.forgotten++;
}

bool
ring_take(struct ring *r, u64 place, u32 use)
{
  if(!r->ops->take(r, place)){
    policy_stats.refused++;
    return false;
  }
  policy_stats.victims[use]++;
  r->hand = ring_ahead(r, place, 1);
  return true;
}
