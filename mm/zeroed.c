// SPDX-License-Identifier: MIT
//
// Frames full of zeroes, made by idle harts for those who will want some, or page
// tables that are empty again: a bounded pool that counts as free memory.  It is
// filled only while memory is plentiful, and given back as soon as it is not.
//
//   in the pool: kind BATCH, linked through `next`
//
// Lock: pool.lock; the buddy's is taken below it.

#include "kernel/lock.h"
#include "mm/buddy.h"
#include "mm/check.h"
#include "mm/frame_kind.h"
#include "mm/zeroed.h"
#include "kernel/debug/free_frame.h"
#include <machine.h>

enum { RAM_SHARE = 128, POOL_MAX = 1024 };

static struct {
  struct spinlock lock;
  u32 head;                    // a frame number
} pool = { .lock = SPINLOCK_INIT("zeroed") };

u64 zeroed_pooled;             // pool.lock

// pool.lock is held.
static void
push(struct frame *f)
{
  f->next = pool.head;
  pool.head = (u32)frame_pfn(f);
  atomic_store(&zeroed_pooled, zeroed_pooled + 1);
}

// => or NULL if there is none
static struct frame *
pop(void)
{
  if(zeroed_pooled == 0)
    return NULL;
  struct frame *f = pfn_frame(pool.head);
  pool.head = f->next;
  atomic_store(&zeroed_pooled, zeroed_pooled - 1);
  return f;
}

bool
zeroed_make(u64 keep)
{
  if(zeroed_frames() >= min(frames_total() / RAM_SHARE, (u64)POOL_MAX))
    return false;
  struct frame *f = buddy_alloc(0, keep);
  if(f == NULL)
    return false;
  frames_handed_out(f, 1);
  page_zero(frame_kva(f));
  spin_lock(&pool.lock);
  push(f);
  spin_unlock(&pool.lock);
  return true;
}

// DEBUG builds watch free frames, which they fill: then all go the long way.
bool
zeroed_give(struct frame *f, u64 keep)
{
  if(FRAMES_WATCHED || buddy_free_frames() < keep ||
     zeroed_frames() >= min(frames_total() / RAM_SHARE, (u64)POOL_MAX))
    return false;
  spin_lock(&pool.lock);
  frame_freed(f, f->word);
  push(f);
  spin_unlock(&pool.lock);
  return true;
}

struct frame *
zeroed_take(enum frame_kind kind)
{
  spin_lock(&pool.lock);
  struct frame *f = pop();
  if(f)
    frame_taken(f, kind);
  spin_unlock(&pool.lock);
  return f;
}

void
zeroed_drain(void)
{
  spin_lock(&pool.lock);
  for(struct frame *f; (f = pop()) != NULL;){
    frames_came_back(f, 1);
    buddy_free(f, 0);
  }
  spin_unlock(&pool.lock);
}

// Frames of the pool belong to nobody else, and still are what they should be.
void
zeroed_check(void)
{
  u32 pfn = pool.head;
  for(u64 n = zeroed_pooled; n > 0; n--, pfn = pfn_frame(pfn)->next){
    if(frame_kind(pfn_frame(pfn)) != KIND_BATCH){
      lie("zeroed frame %x is in use", pfn);
      return;
    }
    const u64 *word = frame_kva(pfn_frame(pfn));
    u64 i = 0;
    while(i < PAGE_SIZE / sizeof *word && word[i] == 0)
      i++;
    if(i < PAGE_SIZE / sizeof *word)
      lie("zeroed frame %x has %lx at %lx", pfn, word[i], i * sizeof *word);
  }
}
