// SPDX-License-Identifier: MIT
//
// vm_check finds what is planted: each lie is told by hand, reported in words,
// and taken back.

#include "host/host.h"
#include "host/store.h"
#include "mm/area.h"
#include "mm/slab.h"

enum { RW = PROT_READ | PROT_WRITE };

static struct space *space;
static struct store *file;
static const va_t anon = MiB, zero = MiB + PAGE_SIZE, shared = 2 * MiB, private = 4 * MiB;

static void
start(void)
{
  u64 v;
  space = space_create();
  file = store_create(2 * PAGE_SIZE, 2);
  run_space(space);
  vm_map(space, anon, 2 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0, NULL);
  object_get(&file->object);
  vm_map(space, shared, PAGE_SIZE, RW, MAP_SHARED | MAP_FIXED, &file->object, 0, NULL);
  object_get(&file->object);
  vm_map(space, private, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, &file->object, 0, NULL);
  user_store(anon, 1);
  user_load(zero, &v);
  user_store(shared, 2);
  user_load(private, &v);
  expect_no_lies();
}

static void
end(void)
{
  expect_no_lies();
  run_space(NULL);
  space_put(space);
  store_put(file);
}

static void
expect_lie(const char *text)
{
  host_log_clear();
  if(vm_check() == 0 || !host_log_has(text))
    panic("vm_check did not say \"%s\"", text);
  host_log_clear();
}

static pte_t
swap_entry(va_t va, pte_t p)
{
  pte_t *e = pmap_find(&space->pmap, va), old = pmap_set(e, p);
  pmap_unlock(e);
  return old;
}

static struct frame *
frame_at(va_t va)
{
  pte_t *e = pmap_find(&space->pmap, va);
  struct frame *f = pte_frame(*e);
  pmap_unlock(e);
  return f;
}

// The entry of va is p for a moment.
static void
expect_lie_with_entry(va_t va, pte_t p, const char *text)
{
  pte_t old = swap_entry(va, p);
  expect_lie(text);
  swap_entry(va, old);
  expect_no_lies();
}

static void
entries(void)
{
  start();
  struct frame *a = frame_at(anon), *s = frame_at(shared), *p = frame_at(private);
  struct frame *kernel = frame_alloc(KIND_KERNEL, 0);
  pte_t outside = pte_make(pfn_frame(frame_last + 10), PROT_READ, false);
  expect_lie_with_entry(anon, 0, "names and 0 mappings found");
  expect_lie_with_entry(anon, 5UL << 10 | 4, "its slot is another page's");
  expect_lie_with_entry(anon, pte_make(kernel, PROT_READ, false), "a frame of kind 2");
  expect_lie_with_entry(anon, outside, "no such frame");
  expect_lie_with_entry(anon, pte_make(s, PROT_READ, false), "object frame");
  expect_lie_with_entry(zero, pte_make(zero_frame, RW, true), "the zero frame is writable");
  expect_lie_with_entry(zero, pte_make(a, PROT_READ, false), "its identity is");
  expect_lie_with_entry(private, pte_make(p, RW, true), "writable in a private area");
  expect_lie_with_entry(private, pte_make(p, PROT_EXEC, false), "its area allows only 1");
  expect_lie_with_entry(anon, pte_make(a, RW | PROT_EXEC, true), "its area allows only 3");
  frame_free(kernel);
  end();
}

static void
expect_lie_in(u64 *field, u64 value, const char *text)
{
  u64 old = *field;
  *field = value;
  expect_lie(text);
  *field = old;
  expect_no_lies();
}

static void
expect_lie_in_u32(u32 *field, u32 value, const char *text)
{
  u32 old = *field;
  *field = value;
  expect_lie(text);
  *field = old;
  expect_no_lies();
}

static void
frames_words(void)
{
  start();
  struct frame *a = frame_at(anon), *s = frame_at(shared);
  struct frame *lost = frame_alloc(KIND_ANON, 0);
  expect_lie("nobody has it");
  frame_free(lost);
  expect_lie_in(&a->word, a->word + SHARE_1, "writable and shared by 2");
  expect_lie_in(&a->word, a->word + MAPPED_1, "1 names and 1 mappings found");
  expect_lie_in(&s->word, s->word - SHARE_1, "given it up");
  expect_lie_in(&s->word, s->word & ~FRAME_PLACED, "writable, but has no place");
  expect_lie_in_u32(&a->owner, a->owner + 1, "private frame");
  expect_lie_in_u32(&a->index, a->index + 1, "private frame");
  expect_lie_in_u32(&s->owner, s->owner + 1, "object frame");
  expect_lie_in_u32(&s->index, s->index + 1, "says");
  end();
}

static void
totals(void)
{
  start();
  struct area *a = area_find(space, shared);
  expect_lie_in_u32(&space->nareas, space->nareas + 1, "areas");
  expect_lie_in(&a->gap, a->gap + PAGE_SIZE, "bad place");
  expect_lie_in(&a->end, a->start, "no area");
  expect_lie_in(&file->object.pages.count, 7, "pages");
  struct space *s = space;
  expect_lie_in((u64 *)&a->space, 0, "bad place");
  assert_ptr_equal(s, space);
  end();
}

static void
free_lists(void)
{
  start();
  struct hart *h = this_hart();
  struct frame *f = frame_alloc(KIND_KERNEL, 0);
  frame_free(frame_alloc(KIND_KERNEL, 0));
  assert_true(h->batch.n > 0);
  expect_lie_in(&f->word, KIND(KIND_SLAB), "frames of kind 3");
  expect_lie_in(&h->taken[KIND_ANON], h->taken[KIND_ANON] + 1, "frames of kind 5");
  expect_lie_in_u32(&h->batch.pfn[0], (u32)frame_pfn(f), "in its batch is in use");
  frame_free(f);
  u64 pfn = frame_first;
  while(frame_kind(pfn_frame(pfn)) != KIND_FREE)
    pfn++;
  expect_lie_in_u32(&pfn_frame(pfn)->index, 9, "free block");
  static struct cache cache;
  cache_init(&cache, "planted", 64, 0, NULL);
  expect_lie_in(&cache.active, 1, "cache planted");
  end();
}

// A change of a map that is half-way is waited for, not reported.
static void
changer(void *arg)
{
  rw_write_lock(&space->lock);
  yield();
  rw_write_unlock(&space->lock);
}

static void
half_way_is_no_lie(void)
{
  start();
  host_spawn(1, changer, NULL);
  yield();
  expect_no_lies();
  host_join();
  end();
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(entries), TEST(frames_words), TEST(totals), TEST(free_lists),
    TEST(half_way_is_no_lie, .harts = 2),
  };
  return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
