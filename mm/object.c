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
#include "kernel/string.h"
#include "mm/area.h"
#include "mm/frame.h"
#include "mm/objects.h"
#include "mm/reaper.h"
#include "mm/slab.h"

struct list all_objects = LIST_INIT(all_objects);
struct spinlock all_objects_lock = SPINLOCK_INIT("objects");
static struct cache object_cache;

void
objects_init(void)
{
  radix_setup();
  cache_init(&object_cache, "object", sizeof(struct object), 0, NULL);
}

// ---- Life ----

void
object_init(struct object *o, const struct object_ops *ops, u64 size)
{
  memset(o, 0, sizeof *o);
  o->ops = ops;
  o->refs = 1;
  o->size = size;
  spin_init(&o->lock, "object");
  spin_init(&o->areas_lock, "object.areas");
  radix_init(&o->pages);
  list_init(&o->areas);
  spin_lock(&all_objects_lock);
  list_append(&all_objects, &o->link);
  spin_unlock(&all_objects_lock);
}

struct object *
object_create_anon(void)
{
  struct object *o = cache_alloc(&object_cache);
  if(o)
    object_init(o, NULL, ~0UL);
  return o;
}

void
object_get(struct object *o)
{
  atomic_add(&o->refs, 1);
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
  spin_lock(&all_objects_lock);
  list_remove(&o->link);
  spin_unlock(&all_objects_lock);
  object_truncate(o, 0);
  radix_destroy(&o->pages);
}

void
object_put(struct object *o)
{
  if(atomic_add_full(&o->refs, -1UL) != 1)
    return;
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
  list_push(after ? &after->in_object : o->areas.prev, &a->in_object);
  spin_unlock(&o->areas_lock);
}

void
object_unlink_area(struct area *a)
{
  spin_lock(&a->object->areas_lock);
  list_remove(&a->in_object);
  spin_unlock(&a->object->areas_lock);
}

// ---- Pages ----

// => pinned, BUSY or not; NULL if it is not there
static struct frame *
pin_page(struct object *o, u64 index)
{
  spin_lock(&o->lock);
  u64 pfn = radix_get(&o->pages, index);
  if(pfn)
    frame_get(pfn_frame(pfn), PIN_1);
  spin_unlock(&o->lock);
  return pfn ? pfn_frame(pfn) : NULL;
}

bool
object_holds(const struct frame *f)
{
  u64 w = atomic_load(&f->word);
  return !(w & FRAME_BUSY) && word_share(w) != 0;
}

struct frame *
object_peek(struct object *o, u64 index)
{
  struct frame *f = pin_page(o, index);
  if(f == NULL || likely(object_holds(f)))
    return f;
  frame_put(f, PIN_1);
  return NULL;
}

// Does the store end before this page?  Asked under o->lock, so that either a
// truncation finds the page in the tree, or who would read it sees the new size
// and not the bytes that are just being cut off.
static bool
past_end(const struct object *o, u64 index)
{
  return o->ops && index >= page_up(atomic_load(&o->size)) >> PAGE_SHIFT;
}

// A new page, BUSY and pinned, in the tree.
// => 0; -EEXIST if somebody else was quicker; -ENOMEM; -ERANGE past the end, unless
//    it is not to be read from the store (fresh)
static int
add_page(struct object *o, u64 index, bool fresh, struct frame **out)
{
  struct frame *f = frame_alloc(KIND_KERNEL, ALLOC_USER);
  if(f == NULL)
    return -ENOMEM;
  spin_lock(&o->lock);
  int err = radix_get(&o->pages, index) ? -EEXIST
            : !fresh && past_end(o, index) ? -ERANGE
            : radix_set(&o->pages, index, frame_pfn(f));
  if(err == 0){
    f->owner = knum(o);
    f->index = (u32)index;
    f->word = KIND(KIND_OBJECT) | SHARE_1 | PIN_1 | FRAME_BUSY | FRAME_STALE;
  }
  spin_unlock(&o->lock);
  if(err)
    frame_free(f);
  else
    *out = f;
  return err;
}

// A BUSY page leaves the tree; its pin (the caller's) may keep the frame.  The
// object's hold goes while it is BUSY, or somebody who pinned it before might
// still take it for a page.
void
object_forget(struct object *o, struct frame *f)
{
  preempt_off();                // the checker must not see the count without its name
  spin_lock(&o->lock);
  u64 pfn = radix_remove(&o->pages, f->index);
  spin_unlock(&o->lock);
  assert(pfn == frame_pfn(f));
  frame_put(f, SHARE_1);
  frame_unbusy(f);
  preempt_on();
}

// ---- Filling ----

enum { WINDOW_MIN = 4, WINDOW_MAX = 32 };

// How many pages to read from index on: more and more while the reader goes
// through in order, few when it jumps.
static u32
read_window(struct object *o, u64 index)
{
  u32 window = index == o->next_read && index ? min(o->window * 2, WINDOW_MAX) : WINDOW_MIN;
  u64 pages = page_up(o->size) >> PAGE_SHIFT;
  o->window = window;
  return (u32)min((u64)window, pages > index ? pages - index : 1);
}

static void
end_fill(struct object *o, struct frame **f, u32 n, int err)
{
  for(u32 i = 0; i < n; i++){
    if(err)
      object_forget(o, f[i]);
    else
      frame_unbusy(f[i]);
    if(err || i > 0)
      frame_put(f[i], PIN_1);
  }
}

// Fill v[0] from the store, and its neighbours that are missing with it.
static int
read_around(struct object *o, struct frame **v)
{
  u64 index = v[0]->index;
  u32 n = 1, want = read_window(o, index);
  while(n < want && add_page(o, index + n, false, &v[n]) == 0)
    n++;
  o->next_read = index + n;
  int err = o->ops->read_pages(o, index, v, n);
  end_fill(o, v, n, err);
  // What was only read ahead must not fail the page that was asked for.
  if(err == 0 || n == 1)
    return err;
  return -EAGAIN;
}

static int
fill(struct object *o, struct frame *f)
{
  if(o->ops == NULL){
    page_zero(frame_kva(f));
    atomic_or(&f->word, FRAME_DIRTY);
    frame_unbusy(f);
    return 0;
  }
  struct frame *v[WINDOW_MAX] = { f };
  int err = read_around(o, v);
  if(err == 0)
    vm_count(VM_PAGE_IN);
  return err;
}

// After read-ahead failed as a whole, the page alone.
static int
read_alone(struct object *o, u64 index, struct frame **out)
{
  int err = add_page(o, index, false, out);
  if(err)
    return err == -EEXIST ? 0 : err;
  err = o->ops->read_pages(o, index, out, 1);
  end_fill(o, out, 1, err);
  if(err)
    *out = NULL;
  return err;
}

// The page, pinned and not BUSY, if it is there; waits while it is BUSY.
struct frame *
object_find(struct object *o, u64 index)
{
  for(;;){
    struct frame *f = pin_page(o, index);
    if(f == NULL || likely(object_holds(f)))
      return f;
    frame_wait(f, FRAME_BUSY);
    frame_put(f, PIN_1);
  }
}

// => as object_page_fresh; one try, -EAGAIN to start again
static int
page_once(struct object *o, u64 index, bool want_fresh, struct frame **out, bool *fresh)
{
  *fresh = false;
  *out = object_find(o, index);
  if(*out)
    return 0;
  int err = add_page(o, index, want_fresh, out);
  if(err == -ENOMEM)
    return memory_wait() == 0 ? -EAGAIN : -ENOMEM;
  if(err)
    return err == -EEXIST ? -EAGAIN : err;
  *fresh = want_fresh;
  if(want_fresh)
    return 0;
  err = fill(o, *out);
  if(err != -EAGAIN)
    return err;
  *out = NULL;
  err = read_alone(o, index, out);
  return err == 0 && *out == NULL ? -EAGAIN : err;
}

int
object_page_fresh(struct object *o, u64 index, struct frame **out, bool *fresh)
{
  int err;
  do
    err = page_once(o, index, true, out, fresh);
  while(err == -EAGAIN);
  return err;
}

int
object_page(struct object *o, u64 index, struct frame **out)
{
  bool fresh;
  int err;
  do
    err = page_once(o, index, false, out, &fresh);
  while(err == -EAGAIN);
  return err;
}

// ---- Dirt ----

void
object_mark_dirty(struct object *o, struct frame *f)
{
  u64 marks = FRAME_DIRTY | FRAME_STALE;
  if((atomic_or(&f->word, marks) & FRAME_DIRTY) || o->ops == NULL)
    return;
  spin_lock(&o->lock);
  if(radix_get(&o->pages, f->index) == frame_pfn(f))
    radix_mark(&o->pages, f->index);
  spin_unlock(&o->lock);
}

int
object_make_dirty(struct object *o, struct frame *f)
{
  if(atomic_load(&f->word) & FRAME_DIRTY)
    return 0;
  int err = o->ops && o->ops->page_mkwrite ? o->ops->page_mkwrite(o, f->index) : 0;
  if(err == 0)
    object_mark_dirty(o, f);
  return err;
}

// ---- Figures ----

static u64
sum_pages(bool with_store, u64 *dirty)
{
  u64 n = 0;
  struct object *o;
  spin_lock(&all_objects_lock);
  list_for(o, &all_objects, link)
    if((o->ops != NULL) == with_store){
      n += o->pages.count;
      if(dirty)
        *dirty += o->pages.marked;
    }
  spin_unlock(&all_objects_lock);
  return n;
}

u64
object_pages_total(u64 *dirty)
{
  *dirty = 0;
  return sum_pages(true, dirty);
}

u64
object_shared_pages(void)
{
  return sum_pages(false, NULL);
}
