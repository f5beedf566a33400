// SPDX-License-Identifier: MIT
//
// /proc files about single pages and frames, in Linux's formats (its documentation
// of pagemap): what an entry of a process names, who maps a frame, what it is.  And
// frames, the inverted page table in words.

#include <pmap.h>
#include "fs/proc.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/slab.h"
#include "mm/slot.h"
#include "mm/space.h"

// ---- /proc/<pid>/pagemap ----

#define PAGE_PRESENT   (1UL << 63)
#define PAGE_SWAPPED   (1UL << 62)
#define PAGE_OBJECT    (1UL << 61)     // a file's, or shared memory
#define PAGE_EXCLUSIVE (1UL << 56)
enum { SWAP_TYPE_BITS = 5 };

struct part {
  va_t start;
  u64 *out;
};

static void
add_entry(void *arg, va_t va, pte_t p, const struct frame *table)
{
  struct part *part = arg;
  u64 *out = &part->out[(va - part->start) >> PAGE_SHIFT];
  if(pte_state(p) == PTE_SWAPPED){
    *out = PAGE_SWAPPED | (u64)pte_slot(p) << SWAP_TYPE_BITS;
    return;
  }
  const struct frame *f = pte_frame(p);
  bool alone = word_mapped(atomic_load(&f->word)) == 1 && table_holders(table) == 1;
  *out = PAGE_PRESENT | frame_pfn(f) | (frame_kind(f) == KIND_OBJECT ? PAGE_OBJECT : 0) |
         (alone ? PAGE_EXCLUSIVE : 0);
}

i64
space_pagemap(struct space *s, u64 first, u64 n, u64 *out)
{
  if(first >= USER_MAX / PAGE_SIZE)
    return 0;
  struct part part = { .start = first << PAGE_SHIFT, .out = out };
  n = min(n, USER_MAX / PAGE_SIZE - first);
  memset(out, 0, n * sizeof *out);
  pmap_scan(&s->pmap, part.start, part.start + (n << PAGE_SHIFT), NULL, add_entry, &part);
  return (i64)n;
}

i64
pagemap(struct task *t, u64 first, u64 n, u64 *out)
{
  struct space *s = task_space(t);
  i64 got = s ? changes_map(s, first, n, out) : 0;
  space_put(s);
  return got;
}

// ---- /proc/kpagecount, kpageflags ----

// Linux's bits.
enum {
  KPF_LOCKED = 0, KPF_REFERENCED = 2, KPF_UPTODATE = 3, KPF_DIRTY = 4, KPF_LRU = 5, KPF_SLAB = 7,
  KPF_WRITEBACK = 8, KPF_BUDDY = 10, KPF_MMAP = 11, KPF_ANON = 12, KPF_SWAPCACHE = 13,
  KPF_SWAPBACKED = 14, KPF_NOPAGE = 20, KPF_ZERO_PAGE = 24, KPF_PGTABLE = 26,
};
#define KPF(name) (1UL << KPF_##name)

static u64
flags_of(const struct frame *f)
{
  static const u64 of_kind[KINDS] = {
    [KIND_FREE] = KPF(BUDDY), [KIND_BATCH] = KPF(BUDDY), [KIND_SLAB] = KPF(SLAB),
    [KIND_TABLE] = KPF(PGTABLE), [KIND_ZERO] = KPF(ZERO_PAGE),
    [KIND_ANON] = KPF(ANON) | KPF(SWAPBACKED) | KPF(LRU), [KIND_OBJECT] = KPF(LRU),
  };
  enum frame_kind k = frame_kind(f);
  u64 w = atomic_load(&f->word), flags = of_kind[k];
  if(k != KIND_ANON && k != KIND_OBJECT)
    return flags;
  return flags | (w & FRAME_BUSY ? KPF(LOCKED) : KPF(UPTODATE)) |
         (w & FRAME_USED ? KPF(REFERENCED) : 0) | (w & FRAME_DIRTY ? KPF(DIRTY) : 0) |
         (w & FRAME_WRITING ? KPF(WRITEBACK) : 0) | (word_mapped(w) ? KPF(MMAP) : 0) |
         (atomic_load(&f->slot) ? KPF(SWAPCACHE) : 0);
}

static bool
is_frame(u64 pfn)
{
  return pfn >= frame_first && pfn < frame_last;
}

i64
kpageflags(struct task *unused, u64 first, u64 n, u64 *out)
{
  u64 k = 0;
  for(; k < n && first + k < frame_last; k++)
    out[k] = is_frame(first + k) ? flags_of(pfn_frame(first + k)) : KPF(NOPAGE);
  return (i64)k;
}

i64
kpagecount(struct task *unused, u64 first, u64 n, u64 *out)
{
  u64 k = 0;
  for(; k < n && first + k < frame_last; k++){
    u64 w = is_frame(first + k) ? atomic_load(&pfn_frame(first + k)->word) : 0;
    out[k] = word_mapped(w);
  }
  return (i64)k;
}

// ---- /proc/frames ----

static void
add_frame(struct text *x, const struct frame *f)
{
  static const struct { u64 bit; char letter; } flags[] = {
    { FRAME_BUSY, 'b' }, { FRAME_WRITING, 'w' }, { FRAME_DIRTY, 'd' }, { FRAME_USED, 'u' },
    { FRAME_AHEAD, 'a' },
  };
  u64 w = atomic_load(&f->word);
  char set[count_of(flags) + 1] = "-----";
  for(u32 k = 0; k < count_of(flags); k++)
    if(w & flags[k].bit)
      set[k] = flags[k].letter;
  text_add(x, "%6lx %-7s %s %5lu %5lu %3lu %8x", frame_pfn(f), frame_kind_names[frame_kind(f)], set,
           word_share(w), word_mapped(w), word_pins(w), atomic_load(&f->slot));
}

// Who maps it, pid:page, if there is memory to say so.
static void
add_mappings(struct text *x, struct frame *f, struct mapping **v, u32 *room)
{
  u32 n = frame_mappings(f, *v, *room);
  if(n > *room){
    struct mapping *more = krealloc(*v, n * sizeof *more);
    x->failed |= more == NULL;
    if(more == NULL)
      return;
    *v = more;
    *room = n;
    n = min(frame_mappings(f, *v, *room), *room);
  }
  for(u32 k = 0; k < n; k++)
    text_add(x, " %u:%lx", (*v)[k].pid, (*v)[k].page);
}

bool
next_frames(struct text *x, u64 *cursor)
{
  enum { FRAMES_A_PART = 16 };        // its text in one frame, as a rule
  struct mapping *v = NULL;
  u32 room = 0;
  if(*cursor == 0)
    text_add(x, " frame kind    flags share mapped pins    slot pid:page...\n");
  u64 pfn = frame_first + *cursor, stop = min(pfn + FRAMES_A_PART, frame_last);
  for(*cursor += FRAMES_A_PART; pfn < stop; pfn++){
    struct frame *f = pfn_frame(pfn);
    add_frame(x, f);
    add_mappings(x, f, &v, &room);
    text_add(x, "\n");
  }
  kfree(v);
  return stop < frame_last;
}
