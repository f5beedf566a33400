// SPDX-License-Identifier: MIT
//
// Additional reference bits.  Every page has an age, eight bits in which each tick
// shifts whether the page was used since the last one from the left: the smallest
// has been used least lately, and goes first; equals go in the ring's order.
//
// Between ticks pages only leave or come in.  So the hand takes all pages of one
// level and learns the next on its way round: that costs a revolution a level, not
// one a victim, and choosing asks nobody how a page is used.  Who comes in when the
// level is above AGE_NEW already is of that level until the next tick.

#include "mm/policy/policy.h"

static void
begin_level(struct ring *r, u8 level)
{
  r->level = level;
  r->next = 0;
  r->looked = 0;
}

static u32
choose(struct ring *r, u32 n)
{
  u32 taken = 0;
  u64 place;
  for(u64 idle = 0; taken < n && (idle < r->places || r->next); idle++){
    if(r->looked == r->places){
      idle = r->next ? 0 : idle;
      begin_level(r, r->next ? r->next : r->level);
    }
    r->looked++;
    if(!ring_step(r, &place))
      continue;
    u8 age = *r->ops->age(r, place);
    if(age <= r->level && ring_take(r, place, 0)){
      taken++;
      idle = 0;
    } else if(age > r->level && (r->next == 0 || age < r->next)){
      r->next = age;
    }
  }
  return taken;
}

static void
tick(struct ring *r)
{
  u8 least = 0xff;
  policy_stats.ticks++;
  for(u64 place = 0; place < r->places; place++){
    if(!r->ops->present(r, place))
      continue;
    u8 *age = r->ops->age(r, place);
    u32 use = ring_use(r, place);
    *age = *age >> 1 | (use & USED ? 0x80 : 0);
    if(use & USED)
      ring_forget(r, place);
    least = min(least, *age);
  }
  begin_level(r, least);
}

const struct policy policy_aging = { .name = "aging", .choose = choose, .tick = tick };
