// SPDX-License-Identifier: MIT
//
// Objects: finding and making their pages, and keeping track of who maps them.
// Writing back and removing pages is writeback.c; read and write is filemap.c.
//
// Locks: object.lock (the tree) is innermost.  A page being filled is BUSY and
// in the tree, so that everybody else finds it and waits.

#include <machine.h>
#include "mm/object.h"
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "mm/area.h"
#include "mm/frame.h"
#include "mm/objects.h"
#include "mm/reaper.h"
#include "mm/slab.h"
#include "mm/swapin.h"

struct list all_objects = LIST_INIT(all_objects);
struct spinlock all_objects_lock = SPINLOCK_INIT("objects");
static struct cache object_cache = CACHE("object", sizeof(struct object), NULL);

// ---- Life ----

void
object_init(struct object *o, const struct object_ops *ops, u64 size)
{
  o->ops = ops;
  o->refs = 1;
  o->size = size;
  spin_init(&o->lock, "object");
  spin_init(&o->areas_lock, "object.areas");
  list_init(&o->areas);
  list_init(&o->suspect);
  spin_lock(&all_objects_lock);
  list_append(&all_objects, &o->link);
  spin_unlock(&all_objects_lock);
}

struct object *
object_create_anon(u64 size)
{
  struct object *o = cache_zalloc(&object_cache);
  if(o)
    object_init(o, NULL, size);
  return o;
}

struct object *
object_get(struct object *o)
{
  atomic_add(&o->refs, 1);
  return o;
}

bool
object_get_live(struct object *o)
{
  u64 refs = atomic_load(&o->refs);
  while(refs > 0)
    if(__atomic_compare_exchange_n(&o->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE,
                                   __ATOMIC_RELAXED))
      return true;
  return false;
}

void
object_destroy(struct object *o)
{
  assert(list_empty(&o->areas));
  if(o->pages.count > 0)
    object_truncate(o, 0);         // which takes its time: until then the checker finds its pages
  spin_lock(&all_objects_lock);
  list_remove(&o->suspect);
  list_remove(&o->link);
  spin_unlock(&all_objects_lock);
  if(o->pages.root)
    radix_destroy(&o->pages);
}

void
object_put(struct object *o)
{
  if(o && atomic_add_full(&o->refs, -1UL) == 1)
    object_end(o);
}

void
object_end(struct object *o)
{
  if(o->ops){
    o->ops->release(o);
    return;
  }
  object_destroy(o);
  cache_free(&object_cache, o);
}

// ---- The reverse map ----

void
object_link_area(struct area *a, struct area *after)
{
  struct object *o = a->object;
  spin_lock(&o->areas_lock);
  if(unlikely(o->fixed) && area_reaches_object(a)){    // since whoever maps it looked
    a->flags &= ~(u32)AREA_MAYWRITE;
    a->prot &= ~(u32)PROT_WRITE;
  }
  o->stored_through += area_reaches_object(a);
  if(o->stored_through > 0 && object_has_store(o))
    object_suspect(o);
  list_push(after ? &after->in_object : o->areas.prev, &a->in_object);
  spin_unlock(&o->areas_lock);
}

void
object_unlink_area(struct area *a)
{
  spin_lock(&a->object->areas_lock);
  a->object->stored_through -= area_reaches_object(a);
  list_remove(&a->in_object);
  spin_unlock(&a->object->areas_lock);
}

int
object_fix(struct object *o)
{
  spin_lock(&o->areas_lock);
  int err = o->fixed ? -EBUSY : o->stored_through ? -ETXTBSY : 0;
  o->fixed |= err == 0;
  spin_unlock(&o->areas_lock);
  return err;
}

// ---- Pages ----

struct frame *
object_peek(struct object *o, u64 index)
{
  return object_look(o, index);
}

// Of the entries found so far drop those that are in slots only; if none is left, look on.
static __attribute__((noinline)) u32
only_in_memory(struct object *o, u64 *index, u64 last, u64 *value, u32 n, u32 found)
{
  u32 got = 0;
  while(found > 0){
    for(u32 i = 0; i < found; i++)
      if(in_memory(value[i]))
        value[got++] = value[i];
    if(got > 0 || *index == last)
      break;
    ++*index;
    found = radix_gather(&o->pages, index, last, false, value, n);
  }
  return got;
}

u32
object_gather(struct object *o, u64 *index, u64 end, u64 counts, struct frame **v, u32 n)
{
  u64 *pfn = (u64 *)v;           // the numbers come first, frames in their place
  spin_lock(&o->lock);
  u32 found = radix_gather(&o->pages, index, end - 1, false, pfn, n);
  if(unlikely(o->away))
    found = only_in_memory(o, index, end - 1, pfn, n, found);
  for(u32 i = 0; i < found; i++){
    v[i] = pfn_frame(pfn[i]);
    frame_get(v[i], counts);
  }
  spin_unlock(&o->lock);
  return found;
}

// Does the store end before this page?  Asked under o->lock, so that either a
// truncation finds the page in the tree, or who would read it sees the new size
// and not the bytes that are just being cut off.
static bool
past_end(const struct object *o, u64 index)
{
  return index >= object_pages(o);
}

// A new page, BUSY and pinned, in the tree.
// => 0; -EEXIST if somebody else was quicker; -ENOMEM; -ERANGE past the end
static int
add_page(struct object *o, u64 index, struct frame **out)
{
  spin_lock(&o->lock);
  if(unlikely(o->away) && (radix_get(&o->pages, index) & AWAY)){
    *out = past_end(o, index) ? NULL : object_bring(o, index);
    spin_unlock(&o->lock);
    return *out ? 0 : past_end(o, index) ? -ERANGE : -ENOMEM;
  }
  struct frame *f = frame_alloc(KIND_OBJECT, ALLOC_USER);
  int err = f == NULL ? -ENOMEM : past_end(o, index) ? -ERANGE :
            radix_insert(&o->pages, index, frame_pfn(f), false);
  if(err == 0)
    object_begin_page(o, *out = f, index, 0);
  else if(f)
    frame_free(f);
  spin_unlock(&o->lock);
  return err;
}

// ---- Pages in slots ----

enum { WINDOW_MIN = 4, WINDOW_MAX = 64 };

// How many pages to read from index on: more and more while the reader goes
// through in order, as from the start of a file, few when it jumps.
static u32
read_window(struct object *o, u64 index)
{
  u64 pages = object_pages(o);
  bool in_order = index == o->next_read || index == 0;
  o->window = in_order ? min(max(o->window, (u32)WINDOW_MIN) * 2, WINDOW_MAX) : WINDOW_MIN;
  return (u32)min((u64)o->window, pages > index ? pages - index : 1);
}

struct frame *
object_bring(struct object *o, u64 index)
{
  struct frame *f = frame_alloc(KIND_OBJECT, ALLOC_USER);
  if(f == NULL)
    return NULL;
  u32 slot = (u32)radix_get(&o->pages, index);
  object_begin_page(o, f, index, FRAME_PLACED | FRAME_USED);
  slot_take_frame(slot, f);
  radix_replace(&o->pages, index, frame_pfn(f));
  o->away--;
  return f;
}

void
object_send_away(struct object *o, struct frame *f)
{
  preempt_off();                // the checker must not see half of it
  spin_lock(&o->lock);
  radix_replace(&o->pages, f->index, AWAY | f->slot);
  o->away++;
  slot_take_home(f);
  spin_unlock(&o->lock);
  preempt_on();
}

// As fill().
static int
fill_from_slot(struct object *o, struct frame *f, bool alone)
{
  struct swap_in in = { .v = { f }, .n = 1, .slot = f->slot };
  u64 index = f->index;
  u32 want = alone ? 1 : slots_run(in.slot, min(read_window(o, index), (u32)SWAP_AHEAD_MAX));
  spin_lock(&o->lock);
  while(in.n < want && !past_end(o, index + in.n) &&
        radix_get(&o->pages, index + in.n) == (AWAY | (in.slot + in.n)) &&
        (in.v[in.n] = object_bring(o, index + in.n)) != NULL)
    in.n++;
  spin_unlock(&o->lock);
  o->next_read = index + in.n;
  int err = swap_read(&in);
  for(u32 i = 0; i < in.n; i++){
    if(err)
      object_send_away(o, in.v[i]);
    frame_unbusy(in.v[i]);
    if(i > 0 || err)
      frame_put(in.v[i], PIN_1);
  }
  return err && in.n > 1 ? -EAGAIN : err;
}

// Other pins may keep the frames.  The object's hold goes while they are BUSY, or
// somebody who pinned one before might still take it for a page.
void
object_forget(struct object *o, struct frame **f, u32 n)
{
  preempt_off();                // the checker must not see the count without its name
  spin_lock(&o->lock);
  u64 marked = o->pages.marked;
  for(u32 i = 0; i < n; i++){
    u64 pfn = radix_remove(&o->pages, f[i]->index);
    assert(pfn == frame_pfn(f[i]));
  }
  if(object_has_store(o))
    object_cleaner(marked - o->pages.marked);
  spin_unlock(&o->lock);
  for(u32 i = 0; i < n; i++){
    frame_put(f[i], SHARE_1);
    atomic_and(&f[i]->word, ~FRAME_BUSY);
  }
  frame_state_changed();
  preempt_on();
  for(u32 i = 0; i < n; i++)
    frame_put_last(f[i], PIN_1);
}

void
object_unmake(struct object *o, struct frame *f)
{
  if(f->slot == 0){
    object_forget(o, &f, 1);
  } else {
    object_send_away(o, f);
    frame_unbusy(f);
    frame_put(f, PIN_1);
  }
}

// ---- Filling ----

// The pages are filled, or could not be; the first keeps its pin then.
static void
end_fill(struct object *o, struct frame **f, u32 n, int err)
{
  if(err){
    object_forget(o, f, n);
    return;
  }
  for(u32 i = 0; i < n; i++)
    atomic_and(&f[i]->word, ~FRAME_BUSY);
  frame_state_changed();
  for(u32 i = 1; i < n; i++)
    frame_put(f[i], PIN_1);
}

bool
object_page_away(struct object *o, u64 index, bool *jumps)
{
  spin_lock(&o->lock);
  u64 value = radix_get(&o->pages, index);
  bool away = value & AWAY || (value == 0 && object_has_store(o));
  *jumps = away && (value || index != o->next_read);
  spin_unlock(&o->lock);
  return away;
}

// Fill f from the store and, unless `alone`, missing pages that follow it: what is only
// read ahead must not fail the page that was asked for.
// => 0; -EAGAIN: try again, alone; -EIO ...
static int
fill(struct object *o, struct frame *f, bool alone)
{
  if(f->slot)
    return fill_from_slot(o, f, alone);
  struct frame *v[WINDOW_MAX] = { f };
  u64 index = f->index;
  u32 n = 1, want = alone ? 1 : read_window(o, index);
  if(!object_has_store(o)){
    page_zero(frame_kva(f));
    if(o->ops == NULL)
      atomic_or(&f->word, FRAME_DIRTY | FRAME_PLACED);
    frame_unbusy(f);
    return 0;
  }
  while(n < want && add_page(o, index + n, &v[n]) == 0)
    n++;
  o->next_read = index + n;
  int err = o->ops->read_pages(o, index, v, n);
  end_fill(o, v, n, err);
  if(err)
    return n > 1 ? -EAGAIN : err;
  vm_count(VM_FILE_READ);
  return 0;
}

// ---- Getting a page ----

// f was BUSY when it was found.
static void
let_go_once_valid(struct frame *f)
{
  frame_wait(f, FRAME_BUSY);
  frame_put(f, PIN_1);
}

// The page, pinned and not BUSY, if it is there; waits while it is BUSY.
struct frame *
object_find(struct object *o, u64 index)
{
  struct frame *f;
  while((f = object_pin(o, index)) && unlikely(!object_holds(f)))
    let_go_once_valid(f);
  return f;
}

int
object_wait_fresh(struct object *o, struct frame *busy, u64 index, struct frame **out, bool *fresh)
{
  int err = busy ? 0 : memory_wait();
  if(busy)
    let_go_once_valid(busy);
  return err ? err : object_page_fresh(o, index, out, fresh);
}

int
object_page_fresh(struct object *o, u64 index, struct frame **out, bool *fresh)
{
  return object_fresh(o, index, out, fresh);
}

// A page could not be added.  => 0: look again; else the reason not to
static int
add_failed(int err)
{
  return err == -EEXIST ? 0 : err == -ENOMEM ? memory_wait() : err;
}

int
object_page(struct object *o, u64 index, struct frame **out)
{
  for(bool alone = false;;){
    *out = object_find(o, index);
    if(*out)
      return 0;
    int err = add_page(o, index, out);
    if(err == 0){
      err = fill(o, *out, alone);
      if(err != -EAGAIN)
        return err;
      alone = true;
    } else if((err = add_failed(err))){
      return err;
    }
  }
}

void
object_read_ahead(struct object *o, u64 start, u64 len)
{
  u64 end = min(start + len, atomic_load(&o->size));
  for(u64 off = page_down(start); off < end; off += PAGE_SIZE){
    struct frame *f;
    bool jumps;
    if(!object_page_away(o, off >> PAGE_SHIFT, &jumps))
      continue;
    if(object_page(o, off >> PAGE_SHIFT, &f) != 0)
      return;
    frame_put(f, PIN_1);
  }
}

// ---- Dirt ----

void
object_enter_dirty(struct object *o, struct frame *f)
{
  if(o->ops == NULL)
    return;
  spin_lock(&o->lock);
  object_mark(o, f);
  spin_unlock(&o->lock);
}

int
object_make_dirty(struct object *o, struct frame *f)
{
  if(!(atomic_load(&f->word) & FRAME_PLACED)){
    int err;
    while((err = object_reserve(o, f)) == -EBUSY && (err = o->ops->wait_place(o)) == 0)
      ;
    if(err)
      return err;
  }
  object_mark_dirty(o, f);
  return 0;
}

// ---- Figures ----

u64
object_shared_pages(void)
{
  u64 n = 0;
  struct object *o;
  spin_lock(&all_objects_lock);
  list_for(o, &all_objects, link)
    if(!object_has_store(o))
      n += o->pages.count - o->away;
  spin_unlock(&all_objects_lock);
  return n;
}

static u64
mapped_pages(struct object *o, u64 unused)
{
  struct frame *v[64];
  u64 mapped = 0, index = 0;
  if(list_empty(&o->areas))
    return 0;
  for(u32 n; (n = object_gather(o, &index, ~0UL, 0, v, count_of(v))) > 0; index++)
    for(u32 i = 0; i < n; i++)
      mapped += word_mapped(atomic_load(&v[i]->word)) > 0;
  return mapped;
}

u64
object_mapped_pages(void)
{
  return each_object(&all_objects, ~0UL, mapped_pages, 0);
}
