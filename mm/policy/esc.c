// SPDX-License-Identifier: MIT
//
// Enhanced second chance.  Pages are of four classes, (USED, MODIFIED):
//   (0,0)  the best to go: nobody will miss it soon, and it costs no writing
//   (0,1)  has to be written first
//   (1,0)  likely to be used again soon
//   (1,1)  likely to be used again soon, and has to be written
// Pass 1 goes once round from the hand for a (0,0) and changes nothing; pass 2 for a
// (0,1), and clears USED of those it leaves behind; passes 3 and 4 are 1 and 2 again,
// and now find whatever can go at all.  Several victims are taken in the same passes.
//
// In a large ring a round is a window of `esc_window` pages from the hand.  What passes
// 1 and 2 leave of a window has time to be used again before the hand comes back, and
// the next window follows; only after `esc_reach` of them, so that a batch's cost stays
// bounded, or when all of the ring was looked at, come passes 3 and 4.  How a page is
// used is asked in pass 1 and remembered for the others.

#include "mm/policy/policy.h"

u64 esc_window = 128, esc_reach = 16;

enum { GONE = USES };           // instead of a page's use: gone, or refused to

struct window {
  u64 start, span;              // the places it covers
  u32 n;                        // pages
  u32 page[ESC_WINDOW_MAX];     // how far behind start << 3 | use
};

static bool
take(struct ring *r, struct window *w, u32 i)
{
  u32 page = w->page[i];
  w->page[i] = GONE;
  return ring_take(r, ring_ahead(r, w->start, page >> 3), page & (USES - 1));
}

// Pass 1, which makes the window as it goes.
static u32
first_pass(struct ring *r, struct window *w, u64 places, u32 n)
{
  u64 most = min(max(esc_window, 1UL), (u64)ESC_WINDOW_MAX);
  u32 taken = 0;
  policy_stats.passes[0]++;
  for(w->n = w->span = 0; taken < n && w->n < most && w->span < places; w->span++){
    u64 place = ring_ahead(r, w->start, w->span);
    policy_stats.moves++;
    if(!r->ops->present(r, place))
      continue;
    u32 use = ring_use(r, place);
    w->page[w->n++] = w->span << 3 | use;
    if(use == 0)
      taken += take(r, w, w->n - 1);
  }
  return taken;
}

static u32
pass(struct ring *r, struct window *w, u32 number, u32 n)
{
  u32 taken = 0, wanted = number & 1 ? 0 : MODIFIED;
  if(n)
    policy_stats.passes[number - 1]++;
  for(u32 i = 0; i < w->n && taken < n; i++){
    u32 use = w->page[i] & 7;
    if(use == wanted){
      taken += take(r, w, i);
    } else if(wanted == MODIFIED && use & USED){
      ring_forget(r, ring_ahead(r, w->start, w->page[i] >> 3));
      w->page[i] &= ~USED;
    }
  }
  return taken;
}

static u32
choose(struct ring *r, u32 n)
{
  struct window w = { .start = r->hand };
  u64 left = 2 * r->places;
  u32 taken = 0;
  for(u32 i = 1; left > 0 && taken < n; i++){
    taken += first_pass(r, &w, min(left, r->places), n - taken);
    bool whole = w.span == r->places, last = whole || left <= r->places || i >= esc_reach;
    for(u32 number = 2; number <= (last ? 4 : 2); number++)
      taken += pass(r, &w, number, n - taken);
    w.start = ring_ahead(r, w.start, w.span);
    left = whole ? 0 : left - w.span;
  }
  return taken;
}

const struct policy policy_esc = { .name = "esc", .choose = choose, .offers = true };
