// SPDX-License-Identifier: MIT
//
// Load control.  If the pages that processes need do not fit into memory together, each
// takes from the others what they need next, and all wait for the disk.  Then some are
// suspended, so that the working sets of the others fit, and take their turn later: a
// slice each, long enough to bring a set in and use it for a while.
//
// It is thrashing if tasks have waited longer for pages, of swap or of files out of order,
// than they have computed, and at least two spaces lost pages and wanted some back.  Who has
// run longest goes first, and comes back last.  The pages of the suspended go before all others.
//
// Lock: all_spaces_lock for who is suspended: a space on the list stays while it is held.

#include "mm/load.h"
#include <machine.h>
#include "kernel/load.h"
#include "kernel/sched.h"
#include "mm/evict.h"
#include "mm/frame.h"
#include "mm/reaper.h"
#include "mm/ring.h"
#include "mm/spaces.h"

enum {
  TURN_NS = 1000000000,        // and for every page of the largest set that has to come back
  BACK_NS = 250000,            // four times what that may take
};

static struct {
  u64 waited;                  // ns for pages, all tasks since the last tick; atomic
  u64 last, computed;          // tick, and the ticks all harts had spent in user mode then
  u64 round;                   // of the survey
  u64 turn;                    // when the last one was resumed in exchange for another
  struct load_stats stats;
} load;
u64 load_control = true;

void
load_read(struct space *s, u32 n, u64 ns)
{
  rate_add(&s->demand.in, demand_turn, n);
  atomic_add(&load.waited, ns);
}

// ---- What there is ----

struct picture {
  u64 sets, largest;                    // working sets of those that run
  u32 thrashing, suspended;             // spaces
  struct space *running, *waiting;      // the one for the longest time that may be suspended;
};                                      // that is

static bool
thrashes(const struct space *s)
{
  u64 tick = demand_tick(), second = demand_second();
  return rate_now(&s->demand.lost, tick) + rate_last(&s->demand.lost, tick) > 0 &&
         rate_now(&s->demand.faults, second) + rate_last(&s->demand.faults, second) > 0;
}

static void
longest(struct space **best, struct space *s)
{
  if(*best == NULL || s->load_since < (*best)->load_since)
    *best = s;
}

static struct picture
look(void)
{
  struct picture p = { .sets = 0 };
  struct space *s;
  list_for(s, &all_spaces, link){
    u64 set = demand_set(&s->demand);
    if(s->suspended){
      p.suspended++;
      p.largest = max(p.largest, s->load_set);
      longest(&p.waiting, s);
      continue;
    }
    p.sets += set;
    if(!thrashes(s))
      continue;
    p.thrashing++;
    if(s->load_spared != load.round)
      longest(&p.running, s);
  }
  return p;
}

// ---- What to do ----

static void
change(struct space *s, bool suspend, u64 now)
{
  if(s == NULL)
    return;
  s->suspended = suspend;
  s->load_since = now;
  s->load_set = demand_set(&s->demand);
  s->hand = 0;
  trace(SUSPEND, s->pid, suspend);
  atomic_add(suspend ? &load.stats.suspends : &load.stats.resumes, 1);
}

static void
decide(const struct picture *p, u64 now, u64 waited, u64 computed)
{
  u64 since = now - load.last;
  bool thrashing = waited > computed && waited > since / 4 && p->thrashing > 1;
  bool idle = waited + computed < since / 4;
  if(!atomic_load(&load_control)){
    change(p->waiting, false, now);
  } else if(thrashing){
    change(p->running, true, now);
    load.turn = now;
  } else if(p->waiting && (idle || p->sets + p->waiting->load_set <= frames_for_programs())){
    change(p->waiting, false, now);
  } else if(p->waiting && now - load.turn > TURN_NS + p->largest * BACK_NS){
    change(p->running, true, now);
    change(p->waiting, false, now);
    load.turn = now;
  }
}

// Some pages of a space that is suspended.  Each is met once: the hand stays at the end
// until its space is suspended again.
static u32
pages_of_suspended(struct frame **v)
{
  struct space *s;
  u32 n = 0;
  spin_lock(&all_spaces_lock);
  list_for(s, &all_spaces, link)
    if(s->suspended && (n = pmap_pages(&s->pmap, &s->hand, v, EVICT_MAX)) > 0)
      break;
  spin_unlock(&all_spaces_lock);
  return n;
}

u64
load_reclaim(u64 want)
{
  struct frame *v[EVICT_MAX];
  u64 freed = 0;
  u32 n;
  while(load.stats.suspended && freed < want && (n = pages_of_suspended(v)) > 0)
    freed += ring_replace(v, n, n);
  return freed;
}

u64
load_due(void)
{
  return load.stats.suspended || atomic_load(&load.waited) ? load.last + LOAD_TICK_NS : NEVER;
}

void
load_tick(void)
{
  u64 now = machine_time_ns(), ticks = 0;
  for(u32 i = 0; i < nharts; i++)
    ticks += atomic_load(&harts[i].user_ticks);
  u64 waited = atomic_swap(&load.waited, 0), computed = (ticks - load.computed) * TICK_NS;
  load_survey(++load.round);
  spin_lock(&all_spaces_lock);
  struct picture p = look();
  decide(&p, now, waited, computed);
  load.stats.suspended = look().suspended;
  spin_unlock(&all_spaces_lock);
  load_tell();
  load.last = now;
  load.computed = ticks;
}

void
load_stats(struct load_stats *ls)
{
  struct space *s;
  *ls = load.stats;
  spin_lock(&all_spaces_lock);
  ls->sets = ls->fault_rate = 0;
  list_for(s, &all_spaces, link){
    ls->sets += s->suspended ? 0 : demand_set(&s->demand);
    ls->fault_rate += rate_last(&s->demand.faults, demand_second());
  }
  spin_unlock(&all_spaces_lock);
}
