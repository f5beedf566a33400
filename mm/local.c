// SPDX-License-Identifier: MIT
//
// Local replacement.  A space with a limit that has reached it gives up pages of its own
// before it gets another: a few, chosen by the policy in force among twice as many that
// follow its hand in the order of addresses.  So that costs its pages, not memory's.
//
// `resident` is counted when a limit is reached and estimated from there on: faults add,
// the reaper takes away.
//
// Lock: all_spaces_lock for limits: a space on the list stays while it is held.

#include "mm/local.h"
#include <machine.h>
#include "kernel/errno.h"
#include "kernel/sched.h"
#include "kernel/string.h"
#include "mm/evict.h"
#include "mm/frame.h"
#include "mm/reaper.h"
#include "mm/ring.h"
#include "mm/spaces.h"

enum { LAPS = 2 };               // of its hand, until a space gives up

static u32 wanted;               // some space is full
bool local_promised;

// ---- Allotments ----

static u64 equal(const struct space *s) { return 1; }
static u64 by_size(const struct space *s) { return s->mapped; }
static u64 by_priority(const struct space *s) { return s->ws_priority; }

static const struct allotment {
  const char *name;
  u64 (*weight)(const struct space *s);
} allotments[] = {
  { "none", NULL }, { "equal", equal }, { "proportional", by_size }, { "priority", by_priority },
};

static const struct allotment *allotment = allotments;
static u64 next_allotment;

static void
set_limit(struct space *s, u64 allotted)
{
  u64 limit = s->ws_max && allotted ? min(s->ws_max, allotted) : s->ws_max + allotted;
  atomic_store(&s->ws_limit, limit ? max(limit, s->ws_min) : 0);
  if(limit)
    atomic_or(&s->careful, CAREFUL_LIMIT);
  else
    atomic_and(&s->careful, ~CAREFUL_LIMIT);
  if(limit){
    s->laps = 0;
    atomic_store(&s->full, true);
    atomic_store(&wanted, true);
  }
}

static void
allot(void)
{
  struct space *s;
  u64 sum = 0, frames = frames_for_programs();
  const struct allotment *how = atomic_load(&allotment);
  spin_lock(&all_spaces_lock);
  if(how->weight)
    list_for(s, &all_spaces, link)
      sum += how->weight(s);
  list_for(s, &all_spaces, link)
    set_limit(s, how->weight ? max(frames * how->weight(s) / max(sum, 1UL), 1UL) : 0);
  spin_unlock(&all_spaces_lock);
  next_allotment = how->weight ? machine_time_ns() + SECOND_NS : NEVER;
}

int
local_set_allotment(const char *name)
{
  for(u32 i = 0; i < count_of(allotments); i++)
    if(strcmp(allotments[i].name, name) == 0){
      atomic_store(&allotment, &allotments[i]);
      atomic_store(&next_allotment, 0);
      reaper_wake();
      return 0;
    }
  return -EINVAL;
}

const char *
local_allotment(void)
{
  return atomic_load(&allotment)->name;
}

// ---- Limits ----

int
local_set_max(struct space *s, u64 pages)
{
  if((pages > 0 && pages < WS_LEAST) || pages > frames_total())
    return -EINVAL;
  spin_lock(&all_spaces_lock);
  bool fits = pages == 0 || pages >= s->ws_min;
  if(fits){
    s->ws_max = pages;
    set_limit(s, 0);
  }
  spin_unlock(&all_spaces_lock);
  atomic_store(&next_allotment, 0);
  reaper_wake();
  return fits ? 0 : -EINVAL;
}

int
local_set_min(struct space *s, u64 pages)
{
  struct space *other;
  u64 sum = pages, half = frames_for_programs() / 2;
  spin_lock(&all_spaces_lock);
  list_for(other, &all_spaces, link)
    sum += other == s ? 0 : other->ws_min;
  int err = s->ws_max && pages > s->ws_max ? -EINVAL : sum > half ? -ENOMEM : 0;
  if(err == 0)
    s->ws_min = pages;
  local_promised |= pages > 0;
  spin_unlock(&all_spaces_lock);
  return err;
}

int
local_set_priority(struct space *s, u64 priority)
{
  if(priority == 0 || priority > WS_PRIORITY_MAX)
    return -EINVAL;
  s->ws_priority = priority;
  return 0;
}

void
local_fork(struct space *to, const struct space *from)
{
  to->ws_priority = from->ws_priority;
  to->ws_max = from->ws_max;
  to->resident = to->ws_limit = from->ws_limit;
  to->careful = to->ws_limit ? CAREFUL_LIMIT : 0;
}

void
local_exec(struct space *to, struct space *from)
{
  spin_lock(&all_spaces_lock);
  local_fork(to, from);
  to->oom_score_adj = from->oom_score_adj;
  if(from->refs == 1){
    to->ws_min = from->ws_min;
    from->ws_min = 0;
  }
  spin_unlock(&all_spaces_lock);
}

// ---- What a space needs at once ----

u32 local_spares, local_spared;

void
local_need(struct space *s, va_t va)
{
  atomic_store(&s->needs[atomic_add(&s->nneeds, 1) % NEEDS], (u32)(va >> PAGE_SHIFT));
}

bool
local_needs(const struct space *s, va_t va)
{
  u32 at = atomic_load(&s->nneeds);
  u32 n = min((u32)min(atomic_load(&s->refs) * WS_LEAST, (u64)NEEDS), at);
  while(n > 0 && atomic_load(&s->needs[(at - n) % NEEDS]) != va >> PAGE_SHIFT)
    n--;
  if(n > 0)
    atomic_store(&local_spared, true);
  return n > 0;
}

// ---- Giving up pages ----

static u64
limit_of(const struct space *s)
{
  return max(atomic_load(&s->ws_limit), WS_LEAST * atomic_load(&s->refs));
}

void
local_make_room(struct space *s)
{
  if(atomic_add(&s->resident, 1) < limit_of(s))
    return;
  s->laps = 0;
  atomic_store(&s->full, true);
  while(atomic_load(&s->full) && !current->killed){
    atomic_store(&wanted, true);
    reaper_pass();
  }
  atomic_add(&s->resident, 1);
}

// How many of n pages of a space that is full have to go; counted under the lock.
struct share { u32 n, want; };

static struct share
look(struct space *s, struct frame **v)
{
  u64 limit = limit_of(s), spare = min(max(limit / 8, 1UL), (u64)EVICT_MAX / 2);
  s->resident = pmap_resident(&s->pmap, NULL);
  u64 want = s->resident + spare > limit ? s->resident + spare - limit : 0;
  want = min(want, (u64)EVICT_MAX / 2);
  u32 n = want ? pmap_pages(&s->pmap, &s->hand, v, 2 * (u32)want) : 0;
  if(want && n < 2 * want){
    s->hand = 0;
    s->laps++;
  }
  if(want == 0 || s->laps > LAPS)
    atomic_store(&s->full, false);
  return (struct share){ n, min((u32)want, n) };
}

static bool
replace_some(void)
{
  struct frame *v[EVICT_MAX];
  struct share share = { 0, 0 };
  struct space *s;
  bool found = false;
  spin_lock(&all_spaces_lock);
  list_for(s, &all_spaces, link)
    if(atomic_load(&s->full)){
      found = true;
      share = look(s, v);
      break;
    }
  spin_unlock(&all_spaces_lock);
  if(share.n)
    ring_replace(v, share.n, share.want);
  return found;
}

void
local_count(void)
{
  struct space *s;
  if(!local_promised)
    return;
  spin_lock(&all_spaces_lock);
  list_for(s, &all_spaces, link)
    if(s->ws_min)
      s->resident = pmap_resident(&s->pmap, NULL);
  spin_unlock(&all_spaces_lock);
}

u64
local_due(void)
{
  return atomic_load(&wanted) ? 0 : next_allotment;
}

void
local_tick(void)
{
  if(next_allotment <= machine_time_ns())
    allot();
  if(atomic_swap(&wanted, false))
    while(replace_some())
      ;
}
