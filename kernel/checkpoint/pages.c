// SPDX-License-Identifier: MIT
//
// The pages of checkpoint files as a swap area that is only read from: an entry of the
// restored process names a slot, its first touch reads the page and checks its sum, and
// from then on it is a page like any other.  Nothing is ever written to a file: its slots
// are marked as bad when they have been read, so a page that goes out gets another one.
//
// When no entry and no page has a slot of it any more, the files are let go.
//
// Locks: those of mm/slot.c.

#include <machine.h>
#include <pmap.h>
#include "fs/vfs.h"
#include "kernel/alarm.h"
#include "kernel/checkpoint/checkpoint.h"
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "mm/evict.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/reaper.h"
#include "mm/slab.h"
#include "mm/slot.h"
#include "mm/space.h"

int
runs_make(struct runs *r, u64 n)
{
  u64 pages = (n + RUNS_A_PAGE - 1) / RUNS_A_PAGE;
  r->n = n;
  r->page = kzalloc(max(pages, 1UL) * sizeof *r->page);
  for(u64 i = 0; r->page && i < pages; i++)
    if((r->page[i] = kmalloc(PAGE_SIZE)) == NULL)
      return -ENOMEM;
  return r->page ? 0 : -ENOMEM;
}

void
runs_free(struct runs *r)
{
  for(u64 i = 0; r->page && i < (r->n + RUNS_A_PAGE - 1) / RUNS_A_PAGE; i++)
    kfree(r->page[i]);
  kfree(r->page);
  *r = (struct runs){ 0 };
}

// A file, its pages, and where their sums are.
struct source {
  struct file *file;
  u64 pages, sums;
};

// Page n of the store is slot n + 1.  In `run`, pages is not how many it has but how many
// all before it have.
struct page_store {
  struct swap swap;
  struct alarm alarm;
  u64 refs;                  // the alarm's
  u64 npages;
  struct runs runs;
  u32 nsources;
  struct source source[];
};

static void
store_free(struct page_store *ps)
{
  swap_table_free(&ps->swap);
  for(u32 i = 0; i < ps->nsources; i++)
    file_put(ps->source[i].file);
  runs_free(&ps->runs);
  kfree(ps);
}

// ---- Reading ----

static u64
run_number(const struct page_store *ps, u64 page)
{
  u64 lo = 0, hi = ps->runs.n;
  while(hi - lo > 1){
    u64 mid = (lo + hi) / 2;
    if(run_at(&ps->runs, mid)->pages <= page)
      lo = mid;
    else
      hi = mid;
  }
  return lo;
}

static const struct ck_run *
run_of(const struct page_store *ps, u64 page)
{
  return run_at(&ps->runs, run_number(ps, page));
}

static int
read_page(struct page_store *ps, u64 page, struct frame *f)
{
  const struct ck_run *r = run_of(ps, page);
  const struct source *from = &ps->source[r->file];
  struct object *o = &from->file->inode->object;
  u64 at = r->at + (page - r->pages), sum = 0;
  struct frame *copy;
  i64 got = object_read_kernel(o, from->sums + (at - 1) * sizeof sum, &sum, sizeof sum);
  int err = got < 0 ? (int)got : object_page(o, at, &copy);
  if(err)
    return err;
  page_copy(frame_kva(f), frame_kva(copy));
  frame_put(copy, PIN_1);
  if(got == sizeof sum && ck_sum(frame_kva(f), PAGE_SIZE) == sum)
    return 0;
  printk("checkpoint: page %lu of a file, for address %lx, is damaged\n", at,
         r->va + ((page - r->pages) << PAGE_SHIFT));
  return -EIO;
}

static int
store_read(struct swap *w, u32 s, struct frame **f, u32 n)
{
  struct page_store *ps = container_of(w, struct page_store, swap);
  int err = 0;
  for(u32 i = 0; i < n && err == 0; i++)
    err = read_page(ps, slot_page(s + i) - 1, f[i]);
  for(u32 i = 0; i < n && err == 0; i++)
    atomic_or(&slot_of(s + i)->word, SLOT_BAD);
  return err;
}

bool
pages_has(u32 slot, va_t va)
{
  struct swap *w = slot ? swap_of(slot) : NULL;
  if(w == NULL || w->read != store_read)
    return false;
  const struct page_store *ps = container_of(w, struct page_store, swap);
  u64 page = slot_page(slot) - 1;
  const struct ck_run *r = run_of(ps, page);
  return r->va + ((page - r->pages) << PAGE_SHIFT) == va;
}

// ---- The end ----

static void
go(struct alarm *a)
{
  struct page_store *ps = container_of(a, struct page_store, alarm);
  swap_detach(&ps->swap);
  store_free(ps);
}

static void
store_emptied(struct swap *w)
{
  alarm_set(&container_of(w, struct page_store, swap)->alarm, machine_time_ns());
}

// ---- Opening ----

static int
open_source(struct source *s, struct file *f)
{
  struct ck_header h;
  s->file = f;
  i64 n = file_read_kernel(f, &h, sizeof h, 0);
  u64 size = n < 0 ? 0 : f->inode->object.size;
  if(n != sizeof h || memcmp(h.magic, CK_MAGIC, sizeof h.magic) != 0 || h.version != CK_VERSION)
    return n < 0 ? (int)n : -EINVAL;
  s->pages = h.pages;
  s->sums = h.sums.offset;
  return s->sums % 8 || s->sums > size || s->pages > (size - s->sums) / 8 ? -EINVAL : 0;
}

// Ordered, in their files, for addresses that a program can have.
static bool
runs_ok(const struct page_store *ps)
{
  va_t last = USER_MIN;
  for(u64 i = 0; i < ps->runs.n; i++){
    const struct ck_run *r = run_at(&ps->runs, i);
    if(r->va % PAGE_SIZE || r->va < last || r->va > USER_TOP || r->pages == 0 ||
       r->pages > (USER_TOP - r->va) >> PAGE_SHIFT || r->file >= ps->nsources || r->at == 0 ||
       r->at > ps->source[r->file].pages || r->pages > ps->source[r->file].pages - r->at + 1)
      return false;
    last = r->va + ((u64)r->pages << PAGE_SHIFT);
  }
  return true;
}

static void
count_pages(struct page_store *ps)
{
  for(u64 i = 0; i < ps->runs.n; i++){
    struct ck_run *r = run_at(&ps->runs, i);
    u32 here = r->pages;
    r->pages = (u32)ps->npages;
    ps->npages += here;
  }
}

int
pages_open(struct file **file, u32 nfiles, struct runs *runs, struct page_store **out)
{
  struct page_store *ps = kzalloc(sizeof *ps + nfiles * sizeof ps->source[0]);
  int err = 0;
  if(ps == NULL){
    for(u32 i = 0; i < nfiles; i++)
      file_put(file[i]);
    runs_free(runs);
    return -ENOMEM;
  }
  ps->runs = *runs;
  *runs = (struct runs){ 0 };
  ps->nsources = nfiles;
  for(u32 i = 0; i < nfiles; i++){
    int e = open_source(&ps->source[i], file[i]);
    err = err ? err : e;
  }
  if(err == 0 && !runs_ok(ps))
    err = -EINVAL;
  if(err){
    store_free(ps);
    return err;
  }
  count_pages(ps);
  *out = ps;
  return 0;
}

// ---- Entering ----

// All slots are in use from the start, though nothing names them yet.
static int
attach(struct page_store *ps, u32 owner)
{
  struct swap *w = &ps->swap;
  w->pages = ps->npages + 1;
  w->identity = ps;
  w->closed = true;
  w->read = store_read;
  int err = w->pages > SWAP_PAGES_MAX ? -EINVAL : swap_table_make(w);
  for(u64 page = 1; err == 0 && page < w->pages; page++)
    w->chunk[page / SLOTS_A_CHUNK][page % SLOTS_A_CHUNK].owner = owner;
  if(err == 0)
    err = evict_prepare();
  if(err == 0)
    err = swap_attach(w);
  if(err)
    return err;
  ps->alarm.refs = &ps->refs;
  ps->alarm.come = go;
  alarm_init(&ps->alarm);
  w->usable = ps->npages;
  w->emptied = store_emptied;
  return 0;
}

static u32
slot_at(const struct page_store *ps, u64 page)
{
  return swap_slot(&ps->swap, page + 1);
}

static int
enter_private(struct page_store *ps, struct space *s, u64 page, va_t va)
{
  u32 slot = slot_at(ps, page);
  rw_read_lock(&s->lock);
  pte_t *e = pmap_make(&s->pmap, va);
  int err = e == NULL ? -ENOMEM : *e ? -EINVAL : 0;
  if(err == 0){
    slot_of(slot)->index = (u32)(va >> PAGE_SHIFT);
    atomic_add(&slot_of(slot)->word, 1);
    pmap_set(e, pte_swapped(slot));
  }
  if(e)
    pmap_unlock(e);
  rw_read_unlock(&s->lock);
  return err;
}

// Shared memory has its pages at once.
static int
enter_shared(struct page_store *ps, struct space *s, u64 page, va_t va)
{
  u64 offset;
  struct frame *f;
  bool fresh;
  struct object *o = vm_object_at(s, va, &offset);
  int err = o ? object_page_fresh(o, offset >> PAGE_SHIFT, &f, &fresh) : -EINVAL;
  if(err == 0 && fresh){
    err = read_page(ps, page, f);
    frame_placed(f);
    frame_unbusy(f);
    frame_put(f, PIN_1);
  }
  if(o)
    object_put(o);
  if(err == 0)
    slots_return(slot_at(ps, page), 1);
  return err;
}

// Pages [page, ...) of the store, for `va` on, as far as they are in one area. => err; *n
static int
enter_piece(struct page_store *ps, struct space *s, u64 page, va_t va, u64 most, u64 *n)
{
  struct area a;
  int err = 0;
  *n = 0;
  if(!vm_area_at(s, va, &a))
    return -EINVAL;
  bool shared = a.flags & AREA_SHARED, ours = a.file == NULL && va != s->trampoline;
  file_put(a.file);
  if(a.start > va || (shared && !ours))
    return -EINVAL;
  most = min(most, (a.end - va) >> PAGE_SHIFT);
  while(err == 0 && *n < most){
    err = shared ? enter_shared(ps, s, page + *n, va) : enter_private(ps, s, page + *n, va);
    if(err == -ENOMEM)
      err = memory_wait();
    else if(err == 0){
      va += PAGE_SIZE;
      ++*n;
    }
  }
  return err;
}

int
pages_enter(struct page_store *ps, struct space *s)
{
  u64 page = 0, n;
  int err = ps->npages ? attach(ps, knum(s->lineage)) : 0;
  if(err || ps->npages == 0){
    store_free(ps);
    return err;
  }
  while(err == 0 && page < ps->npages){
    u64 k = run_number(ps, page);
    const struct ck_run *r = run_at(&ps->runs, k);
    u64 end = k + 1 < ps->runs.n ? run_at(&ps->runs, k + 1)->pages : ps->npages;
    err = enter_piece(ps, s, page, r->va + ((page - r->pages) << PAGE_SHIFT), end - page, &n);
    page += n;
  }
  for(u64 left = ps->npages - page, i = 0; i < left; i++)
    slots_return(slot_at(ps, page + i), 1);
  return err;
}
