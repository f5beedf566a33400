// SPDX-License-Identifier: MIT
//
// What stands in the places of lab policy's functions: pages chosen by lot.

//@ mm/policy/fifo.c
// Choose up to n victims, and take them (ring_take()).
//
// => how many; fewer than n only if the ring has no more that can go
// => First in, first out: ring_step() is the hand that moves on by a place; what it meets goes.
// => At most one revolution (r->places steps).
//
// Yours to write.  As it stands, pages are drawn by lot.
static u32
choose(struct ring *r, u32 n)
{
  static u64 x = 88172645463325252;
  u32 taken = 0;
  for(u64 i = 0; i < 8 * r->places && taken < n; i++){
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    policy_stats.moves++;
    if(r->ops->present(r, x % r->places))
      taken += ring_take(r, x % r->places, 0);
  }
  return taken;
}

//@ mm/policy/clock.c
// Choose up to n victims, and take them (ring_take(), with their use).
//
// => how many; fewer than n only if the ring has no more that can go
// => Second chance: the hand (ring_step()) takes what was not USED (ring_use()) since it last
//    came by, and clears that of what was (ring_forget()).
// => At most two revolutions.  In the second, who is met had its chance: it goes, whatever
//    its use.
//
// Yours to write.  As it stands, pages are drawn by lot.
static u32
choose(struct ring *r, u32 n)
{
  static u64 x = 362436069362436069;
  u32 taken = 0;
  for(u64 i = 0; i < 8 * r->places && taken < n; i++){
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    policy_stats.moves++;
    if(r->ops->present(r, x % r->places))
      taken += ring_take(r, x % r->places, 0);
  }
  return taken;
}

//@ mm/policy/esc.c
// Choose up to n victims, and take them (ring_take(), with their use).
//
// => how many; fewer than n only if the ring has no more that can go
// => Enhanced second chance, in the four passes that the top of this file describes, over
//    windows of esc_window present pages from the hand on (ring_ahead() finds places); after
//    esc_reach of them, or when all of the ring was looked at, come passes 3 and 4.
// => How a page is used is asked once a window (ring_use()), in pass 1.
// => ring_take() moves the hand behind a page that goes.  policy_stats.moves counts places
//    that pass 1 looks at, policy_stats.passes[] the passes that were begun.
//
// Yours to write.  As it stands, pages are drawn by lot.
static u32
choose(struct ring *r, u32 n)
{
  static u64 x = 521288629521288629;
  u32 taken = 0;
  for(u64 i = 0; i < 8 * r->places && taken < n; i++){
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    policy_stats.moves++;
    if(r->ops->present(r, x % r->places))
      taken += ring_take(r, x % r->places, 0);
  }
  return taken;
}
