// SPDX-License-Identifier: MIT
//
// A page leaves memory in five steps, a batch of pages taking each together:
//
//   taken      BUSY and pinned: nobody maps it anew
//   unnamed    every entry that mapped it names its slot (of an object's page: nothing);
//              one fence, and what the hardware knew of stores is in DIRTY
//   written    if it is dirty: WRITING, no longer BUSY; who touches it now has it
//              back without any I/O, a rescue
//   given up   nobody mapped it and it is clean still: the slot takes over the count
//   free
//
// Pages of files are written to their store instead, by writeback.c.
//
// A page that cannot go at some step stays as it is: each is a state in which it is
// found by everybody who looks.
//
// Locks: `writing`, of pages that are BUSY or WRITING; those of rmap.c, slot.c and
// writeback.c below it.

#include "mm/evict.h"
#include "kernel/block.h"
#include "kernel/errno.h"
#include "mm/frame.h"
#include "mm/lineage.h"
#include "mm/objects.h"
#include "mm/rmap.h"
#include "mm/slab.h"
#include "mm/slot.h"
#include "mm/space.h"

// ---- Taking ----

bool
evict_take(struct frame *f)
{
  u64 w = atomic_load(&f->word);
  do
    if(!evict_at_rest(w))
      return false;
  while(!__atomic_compare_exchange_n(&f->word, &w, (w | FRAME_BUSY) + PIN_1, true,
                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
  return true;
}

static void
let_go(struct frame *f)
{
  frame_unbusy(f);
  frame_put(f, PIN_1);
}

// ---- Slots ----

static bool
slot_is_bad(const struct frame *f)
{
  return atomic_load(&slot_of(f->slot)->word) & SLOT_BAD;
}

bool
evict_undo(struct lineage *l, struct frame *f)
{
  rmap_bring_back(l, f);
  return slot_drop(f);
}

// A page whose slot holds older bytes gets a new one, so that neighbours go out side by
// side, unless that is the only name of it somewhere.
static void
drop_old_slot(const struct owner *o, struct frame *f)
{
  if(f->slot && slot_is_bad(f) && o->lineage)
    evict_undo(o->lineage, f);
  else if(f->slot && (slot_is_bad(f) || (atomic_load(&f->word) & FRAME_DIRTY)))
    slot_drop(f);
}

// => how many have a slot now, in the front of v; the others are let go
static u32
give_slots(const struct owner *o, struct frame **v, u32 n)
{
  u32 got = 0, slot = 0, left = 0;
  for(u32 i = 0; i < n; i++)
    drop_old_slot(o, v[i]);
  for(u32 i = 0; i < n; i++){
    struct frame *f = v[i];
    if(f->slot == 0 && left == 0)
      left = slots_take(&slot, n - i);
    if(f->slot == 0 && left > 0){
      slot_bind(slot++, f);
      left--;
    }
    if(f->slot && !slot_is_bad(f))
      v[got++] = f;
    else
      let_go(f);
  }
  slots_return(slot, left);
  return got;
}

// ---- Giving up ----

// Does something keep a page that is unmapped as far as that goes?  Who has pinned an
// object's page may be reading it, or storing to it; a private one, waits for it.
static bool
kept(const struct owner *o, u64 w)
{
  return word_mapped(w) || (o->object && word_pins(w) > 1);
}

// BUSY, unmapped and clean.
static void
give_up(const struct owner *o, struct frame *f)
{
  trace(EVICT, f, 0);
  if(o->object && word_share(atomic_load(&f->word)))
    object_send_away(o->object, f);
  else if(o->lineage)
    slot_take_home(f);
  let_go(f);
}

// Not BUSY: has somebody rescued it? => false if so
static bool
try_give_up(const struct owner *o, struct frame *f)
{
  u64 w = atomic_load(&f->word);
  do
    if(kept(o, w) || (w & (FRAME_BUSY | FRAME_WRITING | FRAME_DIRTY | FRAME_LOCK))){
      frame_put(f, PIN_1);
      vm_count(VM_RESCUE);
      return false;
    }
  while(!__atomic_compare_exchange_n(&f->word, &w, w | FRAME_BUSY, true, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED));
  give_up(o, f);
  return true;
}

// ---- Writing ----

struct write {
  struct block_request request;
  struct frame **v;
  u32 n, slot;
  int err;
};
static struct write *writes;       // EVICT_MAX, of one batch at a time
static struct sleeplock writing = SLEEPLOCK_INIT(writing, "swap writes");

int
evict_prepare(void)
{
  if(writes == NULL)
    writes = kmalloc(EVICT_MAX * sizeof *writes);
  return writes ? 0 : -ENOMEM;
}

static void
begin_write(struct frame *f)
{
  atomic_or(&f->word, FRAME_WRITING);
  atomic_and(&f->word, ~(FRAME_DIRTY | FRAME_BUSY));
  frame_state_changed();
}

static void
end_write(struct frame *f, int err)
{
  if(err){
    atomic_or(&slot_of(f->slot)->word, SLOT_BAD);
    atomic_or(&f->word, FRAME_DIRTY);
  }
  atomic_and(&f->word, ~FRAME_WRITING);
  frame_state_changed();
}

// As many requests as there are runs of neighbouring slots, all in flight at once.
static u32
start_writes(struct frame **v, u32 n)
{
  u32 k = 0;
  for(u32 i = 0; i < n; k++){
    struct write *w = &writes[k];
    u32 most = slots_run(v[i]->slot, n - i);
    *w = (struct write){ .v = v + i, .slot = v[i]->slot };
    while(w->n < most && v[i]->slot == w->slot + w->n){
      begin_write(v[i]);
      w->n++;
      if(++i == n)
        break;
    }
    w->err = slots_start(&w->request, true, w->slot, w->v, w->n);
  }
  return k;
}

// o: whose pages are to be given up; NULL: they stay. => frames freed
static u64
finish_write(const struct owner *o, struct write *w)
{
  u64 freed = 0;
  int err = w->err ? w->err : slots_wait(&w->request, w->slot);
  vm_count(VM_SWAP_WRITE);
  slots_did(true, w->slot, w->n, err);
  vm_add(VM_SWAP_OUT, err ? 0 : w->n);
  trace(SWAP_OUT, w->slot, err ? 0 : w->n);
  for(u32 i = 0; i < w->n; i++){
    end_write(w->v[i], err);
    if(o)
      freed += try_give_up(o, w->v[i]);
    else
      frame_put(w->v[i], PIN_1);
  }
  vm_add(VM_VICTIM_DIRTY, freed);
  return freed;
}

// As finish_write.
static u64
write_out(const struct owner *o, struct frame **v, u32 n)
{
  u64 freed = 0;
  sleep_lock(&writing);
  u32 k = start_writes(v, n);
  for(u32 i = 0; i < k; i++)
    freed += finish_write(o, &writes[i]);
  sleep_unlock(&writing);
  return freed;
}

// ---- A batch ----

// Pages without a store go to slots.
static u64
evict_to_slots(const struct owner *o, struct frame **v, u32 n)
{
  u64 freed = 0;
  u32 dirty = 0;
  n = give_slots(o, v, n);
  if(o->lineage)
    rmap_swap_out(o->lineage, v, n);
  else
    object_unmap(o->object, v, n, TAKE_IDLE);
  for(u32 i = 0; i < n; i++){
    u64 w = atomic_load(&v[i]->word);
    if(kept(o, w)){
      if(w & FRAME_DIRTY)
        slot_drop(v[i]);               // which has older bytes, or none
      let_go(v[i]);
    } else if(w & FRAME_DIRTY){
      v[dirty++] = v[i];
    } else {
      give_up(o, v[i]);
      freed++;
    }
  }
  vm_add(VM_VICTIM_CLEAN, freed);
  return freed + (dirty ? write_out(o, v, dirty) : 0);
}

// Pages of an object without a store: what was never written to needs no slot either.
static u64
evict_anonymous(const struct owner *o, struct frame **v, u32 n)
{
  struct frame *blank[EVICT_MAX];
  u32 blanks = 0, k = 0;
  for(u32 i = 0; i < n; i++)
    if(v[i]->slot || (atomic_load(&v[i]->word) & FRAME_DIRTY))
      v[k++] = v[i];
    else
      blank[blanks++] = v[i];
  u64 freed = blanks ? object_forget_idle(o->object, blank, blanks) : 0;
  vm_add(VM_VICTIM_CLEAN, freed);
  return freed + (k ? evict_to_slots(o, v, k) : 0);
}

static bool
before(const struct frame *a, const struct frame *b)
{
  return a->owner != b->owner ? a->owner < b->owner : a->index < b->index;
}

// Shell's: the pages come in long runs, up or down.
static void
sort(struct frame **v, u32 n)
{
  for(u32 gap = n / 2; gap > 0; gap /= 2)
    for(u32 i = gap; i < n; i++){
      struct frame *f = v[i];
      u32 k = i;
      for(; k >= gap && before(f, v[k - gap]); k -= gap)
        v[k] = v[k - gap];
      v[k] = f;
    }
}

static u64
evict_pages(const struct owner *o, struct frame **v, u32 n)
{
  if(o->lineage)
    return evict_to_slots(o, v, n);
  return object_has_store(o->object) ? object_evict(o->object, v, n) : evict_anonymous(o, v, n);
}

// => how many were begun to be written.  None during a fork: a hart may store to them yet
// by a translation with D, of an entry whose D nobody will ask for
static u64
write_pages(const struct owner *o, struct frame **v, u32 n)
{
  u32 some = o->lineage ? give_slots(o, v, n) : n;
  if(o->lineage && rmap_clean(o->lineage, v, some)){
    write_out(NULL, v, some);
    return some;
  }
  for(u32 i = 0; i < some; i++)
    let_go(v[i]);
  return 0;
}

typedef u64 pages_fn(const struct owner *o, struct frame **v, u32 n);

// Pages of one owner; but those in front may be gone from it by now.
static u64
do_group(struct frame **v, u32 n, pages_fn *fn)
{
  struct owner o;
  for(; !owner_get(&o, v[0]); v++){
    let_go(v[0]);
    if(--n == 0)
      return 0;
  }
  u64 done = fn(&o, v, n);
  owner_put(&o);
  return done;
}

// Has f a place in a store, which pages of another object say?  While f is BUSY its object
// stays, and a reference must not become the last: its end would wait for f.
static bool
has_place(const struct frame *f)
{
  const struct object *o = frame_kind(f) == KIND_OBJECT ? knum_ptr(f->owner) : NULL;
  return o && o->ops && o->ops->page_mkwrite;
}

// Who writes pages with places waits for those that say where, and these may be in v: they
// come first and are BUSY no more.
static u64
by_owner(struct frame **v, u32 n, pages_fn *fn)
{
  u64 done = 0;
  sort(v, n);
  for(u32 later, last = 0; n > 0; n = later, last = 1){
    later = 0;
    for(u32 i = 0, k; i < n; i = k){
      for(k = i + 1; k < n && v[k]->owner == v[i]->owner; k++)
        ;
      if(last || !has_place(v[i]))
        done += do_group(v + i, k - i, fn);
      else
        for(u32 j = i; j < k; j++)
          v[later++] = v[j];
    }
  }
  return done;
}

u64
evict(struct frame **v, u32 n)
{
  u64 freed = by_owner(v, n, evict_pages);
  vm_add(VM_STEAL, freed);
  return freed;
}

u64
evict_write_ahead(struct frame **v, u32 n)
{
  return by_owner(v, n, write_pages);
}
