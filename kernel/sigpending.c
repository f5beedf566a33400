// SPDX-License-Identifier: MIT
//
// Sets of signals that wait to be taken, each with what its sender says of it.
// A standard signal waits once, however often it comes; real-time ones queue up.
//
// Lock: family_lock.

#include "kernel/bits.h"
#include "kernel/errno.h"
#include "kernel/signal.h"
#include "mm/slab.h"

static struct cache queued_cache = CACHE("signal", sizeof(struct queued), NULL);

void
sigpending_init(struct sigpending *q)
{
  q->set = q->n = 0;
  list_init(&q->queue);
}

static void
drop(struct sigpending *q, struct queued *e)
{
  list_remove(&e->link);
  q->n--;
  cache_free(&queued_cache, e);
}

// Without memory the signal comes all the same, but nothing is known of it; only
// who queues a value has to hear of that.
int
sigpending_add(struct sigpending *q, const struct siginfo *si)
{
  bool standard = si->signo < SIGRTMIN;
  if(standard && (q->set & signal_bit(si->signo)))
    return 0;
  struct queued *e = standard || q->n < SIGQUEUE_MAX ? cache_alloc(&queued_cache) : NULL;
  if(e){
    e->info = *si;
    list_append(&q->queue, &e->link);
    q->n++;
  } else if(!standard && si->code != SI_USER){
    return -EAGAIN;
  }
  q->set |= signal_bit(si->signo);
  return 0;
}

bool
sigpending_take(struct sigpending *q, u64 set, struct siginfo *si)
{
  struct queued *e, *next, *found = NULL;
  bool more = false;
  if((set &= q->set) == 0)
    return false;
  u64 first = set & SIGNALS_SYNCHRONOUS ? set & SIGNALS_SYNCHRONOUS : set;
  int sig = lowest_one(first) + 1;
  list_for_safe(e, next, &q->queue, link){
    if(e->info.signo != sig)
      continue;
    more = found != NULL;
    if(more)
      break;
    found = e;
  }
  *si = (struct siginfo){ .signo = sig, .code = SI_USER };
  if(found){
    *si = found->info;
    drop(q, found);
  }
  if(!more)
    q->set &= ~signal_bit(sig);
  return true;
}

void
sigpending_flush(struct sigpending *q, u64 set)
{
  struct queued *e, *next;
  if((q->set & set) == 0)
    return;
  list_for_safe(e, next, &q->queue, link)
    if(signal_bit(e->info.signo) & set)
      drop(q, e);
  q->set &= ~set;
}
