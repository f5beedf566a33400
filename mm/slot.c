// SPDX-License-Identifier: MIT
//
// Swap slots: which are free, whose the others are, and where their pages' counts
// live.  Reading and writing them: slot_io.c.
//
// Locks: a slot's own (a bit of its word), with nothing taken below it;
// swaps_lock > swap.lock (which slots are free).

#include "mm/slot.h"
#include <machine.h>
#include "kernel/block.h"
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "mm/check.h"
#include "mm/objects.h"
#include "mm/slab.h"
#include "mm/swap.h"

// Owners that are none.
#define NOBODY  0U             // the slot is free
#define UNBOUND (~0U)          // it was just taken
#define RETIRED (~1U)          // it never will be

enum { FAILURES_MAX = 8 };

struct list swaps = LIST_INIT(swaps);
struct spinlock swaps_lock = SPINLOCK_INIT("swaps");
static struct swap *owner_of[SLOT_PARTS];
u64 swap_total, swap_free, swap_cached;

struct swap *
swap_of(u32 s)
{
  return owner_of[s >> SLOT_PART_BITS];
}

static struct slot *
record(const struct swap *w, u64 page)
{
  return &w->chunk[page / SLOTS_A_CHUNK][page % SLOTS_A_CHUNK];
}

struct slot *
slot_of(u32 s)
{
  return record(swap_of(s), slot_page(s));
}

struct slot *
slot_lock(u32 s)
{
  struct slot *t = slot_of(s);
  preempt_off();
  lock_takes(t, "slot", LOCK_SPINS);
  while(__atomic_fetch_or(&t->word, SLOT_LOCK, __ATOMIC_ACQUIRE) & SLOT_LOCK)
    machine_relax();
  return t;
}

void
slot_unlock(struct slot *t)
{
  lock_lets_go(t);
  __atomic_fetch_and(&t->word, ~SLOT_LOCK, __ATOMIC_RELEASE);
  preempt_on();
}

// ---- Areas ----

static u64
chunks(const struct swap *w)
{
  return (w->pages + SLOTS_A_CHUNK - 1) / SLOTS_A_CHUNK;
}

void
swap_table_free(struct swap *w)
{
  for(u64 i = 0; w->chunk && i < chunks(w); i++)
    kfree(w->chunk[i]);
  kfree(w->chunk);
  kfree(w->nfree);
}

// Only the pages of the area itself can be taken; the header's never.
static void
count_free(struct swap *w)
{
  for(u64 page = 0; page < chunks(w) * SLOTS_A_CHUNK; page++)
    if(page == 0 || page >= w->pages)
      record(w, page)->owner = RETIRED;
    else if(record(w, page)->owner == NOBODY)
      w->nfree[page / SLOTS_A_CHUNK]++, w->free++;
}

int
swap_table_make(struct swap *w)
{
  w->chunk = kzalloc(chunks(w) * sizeof *w->chunk);
  w->nfree = kzalloc(chunks(w) * sizeof *w->nfree);
  bool all = w->chunk && w->nfree;
  for(u64 i = 0; all && i < chunks(w); i++)
    all = (w->chunk[i] = kzalloc(PAGE_SIZE)) != NULL;
  return all ? 0 : -ENOMEM;
}

void
swap_bad_page(struct swap *w, u64 page)
{
  record(w, page)->owner = RETIRED;
}

static void
enter(struct swap *w)
{
  struct swap *other;
  list_for(other, &swaps, link)
    if(other->priority < w->priority)
      break;
  list_push(other ? other->link.prev : swaps.prev, &w->link);
}

static void
give_parts(u32 first, u32 n, struct swap *w)
{
  for(u32 i = 0; i < n; i++)
    owner_of[first + i] = w;
}

static u32
parts(const struct swap *w)
{
  return (u32)((w->pages - 1) >> SLOT_PART_BITS) + 1;
}

// => the first of n in a row that are nobody's, or SLOT_PARTS
static u32
find_parts(u32 n)
{
  u32 free = 0;
  for(u32 i = 0; i < SLOT_PARTS; i++){
    free = owner_of[i] ? 0 : free + 1;
    if(free == n)
      return i + 1 - n;
  }
  return SLOT_PARTS;
}

int
swap_attach(struct swap *w)
{
  spin_init(&w->lock, "swap");
  count_free(w);
  w->usable = w->free;
  w->next = 1;
  spin_lock(&swaps_lock);
  w->part = find_parts(parts(w));
  bool room = w->part < SLOT_PARTS;
  if(room){
    give_parts(w->part, parts(w), w);
    enter(w);
    atomic_add(&swap_total, w->free);
    atomic_add(&swap_free, w->free);
  }
  spin_unlock(&swaps_lock);
  return room ? 0 : -EPERM;
}

void
swap_close(struct swap *w, bool closed)
{
  assert(spin_held(&swaps_lock));
  closed |= w->failures >= FAILURES_MAX;
  spin_lock(&w->lock);
  if(w->closed != closed){
    u64 sign = closed ? -1UL : 1;
    w->closed = closed;
    atomic_add(&swap_total, sign * w->usable);
    atomic_add(&swap_free, sign * w->free);
  }
  spin_unlock(&w->lock);
}

static void
report_error(struct swap *w, bool write, u32 s, u32 n, int err)
{
  spin_lock(&swaps_lock);
  u64 nth = ++w->errors[write];
  spin_unlock(&swaps_lock);
  if(worth_a_line(nth))
    printk("swap: %u pages from slot %x on cannot be %s (error %d, %lu so far)\n", n, s,
           write ? "written" : "read", -err, nth);
}

void
slots_did(bool write, u32 s, u32 n, int err)
{
  struct swap *w = swap_of(s);
  if(err)
    report_error(w, write, s, n, err);
  if(!write)
    return;
  spin_lock(&swaps_lock);
  w->failures = err ? w->failures + 1 : 0;
  bool now = w->failures == FAILURES_MAX;
  if(now)
    swap_close(w, true);
  spin_unlock(&swaps_lock);
  if(now)
    printk("swap: %s takes no more pages: %u writes in a row failed\n", w->device->name,
           FAILURES_MAX);
}

// Who gave the last slot back may still hold the lock.
void
swap_detach(struct swap *w)
{
  spin_lock(&swaps_lock);
  spin_lock(&w->lock);
  list_remove(&w->link);
  give_parts(w->part, parts(w), NULL);
  spin_unlock(&w->lock);
  spin_unlock(&swaps_lock);
}

// ---- Taking and giving back ----

static bool
free_from(struct swap *w, u64 page, u64 *found)
{
  u64 end = round_down(page, SLOTS_A_CHUNK) + SLOTS_A_CHUNK;
  while(page < end && record(w, page)->owner != NOBODY)
    page++;
  *found = page;
  return page < end;
}

// Go on where the last one was taken; else in a chunk that is all free, so that many
// neighbours can go out together; else wherever there is one.
static u64
choose(struct swap *w)
{
  u64 n = chunks(w), any = n, page;
  if(free_from(w, w->next, &page))
    return page;
  for(u64 i = 1; i <= n; i++){
    u64 c = (w->next / SLOTS_A_CHUNK + i) % n;
    if(w->nfree[c] == SLOTS_A_CHUNK)
      return c * SLOTS_A_CHUNK;
    if(w->nfree[c] && any == n)
      any = c;
  }
  bool there = any < n && free_from(w, any * SLOTS_A_CHUNK, &page);
  assert(there);
  return page;
}

static u32
take_from(struct swap *w, u32 *s, u32 most)
{
  u32 n = 0;
  spin_lock(&w->lock);
  if(w->free && !w->closed){
    u64 first = choose(w), c = first / SLOTS_A_CHUNK;
    while(n < most && (first + n) / SLOTS_A_CHUNK == c && record(w, first + n)->owner == NOBODY)
      record(w, first + n++)->owner = UNBOUND;
    w->nfree[c] -= n;
    w->free -= n;
    w->next = (first + n) % (chunks(w) * SLOTS_A_CHUNK);
    *s = swap_slot(w, first);
    atomic_add(&swap_free, -(u64)n);
  }
  spin_unlock(&w->lock);
  return n;
}

// Areas of one priority take turns.
static void
last_of_its_kind(struct swap *w)
{
  list_remove(&w->link);
  enter(w);
}

u32
slots_take(u32 *s, u32 n)
{
  struct swap *w;
  u32 got = 0;
  spin_lock(&swaps_lock);
  list_for(w, &swaps, link)
    if((got = take_from(w, s, n)) > 0){
      last_of_its_kind(w);
      break;
    }
  spin_unlock(&swaps_lock);
  return got;
}

// Nothing names it; it is not locked.
static void
give_back(u32 s)
{
  struct swap *w = swap_of(s);
  struct slot *t = slot_of(s);
  spin_lock(&w->lock);
  bool bad = t->word & SLOT_BAD;
  t->word = bad ? SLOT_BAD : 0;
  t->owner = bad ? RETIRED : NOBODY;
  if(bad){
    w->usable--;
  } else {
    w->nfree[slot_page(s) / SLOTS_A_CHUNK]++;
    w->free++;
  }
  if(!w->closed)
    atomic_add(bad ? &swap_total : &swap_free, bad ? -1UL : 1);
  bool emptied = w->emptied && w->free == w->usable;
  spin_unlock(&w->lock);
  if(emptied)
    w->emptied(w);
}

void
slots_return(u32 s, u32 n)
{
  while(n-- > 0)
    give_back(s++);
}

// ---- The count and its home ----

// t, slot s, is locked; so in part.
static void
join(struct slot *t, u32 s, struct frame *f)
{
  t->pfn = (u32)frame_pfn(f);
  f->slot = s;
  atomic_add(&swap_cached, 1);
}

static void
part(struct slot *t, struct frame *f)
{
  assert(t->pfn == frame_pfn(f));
  t->pfn = 0;
  f->slot = 0;
  atomic_add(&swap_cached, -1UL);
}

void
slot_bind(u32 s, struct frame *f)
{
  struct slot *t = slot_lock(s);
  join(t, s, f);
  t->owner = f->owner;
  t->index = f->index;
  if(frame_kind(f) == KIND_OBJECT)
    atomic_or(&t->word, SLOT_OBJECT);
  slot_unlock(t);
}

void
slot_take_frame(u32 s, struct frame *f)
{
  struct slot *t = slot_lock(s);
  atomic_add(&t->word, -1U);
  join(t, s, f);
  slot_unlock(t);
}

bool
slot_is_object(u32 s)
{
  return atomic_load(&slot_of(s)->word) & SLOT_OBJECT;
}

struct object *
slot_object(u32 s, u64 *index)
{
  struct slot *t = slot_lock(s);
  bool held = (t->word & SLOT_OBJECT) && slot_in_use(s) && (t->pfn || (t->word & SHARE_MAX));
  struct object *o = held ? knum_ptr(t->owner) : NULL;
  if(o && !object_get_live(o))
    o = NULL;
  *index = t->index;
  slot_unlock(t);
  return o;
}

bool
slot_drop(struct frame *f)
{
  u32 s = f->slot;
  struct slot *t = slot_lock(s);
  u64 w = atomic_load(&f->word);
  bool unnamed = frame_kind(f) == KIND_OBJECT || word_share(w) == word_mapped(w);
  if(unnamed){
    atomic_or(&f->word, FRAME_DIRTY);
    part(t, f);
  }
  slot_unlock(t);
  if(unnamed)
    give_back(s);
  return unnamed;
}

void
slot_forget(struct frame *f)
{
  u32 s = f->slot;
  struct slot *t = slot_lock(s);
  part(t, f);
  slot_unlock(t);
  give_back(s);
}

bool
slot_share(u32 s)
{
  struct slot *t = slot_lock(s);
  struct frame *f = pfn_frame(t->pfn);
  bool room = (t->pfn ? word_share(atomic_load(&f->word)) : t->word & SHARE_MAX) < SHARE_MAX / 2;
  if(room && t->pfn)
    frame_get(f, SHARE_1);
  else if(room)
    atomic_add(&t->word, 1);
  slot_unlock(t);
  return room;
}

// The frame must not go while the slot is locked: it would take the slot with it.
void
slot_put(u32 s)
{
  struct slot *t = slot_lock(s);
  struct frame *f = t->pfn ? pfn_frame(t->pfn) : NULL;
  bool last = false;
  if(f)
    frame_get(f, PIN_1 - SHARE_1);
  else
    last = ((atomic_add(&t->word, -1U) - 1) & SHARE_MAX) == 0;
  slot_unlock(t);
  if(f)
    frame_put(f, PIN_1);
  else if(last)
    give_back(s);
}

u64
slot_names(u32 s)
{
  struct slot *t = slot_lock(s);
  u64 n = t->pfn ? word_share(atomic_load(&pfn_frame(t->pfn)->word)) : t->word & SHARE_MAX;
  slot_unlock(t);
  return n;
}

void
slot_rename(u32 s, u32 index)
{
  struct slot *t = slot_lock(s);
  t->index = index;
  if(t->pfn)
    pfn_frame(t->pfn)->index = index;
  slot_unlock(t);
}

void
slot_take_home(struct frame *f)
{
  u32 s = f->slot;
  struct slot *t = slot_lock(s);
  u64 share = word_share(atomic_load(&f->word));
  frame_put(f, share * SHARE_1);
  atomic_add(&t->word, (u32)share);
  part(t, f);
  slot_unlock(t);
  if(share == 0)
    give_back(s);
}

enum slot_state
slot_open(u32 s, struct frame *fresh, u64 one, struct frame **f)
{
  struct slot *t = slot_lock(s);
  enum slot_state r = SLOT_AWAY;
  if(t->pfn){
    *f = pfn_frame(t->pfn);
    u64 w = atomic_load(&(*f)->word);
    while((w & COUNTS) && !__atomic_compare_exchange_n(
            &(*f)->word, &w, w + (w & FRAME_BUSY ? PIN_1 : one), true, __ATOMIC_ACQ_REL,
            __ATOMIC_RELAXED))
      ;
    if(w & COUNTS)
      r = w & FRAME_BUSY ? SLOT_BUSY : SLOT_HERE;
  } else if(fresh && (t->word & SHARE_MAX)){
    u32 share = t->word & SHARE_MAX;
    atomic_add(&t->word, -share);
    fresh->owner = t->owner;
    fresh->index = t->index;
    fresh->age = AGE_NEW;
    join(t, s, fresh);
    atomic_store_rel(&fresh->word, KIND(KIND_ANON) | FRAME_BUSY | FRAME_STALE | FRAME_USED | PIN_1 |
                     share);
    *f = fresh;
    r = SLOT_FILL;
  }
  slot_unlock(t);
  return r;
}

bool
slot_in_use(u32 s)
{
  u32 owner = atomic_load(&slot_of(s)->owner);
  return owner != NOBODY && owner != RETIRED;
}

// ---- The checker's ----

// In `pfn` of a slot whose page no frame holds: entries found so far.
#define RECOUNT (1U << 31)

bool
slot_recount(u32 s, u32 owner, u32 index, struct frame **f)
{
  struct swap *w = swap_of(s);
  struct slot *t = w && slot_page(s) < w->pages ? slot_of(s) : NULL;
  *f = NULL;
  if(t == NULL || t->owner != owner || t->index != index)
    return false;
  if(t->pfn && !(t->pfn & RECOUNT))
    *f = pfn_frame(t->pfn);
  else
    t->pfn = (t->pfn | RECOUNT) + 1;
  return true;
}

static void
wrong(u32 s, const char *what, u64 found)
{
  lie("slot %x (word %x, owner %x, index %x): %s %lu", s, slot_of(s)->word, slot_of(s)->owner,
      slot_of(s)->index, what, found);
}

static void
check_slot(u32 s, struct slot *t)
{
  u32 names = t->word & SHARE_MAX;
  if(t->pfn && !(t->pfn & RECOUNT)){
    const struct frame *f = pfn_frame(t->pfn);
    if(f->slot != s || f->owner != t->owner || f->index != t->index)
      wrong(s, "its frame is another's, that of slot", f->slot);
    else if(names)
      wrong(s, "counts though it has a frame", t->pfn);
    return;
  }
  if((t->pfn & ~RECOUNT) != names)
    wrong(s, "names found:", t->pfn & ~RECOUNT);
  t->pfn = 0;
}

static void
check_area(struct swap *w, u64 *resident)
{
  u64 free = 0;
  for(u64 page = 1; page < w->pages; page++){
    u32 s = swap_slot(w, page);
    if(slot_in_use(s))
      check_slot(s, record(w, page));
    *resident += record(w, page)->pfn != 0;
    free += record(w, page)->owner == NOBODY;
  }
  if(free != w->free)
    lie("swap area at %x: %lu slots free, %lu counted", swap_slot(w, 0), free, w->free);
}

void
slots_check(void)
{
  struct swap *w;
  u64 resident = 0;
  list_for(w, &swaps, link)
    check_area(w, &resident);
  if(resident != swap_cached)
    lie("%lu slots of pages with frames, %lu counted", resident, swap_cached);
}
