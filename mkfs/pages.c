// SPDX-License-Identifier: MIT
//
// Frames and objects for the kernel's file system sources in a host tool: what
// they use of mm/frame.h and mm/object.h, with nobody else about.  Pages stay in
// memory until their object goes.

#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "mkfs/host.h"
#include "mm/frame.h"
#include "mm/object.h"

// ---- Frames: an address range that is filled from its start ----

enum { FRAMES = 1 << 22 };         // 16 GiB of addresses

struct frame *frames;
u64 direct_base, pages_kept;
u64 frame_waiters;                 // none, ever
u64 pages_dirty, pages_writing;    // not counted
static u64 next_frame = 1;         // 0 is FRAME_NONE
static u32 free_frames;            // linked through `next`

static bool
set_up(void)
{
  if(frames)
    return true;
  char *memory = host_pages((u64)FRAMES * PAGE_SIZE);
  struct frame *table = host_pages(FRAMES * sizeof(struct frame));
  if(memory == NULL || table == NULL)
    return false;
  direct_base = (u64)memory;
  frames = table;
  return true;
}

struct frame *
frame_alloc(enum frame_kind kind, u32 flags)
{
  if(!set_up())
    return NULL;
  u64 pfn = free_frames ? free_frames : next_frame;
  if(pfn == FRAMES)
    return NULL;
  if(free_frames)
    free_frames = pfn_frame(pfn)->next;
  else
    next_frame++;
  pfn_frame(pfn)->word = KIND(kind);
  return pfn_frame(pfn);
}

void
frame_put_slow(struct frame *f, u64 counts)
{
  f->word -= counts;
  if(f->word & COUNTS)
    return;
  f->next = free_frames;
  free_frames = frame_pfn(f);
}

void
frame_free(struct frame *f)
{
  frame_put_slow(f, 0);
}

void
frame_wake(void)
{
}

// ---- Objects ----

void
object_init(struct object *o, const struct object_ops *ops, u64 size)
{
  memset(o, 0, sizeof(*o));
  o->ops = ops;
  o->refs = 1;
  o->size = size;
  radix_init(&o->pages);
}

void
object_destroy(struct object *o)
{
  object_truncate(o, 0);
  radix_destroy(&o->pages);
}

struct object *
object_get(struct object *o)
{
  o->refs++;
  return o;
}

void
object_put(struct object *o)
{
  if(--o->refs == 0)
    o->ops->release(o);
}

struct frame *
object_peek(struct object *o, u64 index)
{
  u64 pfn = radix_get(&o->pages, index);
  if(pfn == 0)
    return NULL;
  frame_get(pfn_frame(pfn), PIN_1);
  return pfn_frame(pfn);
}

struct frame *object_find(struct object *o, u64 index) { return object_peek(o, index); }

// => as object_page_fresh, but not dirty
static int
find_or_make(struct object *o, u64 index, struct frame **out, bool *fresh)
{
  *fresh = false;
  *out = object_peek(o, index);
  if(*out)
    return 0;
  struct frame *f = frame_alloc(KIND_OBJECT, 0);
  if(f == NULL)
    return -ENOMEM;
  f->word |= SHARE_1 | PIN_1 | FRAME_BUSY;
  f->index = index;
  int e = radix_insert(&o->pages, index, frame_pfn(f), false);
  if(e){
    frame_put(f, SHARE_1 | PIN_1);
    return e;
  }
  *fresh = true;
  *out = f;
  return 0;
}

int
object_page_fresh(struct object *o, u64 index, struct frame **out, bool *fresh)
{
  int e = find_or_make(o, index, out, fresh);
  if(e == 0 && *fresh)
    object_mark_dirty(o, *out);
  return e;
}

int
object_page(struct object *o, u64 index, struct frame **out)
{
  bool fresh;
  int e = find_or_make(o, index, out, &fresh);
  if(e || !fresh)
    return e;
  e = o->ops->read_pages(o, index, out, 1);
  frame_unbusy(*out);
  if(e){
    radix_remove(&o->pages, index);
    frame_put(*out, SHARE_1 | PIN_1);
  }
  return e;
}

void
object_enter_dirty(struct object *o, struct frame *f)
{
  radix_mark(&o->pages, f->index);
}

int
object_make_dirty(struct object *o, struct frame *f)
{
  int e = 0;
  if(!(f->word & FRAME_DIRTY) && o->ops->page_mkwrite)
    while((e = o->ops->page_mkwrite(o, f)) == -EBUSY && (e = o->ops->wait_place(o)) == 0)
      ;
  if(e == 0)
    object_mark_dirty(o, f);
  return e;
}

int
object_zero(struct object *o, u64 off, u64 end)
{
  struct frame *f;
  int e = object_page(o, off >> PAGE_SHIFT, &f);
  if(e)
    return e;
  memset((char *)frame_kva(f) + (off & PAGE_MASK), 0, end - off);
  e = object_make_dirty(o, f);
  frame_put(f, PIN_1);
  return e;
}

static void
remove_page(struct object *o, u64 index)
{
  radix_unmark(&o->pages, index);
  u64 pfn = radix_remove(&o->pages, index);
  if(pfn)
    frame_put(pfn_frame(pfn), SHARE_1);
}

void
object_remove(struct object *o, u64 first, u64 end)
{
  for(u64 index = first; radix_next(&o->pages, &index, false) && index < end; index++)
    remove_page(o, index);
}

void object_unplace(struct object *o, u64 first, u64 end) {}

void
object_truncate(struct object *o, u64 size)
{
  o->size = size;
  object_remove(o, page_up(size) >> PAGE_SHIFT, ~0UL);
  struct frame *f = size & PAGE_MASK ? object_peek(o, size >> PAGE_SHIFT) : NULL;
  if(f){
    memset((char *)frame_kva(f) + (size & PAGE_MASK), 0, PAGE_SIZE - (size & PAGE_MASK));
    frame_put(f, PIN_1);
  }
}

// Past a file's end there are zeros: nobody has it mapped.
int
object_extend(struct object *o, u64 size)
{
  o->size = size;
  return 0;
}

// Neighbouring dirty pages together.
enum { RUN_MAX = 64 };

int
object_sync(struct object *o, u64 start, u64 end)
{
  struct frame *run[RUN_MAX];
  int first = 0;
  u64 pfn;
  for(u64 index = 0; (pfn = radix_next(&o->pages, &index, true));){
    u64 from = index;
    u32 n = 0;
    while(pfn && index == from + n && n < RUN_MAX){
      run[n] = pfn_frame(pfn);
      run[n++]->word &= ~FRAME_DIRTY;
      radix_unmark(&o->pages, index++);
      pfn = radix_next(&o->pages, &index, true);
    }
    int e = o->ops->write_pages(o, from, run, n);
    for(u32 i = 0; e && i < n; i++)
      object_mark_dirty(o, run[i]);
    first = first ? first : e;
    index = from + n;
  }
  return first;
}
