// SPDX-License-Identifier: MIT
//
// The rings: each hart writes its own, over the oldest events once it is full.
// Readers go by what they find and look afterwards whether it was overwritten
// meanwhile.  No locks; a hart's interrupts are off while it writes.

#include "kernel/trace/ring.h"
#include <machine.h>
#include "kernel/errno.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/slab.h"

enum { ORDER_MAX = 7, RECORDS_A_PAGE = PAGE_SIZE / sizeof(struct record) };

struct ring {
  struct record *records;
  u32 order;
  u64 size;                // of them, a power of two
  u64 head;                // written so far
  u64 last;                // stamp
  bool writing;
};
static struct ring *rings; // by hart

void
trace_record(enum trace_event e, u64 a, u64 b, u64 c, u64 d)
{
  bool on = intr_save();
  struct hart *h = this_hart();
  struct ring *g = atomic_load(&rings);
  if(g){                   // it was a moment ago; we may have been put aside since
    g += h->index;
    atomic_store(&g->writing, true);
    atomic_fence();
    struct record *r = &g->records[g->head % g->size];
    g->last = max(machine_time_ns(), g->last + 1);
    *r = (struct record){
      .stamp = g->last, .tid = current->tid, .event = e, .hart = h->index, .arg = { a, b, c, d },
    };
    memcpy(r->comm, current->comm, sizeof r->comm);
    atomic_store_rel(&g->head, g->head + 1);
    atomic_store_rel(&g->writing, false);
  }
  intr_restore(on);
}

// ---- Reading ----

// The oldest that is safe to read: the next to be written may be half done.
static u64
oldest(const struct ring *g)
{
  u64 head = atomic_load_acq(&g->head);
  return head < g->size ? 0 : head - g->size + 1;
}

// The first of a hart at or behind `key`. => false: none
static bool
find_in(const struct ring *g, u64 key, struct record *out)
{
  u64 low, high;
  do {
    low = oldest(g);
    high = atomic_load_acq(&g->head);
    while(low < high){
      u64 mid = low + (high - low) / 2;
      if(record_key(&g->records[mid % g->size]) < key)
        low = mid + 1;
      else
        high = mid;
    }
    if(low == atomic_load(&g->head))
      return false;
    *out = g->records[low % g->size];
    atomic_fence();
  } while(low < oldest(g) || record_key(out) < key);
  return true;
}

bool
trace_find(u64 key, struct record *out)
{
  bool found = false;
  struct record r;
  for(u32 i = 0; rings && i < nharts; i++)
    if(find_in(&rings[i], key, &r) && (!found || record_key(&r) < record_key(out))){
      *out = r;
      found = true;
    }
  return found;
}

// Who begins to write from now on finds a later time.
u64
trace_horizon(void)
{
  u64 now = machine_time_ns();
  atomic_fence();
  for(u32 i = 0; rings && i < nharts; i++)
    while(atomic_load_acq(&rings[i].writing))
      ;
  return now << KEY_HART_BITS;
}

// The newest of a hart before `key`. => its key, or 0
static u64
key_before(const struct ring *g, u64 key)
{
  u64 found = 0;
  for(u64 at = g->head, low = oldest(g); at > low && !found; at--)
    if(record_key(&g->records[(at - 1) % g->size]) < key)
      found = record_key(&g->records[(at - 1) % g->size]);
  return found;
}

u64
trace_back(u32 n)
{
  u64 key = ~0UL, found = 0;
  for(u64 newest = 1; rings && newest && n-- > 0; key = newest){
    newest = 0;
    for(u32 i = 0; i < nharts; i++)
      newest = max(newest, key_before(&rings[i], key));
    found = newest ? newest : found;
  }
  return found;
}

bool
trace_count(u32 hart, u64 *seen, u64 *lost)
{
  if(rings == NULL)
    return false;
  *seen = atomic_load(&rings[hart].head);
  *lost = oldest(&rings[hart]);
  return true;
}

// ---- Memory ----

// As long as there is none for a large one, a smaller one will do.
static bool
ring_make(struct ring *g)
{
  struct frame *f = NULL;
  for(g->order = ORDER_MAX; f == NULL; g->order--)
    if((f = frames_alloc(g->order, KIND_KERNEL, 0)) || g->order == 0)
      break;
  g->records = f ? frame_kva(f) : NULL;
  g->size = (u64)RECORDS_A_PAGE << g->order;
  return f;
}

static void
free_all(struct ring *g, u32 n)
{
  while(n-- > 0)
    frames_release(kva_frame(g[n].records), g[n].order);
  kfree(g);
}

int
rings_make(void)
{
  struct ring *g = kzalloc(nharts * sizeof *g);
  for(u32 i = 0; g && i < nharts; i++)
    if(!ring_make(&g[i])){
      free_all(g, i);
      g = NULL;
    }
  atomic_store_rel(&rings, g);
  return g ? 0 : -ENOMEM;
}

void
rings_clear(void)
{
  for(u32 i = 0; i < nharts; i++)
    rings[i].head = 0;
}

void
rings_free(void)
{
  struct ring *g = atomic_swap(&rings, NULL);
  if(g)
    free_all(g, nharts);
}
