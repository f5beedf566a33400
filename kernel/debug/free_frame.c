// SPDX-License-Identifier: MIT
//
// What is done to frames when they become free, and looked at when they are used
// again.  A DEBUG=1 build fills them: who writes to one later, through a stale
// translation, a stray pointer or a device, has changed the filling.

#include "kernel/debug/free_frame.h"
#include "kernel/debug/fence_ledger.h"
#include "kernel/debug/kasan.h"
#include "kernel/printk.h"
#include "mm/frame.h"

#ifdef DEBUG

#define FILLING 0xdeadf4eedeadf4eeUL
enum { FILLED = 0xf111ed };        // in the record of a frame that is

static void
fill(struct frame *f)
{
  u64 *word = frame_kva(f);
  for(u32 i = 0; i < PAGE_SIZE / sizeof *word; i++)
    word[i] = FILLING;
  f->hint = FILLED;
}

static void
check_filling(struct frame *f)
{
  const u64 *word = frame_kva(f);
  if(f->hint != FILLED)
    return;                        // free since boot
  f->hint = 0;
  for(u32 i = 0; i < PAGE_SIZE / sizeof *word; i++)
    if(word[i] != FILLING)
      panic("frame %lx was written to while it was free: %lx at offset %lu", frame_pa(f), word[i],
            i * sizeof *word);
}

#else

static void fill(struct frame *f) {}
static void check_filling(struct frame *f) {}

#endif

void
frames_handed_out(struct frame *f, u64 n)
{
  kasan_unpoison(frame_kva(f), n * PAGE_SIZE);
  for(; n > 0; n--, f++)
    check_filling(f);
}

void
frames_came_back(struct frame *f, u64 n)
{
  const void *start = frame_kva(f);
  kasan_unpoison(start, n * PAGE_SIZE);      // objects and slack in it
  for(u64 i = 0; i < n; i++){
    ledger_freed(frame_pfn(f + i));
    fill(f + i);
  }
  kasan_poison(start, n * PAGE_SIZE, POISON_FREE_FRAME);
}
