// SPDX-License-Identifier: MIT
//
// What stands in the places of lab buddy's functions: single frames, and one run from
// boot of which blocks are cut.

// What is left of memory as it was at boot, for blocks.
static u64 run_next, run_end;

// A block of 2^order frames, aligned to its size; buddy.lock is held.
//
// => its first frame, which is off the lists (unlink_block) and no longer FREE
// => NULL if there is no block, or fewer than `keep` frames would be left free
// => It is cut from the smallest block that is large enough, lower half first; what is left
//    over of that is on the lists, in the largest blocks that it makes.
//
// Yours to write.  As it stands, single frames that came back are used again, and all else
// is cut from the run of memory that was free at boot.
static struct frame *
take(u32 order, u64 keep)
{
  u64 size = 1UL << order;
  if(buddy.free < size + keep)
    return NULL;
  u64 pfn = buddy.head[0];
  if(order == 0 && pfn != FRAME_NONE){
    unlink_block(pfn, 0);
    buddy.free--;
    return pfn_frame(pfn);
  }
  for(; run_next % size && run_next < run_end; run_next++)
    link_block(run_next, 0);
  if(run_next + size > run_end)
    return NULL;
  pfn = run_next;
  run_next += size;
  buddy.free -= size;
  return pfn_frame(pfn);
}

// A block comes back; buddy.lock is held.
//
// => It joins its buddy if that is free and whole (is_free_block), the two theirs, and so
//    on up to MAX_ORDER; the result is on the list of its order.
//
// Yours to write.  As it stands, its frames come back one by one and stay so.
static void
give(u64 pfn, u32 order)
{
  for(u64 i = 0; i < 1UL << order; i++)
    link_block(pfn + i, 0);
  buddy.free += 1UL << order;
}

// Frames [first, last) become free, in the largest aligned blocks; buddy.lock is held.
//
// Yours to write.  As it stands, the largest run becomes the one that take() cuts from.
static void
give_run(u64 first, u64 last)
{
  if(last - first <= run_end - run_next){
    for(; first < last; first++)
      give(first, 0);
    return;
  }
  for(; run_next < run_end; run_next++)
    link_block(run_next, 0);
  run_next = first;
  run_end = last;
  buddy.free += last - first;
}

// Up to n single frames for one locking, their numbers in pfn[].
//
// => how many; each has kind KIND_BATCH, and `keep` frames stay free
// => They are neighbours as far as that goes: taken in blocks, the largest first that are
//    wanted whole, and put into pfn[] from the highest frame to the lowest.  (They are used
//    from the end of pfn[]; who touches pages in order then has frames in order.)
//
// Yours to write.  As it stands it takes them one at a time, wherever they are.
u32
buddy_alloc_batch(u32 *pfn, u32 n, u64 keep)
{
  struct frame *f;
  u32 got = 0;
  spin_lock(&buddy.lock);
  while(got < n && (f = take(0, keep)) != NULL){
    f->word = KIND(KIND_BATCH);
    pfn[got++] = (u32)frame_pfn(f);
  }
  spin_unlock(&buddy.lock);
  return got;
}

// n single frames come back, for one locking.
//
// Yours to write: neighbours may be given as one run.
void
buddy_free_batch(const u32 *pfn, u32 n)
{
  spin_lock(&buddy.lock);
  for(u32 i = 0; i < n; i++)
    give(pfn[i], 0);
  spin_unlock(&buddy.lock);
}
