// SPDX-License-Identifier: MIT
//
// Policies that no kernel can afford: OPT knows the future, LRU and LFU note every
// reference.  The pages in memory are in a heap by their keys, and the one with the
// smallest goes.

#include <stdlib.h>
#include <string.h>
#include "tools/policy/lab.h"

static struct {
  u64 *key;                     // by page
  u32 *heap, *at;               // pages; by page: its index in the heap
  u32 n;
  u64 *next;                    // opt: by reference, when its page is needed next
  u64 *arrived;                 // opt: by page; lfu: references
  bool opt, lfu;
} x;

// ---- The heap ----

static void
put(u32 i, u32 page)
{
  x.heap[i] = page;
  x.at[page] = i;
}

static void
move_up(u32 i, u32 page)
{
  for(; i > 0 && x.key[x.heap[(i - 1) / 2]] > x.key[page]; i = (i - 1) / 2)
    put(i, x.heap[(i - 1) / 2]);
  put(i, page);
}

static void
move_down(u32 i, u32 page)
{
  for(u32 child; (child = 2 * i + 1) < x.n; i = child){
    if(child + 1 < x.n && x.key[x.heap[child + 1]] < x.key[x.heap[child]])
      child++;
    if(x.key[x.heap[child]] >= x.key[page])
      break;
    put(i, x.heap[child]);
  }
  put(i, page);
}

static void
set_key(u32 page, u64 key)
{
  x.key[page] = key;
  move_up(x.at[page], page);
  move_down(x.at[page], page);
}

// ---- Keys ----

// When each reference's page is needed next; never counts as later than all, and of
// those that are never needed the one that came in first goes.
static void
look_ahead(const struct trace *t)
{
  u64 *seen = allot(t->pages, sizeof(u64));
  x.next = allot(t->refs, sizeof(u64));
  for(u64 i = t->refs; i-- > 0;){
    x.next[i] = seen[t->ref[i].page];
    seen[t->ref[i].page] = i + 1;
  }
  free(seen);
}

static void
start(struct memory *m, const char *name)
{
  u32 pages = m->trace->pages;
  x.opt = strcmp(name, "opt") == 0;
  x.lfu = strcmp(name, "lfu") == 0;
  x.n = 0;
  x.key = allot(pages, sizeof(u64));
  x.arrived = allot(pages, sizeof(u64));
  x.heap = allot(m->frames, sizeof(u32));
  x.at = allot(pages, sizeof(u32));
  if(x.opt)
    look_ahead(m->trace);
}

// lfu: so many references, and among equals the least lately used.
static u64
key_of(struct memory *m, u32 page, bool came_in)
{
  if(x.opt){
    x.arrived[page] = came_in ? m->at : x.arrived[page];
    u64 next = x.next[m->at];
    return next ? ~next : x.arrived[page];
  }
  if(!x.lfu)
    return m->at;
  x.arrived[page] = came_in ? 1 : x.arrived[page] + 1;
  return x.arrived[page] << 36 | m->at;
}

static void
referenced(struct memory *m, u32 frame, bool came_in)
{
  u32 page = m->page[frame];
  if(came_in)
    put(x.n++, page);
  set_key(page, key_of(m, page, came_in));
}

static void
evict(struct memory *m, u32 n)
{
  u32 page = x.heap[0];
  if(--x.n)
    move_down(0, x.heap[x.n]);
  memory_out(m, m->frame[page]);
}

static void
end(struct memory *m)
{
  free(x.key);
  free(x.arrived);
  free(x.heap);
  free(x.at);
  free(x.next);
  x.next = NULL;
}

#define CHOOSER(n) { n, start, referenced, evict, NULL, end }
const struct chooser exact_choosers[] = {
  CHOOSER("opt"), CHOOSER("lru"), CHOOSER("lfu"), { .name = NULL },
};
