// SPDX-License-Identifier: MIT
//
// The store in memory: its object_ops, and how they fail.

#include <stdlib.h>
#include "hosted.h"
#include "mm/slab.h"
#include "store.h"

u64 stores_alive;

static struct store *
store_of(struct object *o)
{
  return container_of(o, struct store, object);
}

static bool
fails(u64 *countdown)
{
  return *countdown && --*countdown == 0;
}

static void
check_call(struct store *s, u64 index, u32 n)
{
  holds_nothing();
  assert(n >= 1 && index + n <= s->pages);
  preemption_point();
}

static int
read_pages(struct object *o, u64 index, struct frame **f, u32 n)
{
  struct store *s = store_of(o);
  check_call(s, index, n);
  if(fails(&s->fail_read))
    return s->error;
  for(u32 i = 0; i < n; i++){
    u64 off = (index + i) << PAGE_SHIFT;
    u64 there = off < s->size ? min(PAGE_SIZE, s->size - off) : 0;
    assert(f[i]->index == index + i && (f[i]->word & FRAME_BUSY));
    memset(frame_kva(f[i]), 0, PAGE_SIZE);
    memcpy(frame_kva(f[i]), s->bytes + off, there);
    if(s->reserved[index + i])
      frame_placed(f[i]);
    s->reads++;
    preemption_point();
  }
  return 0;
}

static int
write_pages(struct object *o, u64 index, struct frame **f, u32 n)
{
  struct store *s = store_of(o);
  check_call(s, index, n);
  if(s->while_writing)
    s->while_writing();
  if(fails(&s->fail_write))
    return s->error;
  for(u32 i = 0; i < n; i++){
    assert(f[i]->index == index + i && (f[i]->word & FRAME_WRITING));
    assert(s->reserved[index + i]);
    memcpy(s->bytes + ((index + i) << PAGE_SHIFT), frame_kva(f[i]), PAGE_SIZE);
    s->writes++;
    preemption_point();
  }
  s->size = o->size;
  if(s->after_writing)
    s->after_writing();
  return 0;
}

static int
page_mkwrite(struct object *o, struct frame *f)
{
  struct store *s = store_of(o);
  u64 index = f->index;
  check_call(s, index, 1);
  if(fails(&s->fail_reserve))
    return s->error;
  s->reserved[index] = true;
  frame_placed(f);
  s->reservations++;
  return 0;
}

static void
release(struct object *o)
{
  struct store *s = store_of(o);
  holds_nothing();
  object_destroy(o);
  free(s->bytes);
  free(s->reserved);
  kfree(s);
  stores_alive--;
}

static const struct object_ops store_ops = {
  .read_pages = read_pages, .write_pages = write_pages, .page_mkwrite = page_mkwrite,
  .release = release,
};

struct store *
store_create(u64 size, u64 pages)
{
  struct store *s = kzalloc(sizeof *s);
  assert(s != NULL);
  s->bytes = calloc(pages, PAGE_SIZE);
  s->reserved = calloc(pages, sizeof *s->reserved);
  s->size = size;
  s->pages = pages;
  s->error = -EIO;
  object_init(&s->object, &store_ops, size);
  stores_alive++;
  return s;
}

void
store_put(struct store *s)
{
  object_put(&s->object);
}

void
store_truncate(struct store *s, u64 size)
{
  object_truncate(&s->object, size);
  memset(s->bytes + size, 0, (s->pages << PAGE_SHIFT) - size);
  for(u64 i = page_up(size) >> PAGE_SHIFT; i < s->pages; i++)
    s->reserved[i] = false;
  s->size = min(s->size, size);
}

u64
store_word(const struct store *s, u64 off)
{
  return *(u64 *)(s->bytes + off);
}
