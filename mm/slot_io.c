// SPDX-License-Identifier: MIT
//
// Swap slots on their disks: requests for neighbours.  No locks.

#include "mm/slot.h"
#include <machine.h>
#include "kernel/block.h"
#include "mm/swap.h"

static const struct extent *
extent_of(const struct swap *w, u64 page)
{
  u32 lo = 0, hi = w->nextents;
  while(hi - lo > 1){
    u32 mid = (lo + hi) / 2;
    if(w->extent[mid].page <= page)
      lo = mid;
    else
      hi = mid;
  }
  return &w->extent[lo];
}

u32
slots_run(u32 s, u32 n)
{
  const struct swap *w = swap_of(s);
  u64 page = slot_page(s), most = w->read ? n : min((u64)n, (u64)w->device->pages_max);
  if(w->extent){
    const struct extent *e = extent_of(w, page);
    most = min(most, e->page + e->pages - page);
  }
  return (u32)most;
}

int
slots_start(struct block_request *r, bool write, u32 s, struct frame **f, u32 n)
{
  struct swap *w = swap_of(s);
  u64 page = slot_page(s), base = 0;
  if(w->read)
    return w->read(w, s, f, n);
  if(w->extent){
    const struct extent *e = extent_of(w, page);
    base = e->sector;
    page -= e->page;
  }
  *r = (struct block_request){ .op = write ? BLOCK_WRITE : BLOCK_READ, .page = f,
                               .sector = base + page * (PAGE_SIZE / SECTOR), .len = n * PAGE_SIZE };
  return block_start(w->device, r);
}

int
slots_wait(struct block_request *r, u32 s)
{
  return swap_of(s)->read ? 0 : block_wait(swap_of(s)->device, r);
}
