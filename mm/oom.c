// SPDX-License-Identifier: MIT
//
// Who has to go when memory is gone: the space that would give most back, by
// Linux's measure.  Killing its tasks is the kernel's business (kernel/oom.c).

#include "mm/frame.h"
#include "mm/spaces.h"
#include "mm/swap.h"

enum { ADJ_NEVER = -1000 };

static u64
pages_held(struct space *s)
{
  u64 swapped, resident = pmap_resident(&s->pmap, &swapped);
  return resident + swapped + atomic_load(&s->pmap.tables);
}

// Pages held, in thousandths of RAM and swap, moved by the adjustment. => 0..1000
u64
oom_score(struct space *s)
{
  if(s->oom_score_adj == ADJ_NEVER)
    return 0;
  u64 all = frames_total() + atomic_load(&swap_total);
  i64 score = (i64)(pages_held(s) * 1000 / all) + s->oom_score_adj;
  return score < 1 ? 1 : score > 1000 ? 1000 : (u64)score;
}

static bool
more_to_gain(struct space *s, struct space *best)
{
  u64 mine = oom_score(s), others = best ? oom_score(best) : 0;
  return mine > others || (mine == others && best && pages_held(s) > pages_held(best));
}

struct space *
oom_victim(void)
{
  struct space *s, *best = NULL;
  spin_lock(&all_spaces_lock);
  list_for(s, &all_spaces, link)
    if(!s->dying && !s->doomed && s->oom_score_adj != ADJ_NEVER && more_to_gain(s, best))
      best = s;
  if(best && !space_get_live(best))
    best = NULL;
  spin_unlock(&all_spaces_lock);
  return best;
}
