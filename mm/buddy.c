// SPDX-License-Identifier: MIT
//
// The buddy allocator.  A free block is described by its first frame: kind FREE,
// its order in `index`, linked with others of that order through next and prev.
// Two blocks of one order are buddies when their frame numbers differ in one
// bit, the order's; a freed block joins its buddy at once if that is free.
//
// A frame that is not the first of its block says nothing: the block of order k
// at a buddy's place is whole and free exactly if its first frame says so.
// Frames outside RAM are never FREE, so no block grows across a hole.
//
// Lock: buddy.lock, innermost.

#include "mm/buddy.h"
#include "kernel/lock.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "mm/check.h"

static struct {
  struct spinlock lock;
  u32 head[MAX_ORDER + 1];     // frame numbers
  u64 blocks[MAX_ORDER + 1];
  u64 free;
} buddy;

void
buddy_init(void)
{
  _Static_assert(FRAME_NONE == 0, "heads of empty lists");
  memset(&buddy, 0, sizeof buddy);
  spin_init(&buddy.lock, "buddy");
}

static void
link_block(u64 pfn, u32 order)
{
  struct frame *f = pfn_frame(pfn);
  f->word = KIND(KIND_FREE);
  f->index = order;
  f->prev = FRAME_NONE;
  f->next = buddy.head[order];
  if(f->next != FRAME_NONE)
    pfn_frame(f->next)->prev = (u32)pfn;
  buddy.head[order] = (u32)pfn;
  buddy.blocks[order]++;
}

static void
unlink_block(u64 pfn, u32 order)
{
  struct frame *f = pfn_frame(pfn);
  if(f->prev != FRAME_NONE)
    pfn_frame(f->prev)->next = f->next;
  else
    buddy.head[order] = f->next;
  if(f->next != FRAME_NONE)
    pfn_frame(f->next)->prev = f->prev;
  f->word = KIND(KIND_BATCH);
  buddy.blocks[order]--;
}

static bool
is_free_block(u64 pfn, u32 order)
{
  if(pfn < frame_first || pfn >= frame_last)
    return false;
  const struct frame *f = pfn_frame(pfn);
  return frame_kind(f) == KIND_FREE && f->index == order;
}

static struct frame *
take(u32 order, u64 keep)
{
  if(buddy.free < (1UL << order) + keep)
    return NULL;
  u32 have = order;
  while(have <= MAX_ORDER && buddy.head[have] == FRAME_NONE)
    have++;
  if(have > MAX_ORDER)
    return NULL;
  u64 pfn = buddy.head[have];
  unlink_block(pfn, have);
  while(have > order){
    have--;
    link_block(pfn + (1UL << have), have);
  }
  buddy.free -= 1UL << order;
  return pfn_frame(pfn);
}

static void
give(u64 pfn, u32 order)
{
  assert(frame_kind(pfn_frame(pfn)) != KIND_FREE);
  buddy.free += 1UL << order;
  for(; order < MAX_ORDER; order++){
    u64 other = pfn ^ 1UL << order;
    if(!is_free_block(other, order))
      break;
    unlink_block(other, order);
    pfn = min(pfn, other);
  }
  link_block(pfn, order);
}

struct frame *
buddy_alloc(u32 order, u64 keep)
{
  spin_lock(&buddy.lock);
  struct frame *f = take(order, keep);
  spin_unlock(&buddy.lock);
  return f;
}

void
buddy_free(struct frame *f, u32 order)
{
  spin_lock(&buddy.lock);
  give(frame_pfn(f), order);
  spin_unlock(&buddy.lock);
}

// Frames [first, last) in the largest aligned blocks.
static void
give_run(u64 first, u64 last)
{
  while(first < last){
    u32 order = 0;
    while(order < MAX_ORDER && (first & 1UL << order) == 0 && first + (2UL << order) <= last)
      order++;
    give(first, order);
    first += 1UL << order;
  }
}

void
buddy_add(u64 first, u64 last)
{
  spin_lock(&buddy.lock);
  give_run(first, last);
  spin_unlock(&buddy.lock);
}

// A batch is taken from the top: highest frame first, so that they are used in
// ascending order and, given back in that order, are runs again.
static u32 *
list_down(u32 *to, u32 first, u32 n)
{
  for(u32 pfn = first + n; pfn > first;)
    *to++ = --pfn;
  return to;
}

u32
buddy_alloc_batch(u32 *pfn, u32 n, u64 keep)
{
  u32 *to = pfn, *end = pfn + n;
  spin_lock(&buddy.lock);
  for(u32 order = MAX_ORDER + 1; to < end && order-- > 0;){
    struct frame *f;
    while(to + (1U << order) <= end && (f = take(order, keep)) != NULL)
      to = list_down(to, (u32)frame_pfn(f), 1U << order);
  }
  spin_unlock(&buddy.lock);
  return (u32)(to - pfn);
}

void
buddy_free_batch(const u32 *pfn, u32 n)
{
  spin_lock(&buddy.lock);
  for(u32 i = 0, run; i < n; i += run){
    for(run = 1; i + run < n && pfn[i + run] == pfn[i] + run; run++)
      ;
    give_run(pfn[i], pfn[i] + run);
  }
  spin_unlock(&buddy.lock);
}

u64
buddy_free_frames(void)
{
  return atomic_load(&buddy.free);
}

u64
buddy_blocks(u32 order)
{
  return atomic_load(&buddy.blocks[order]);
}

// => the frames in its blocks
static u64
check_list(u32 order)
{
  u64 n = 0;
  u32 prev = FRAME_NONE;
  for(u32 p = buddy.head[order]; p != FRAME_NONE; p = pfn_frame(p)->next, n++){
    if(!is_free_block(p, order) || p & ((1U << order) - 1) || pfn_frame(p)->prev != prev){
      lie("free block %x of order %u: bad head", p, order);
      return n << order;
    }
    if(order < MAX_ORDER && is_free_block(p ^ 1U << order, order))
      lie("free block %x of order %u: its buddy is free too", p, order);
    prev = p;
  }
  if(n != buddy.blocks[order])
    lie("order %u: %lu blocks, %lu counted", order, n, buddy.blocks[order]);
  return n << order;
}

void
buddy_check(void)
{
  u64 seen = 0;
  for(u32 order = 0; order <= MAX_ORDER; order++)
    seen += check_list(order);
  if(seen != buddy.free)
    lie("%lu frames in free blocks, %lu counted", seen, buddy.free);
}
