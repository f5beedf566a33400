// SPDX-License-Identifier: MIT
//
// The ring of all frames: a place is a frame, and the hand goes round RAM.  A page
// that comes in takes a frame whose page has gone, so that this is the circular list of
// the textbooks, and costs a page nothing until it is looked at.
//
// Only the reaper turns the ring.  It keeps a reference on the owner of the page it
// looked at last: neighbours often have the same.
//
// Lock: offers.lock, innermost.

#include "mm/ring.h"
#include <machine.h>
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "mm/evict.h"
#include "mm/frame.h"
#include "mm/local.h"
#include "mm/objects.h"
#include "mm/policy/policy.h"
#include "mm/reaper.h"
#include "mm/rmap.h"
#include "mm/slot.h"
#include "mm/space.h"
#include <pmap.h>

// Revolutions without a page that goes before nothing is left to take.
enum { FRUITLESS = 2 };

u64 demand_turn;

// Some pages, a ring of their own for a while.
static struct {
  struct ring ring;
  struct frame **at;
} window;

static struct {
  struct ring ring;
  const struct policy *policy;
  struct owner owner;          // of the last page looked at
  struct object *ended;        // whose last reference was that
  bool stale;                  // USED was cleared somewhere, and no hart fenced since
  struct frame *batch[EVICT_MAX];
  u32 n;
  struct frame *writing;       // somebody else writes this one, or did when it was seen
} rings;

static struct frame *
frame_at(struct ring *r, u64 place)
{
  return r == &window.ring ? window.at[place] : pfn_frame(frame_first + place);
}

static bool
present(struct ring *r, u64 place)
{
  struct frame *f = frame_at(r, place);
  if(unlikely(atomic_load(&f->word) & FRAME_WRITING))
    rings.writing = f;
  return evict_may(f);
}

// The end of an object waits for its pages, of which some may be in the batch.
static void
leave_owner(void)
{
  struct object *o = rings.owner.object;
  if(o && atomic_add_full(&o->refs, -1UL) == 1){
    o->ended = rings.ended;
    rings.ended = o;
  }
  rings.owner.object = NULL;
  owner_put(&rings.owner);
}

// Nothing is taken any more.
static void
end_objects(void)
{
  leave_owner();
  for(struct object *o; (o = rings.ended) != NULL; object_end(o))
    rings.ended = o->ended;
}

static bool
find_owner(struct frame *f)
{
  if(owner_has(&rings.owner, f))
    return true;
  leave_owner();
  return owner_get(&rings.owner, f);
}

static u32
use(struct ring *r, u64 place)
{
  struct frame *f = frame_at(r, place);
  vm_count(VM_SCAN);
  return find_owner(f) ? rmap_use(&rings.owner, f, false) & (USES - 1) : USED;
}

static void
forget(struct ring *r, u64 place)
{
  struct frame *f = frame_at(r, place);
  if(find_owner(f)){
    rmap_use(&rings.owner, f, true);
    rings.stale = true;
  }
}

static u8 *
age(struct ring *r, u64 place)
{
  return &frame_at(r, place)->age;
}

static bool
take(struct ring *r, u64 place)
{
  struct frame *f = frame_at(r, place);
  if(local_promised && find_owner(f) && (rmap_use(&rings.owner, f, false) & KEPT))
    return false;
  if(!evict_take(f))
    return false;
  rings.batch[rings.n++] = f;
  return true;
}

static const struct ring_ops ops = {
  .present = present, .use = use, .forget = forget, .age = age, .take = take,
};

static void
set_up(void)
{
  if(rings.policy)
    return;
  rings.ring = (struct ring){ .places = frame_last - frame_first, .ops = &ops };
  rings.policy = policies[0];
}

// Until the harts are fenced they may use a page without saying so.
static void
fence_stale(void)
{
  if(rings.stale)
    pmap_fence_everything();
  rings.stale = false;
}

// ---- Offers ----

enum { OFFERS = 512 };

static struct {
  struct spinlock lock;
  u32 n, pfn[OFFERS];
} offers = { .lock = SPINLOCK_INIT("offers") };

void
ring_offer(struct frame *f)
{
  spin_lock(&offers.lock);
  if(offers.n < OFFERS)
    offers.pfn[offers.n++] = (u32)frame_pfn(f);
  spin_unlock(&offers.lock);
}

// Whatever a frame holds by now, it is of the best class to go, or stays.
static void
take_offers(u32 want)
{
  while(rings.n < want && atomic_load(&offers.n) > 0){
    spin_lock(&offers.lock);
    u64 place = offers.pfn[--offers.n] - frame_first;
    spin_unlock(&offers.lock);
    if(present(&rings.ring, place) && ring_use(&rings.ring, place) == 0)
      policy_stats.victims[0] += take(&rings.ring, place);
  }
}

// ---- Batches ----

// => frames that are free now
static u64
evict_batch(struct ring *r, const struct policy *policy, u64 want)
{
  u64 hand = r->hand;
  u32 n = (u32)min(want, (u64)EVICT_MAX);
  rings.n = 0;
  if(policy->offers && r == &rings.ring)
    take_offers(n);
  if(rings.n < n)
    policy->choose(r, n - rings.n);
  if(r->hand < hand)
    demand_turn++;
  fence_stale();
  u64 freed = rings.n ? evict(rings.batch, rings.n) : 0;
  end_objects();
  return freed;
}

u64
ring_replace(struct frame **v, u32 n, u32 want)
{
  set_up();
  window.ring = (struct ring){ .places = n, .ops = &ops };
  window.at = v;
  return evict_batch(&window.ring, want < n ? atomic_load(&rings.policy) : &policy_fifo, want);
}

static u64
reclaim_now(u64 want)
{
  u64 freed = 0, since = policy_stats.moves, got;      // since the last progress
  while(freed < want && policy_stats.moves - since <= FRUITLESS * rings.ring.places)
    if((got = evict_batch(&rings.ring, atomic_load(&rings.policy), want - freed)) > 0){
      freed += got;
      since = policy_stats.moves;
    }
  return freed;
}

// What programs need at once goes only when there is nothing else, and then a page at a
// time, for one of them has to get on.
static u64
reclaim_sparing(u64 want)
{
  atomic_store(&local_spares, true);
  u64 freed = reclaim_now(want);
  atomic_store(&local_spares, false);
  bool more = atomic_swap(&local_spared, false) && freed == 0 && !rings.writing;
  return more ? reclaim_now(1) : freed;
}

// A page that somebody else writes can go when that is over, and it will be: who writes
// waits for nothing but the disk.
u64
ring_reclaim(u64 want)
{
  u64 freed;
  set_up();
  while((freed = reclaim_sparing(want)) == 0 && rings.writing){
    frame_wait(rings.writing, FRAME_WRITING);
    rings.writing = NULL;
  }
  rings.writing = NULL;
  return freed;
}

u64
ring_hand(void)
{
  return frame_first + rings.ring.hand;
}

// ---- Ahead of need ----
//
// While harts and disks have nothing to do, pages that the hand will come to next are
// written if they are cold, and stay: then they can go at once.  They are pages that were
// not used since the hand was there last, in the quarter of the ring before it.

enum { AHEAD_NS = 100000000, AHEAD_LOOKS = 256, AHEAD_PART = 4 };

static struct {
  u64 hand, gap;               // where the hand was, and how far ahead of it all is done
  u64 next, io;                // time of the next look; requests there had been
} ahead;

u64 ring_writes_ahead = true;

// Pages that anybody has read or written.
static u64
requests(void)
{
  return vm_counter(VM_SWAP_READ) + vm_counter(VM_SWAP_WRITE) + vm_counter(VM_FILE_READ) +
         vm_counter(VM_FILE_WRITE);
}

u64
ring_ahead_due(void)
{
  u64 places = rings.ring.places, hand = rings.ring.hand;
  bool room = atomic_load(&swap_free) > atomic_load(&swap_total) / 2;
  if(!atomic_load(&ring_writes_ahead) || demand_turn == 0 || !room)
    return NEVER;
  ahead.gap -= min((hand + places - ahead.hand) % places, ahead.gap);
  ahead.hand = hand;
  return ahead.gap < places / AHEAD_PART ? ahead.next : NEVER;
}

static u32
take_cold(struct frame **v)
{
  struct ring *r = &rings.ring;
  u32 n = 0;
  for(u32 i = 0; i < AHEAD_LOOKS && n < EVICT_MAX; i++){
    u64 place = ring_ahead(r, r->hand, ahead.gap++);
    if(present(r, place) && use(r, place) == MODIFIED && evict_take(frame_at(r, place)))
      v[n++] = frame_at(r, place);
  }
  return n;
}

void
ring_write_ahead(void)
{
  struct frame *v[EVICT_MAX];
  if(requests() == ahead.io && harts_to_spare())
    vm_add(VM_WRITE_AHEAD, evict_write_ahead(v, take_cold(v)));
  end_objects();
  ahead.io = requests();
  ahead.next = machine_time_ns() + AHEAD_NS;
}

// ---- The policy ----

const struct policy *
ring_policy(void)
{
  set_up();
  return atomic_load(&rings.policy);
}

int
ring_set_policy(const char *name)
{
  const struct policy *p = policy_find(name);
  if(p == NULL)
    return -EINVAL;
  set_up();
  atomic_store(&rings.policy, p);
  reaper_wake();                // which waits differently now
  return 0;
}

enum { NS_A_MS = 1000000 };
u64 ring_tick_ms = 100;
static u64 next_tick;

u64
ring_due(void)
{
  return ring_policy()->tick ? next_tick : NEVER;
}

void
ring_tick(void)
{
  const struct policy *p = ring_policy();
  if(p->tick){
    p->tick(&rings.ring);
    demand_turn++;
  }
  fence_stale();
  end_objects();
  next_tick = machine_time_ns() + atomic_load(&ring_tick_ms) * NS_A_MS;
}
