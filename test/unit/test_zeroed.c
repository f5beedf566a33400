// SPDX-License-Identifier: MIT
//
// The pool of zeroed frames: bounded, free memory still, and given back.

#include "host/host.h"
#include "mm/reaper.h"
#include "mm/zeroed.h"

static bool
all_zero(const struct frame *f)
{
  const u64 *word = frame_kva(f);
  for(u64 i = 0; i < PAGE_SIZE / sizeof *word; i++)
    if(word[i] != 0)
      return false;
  return true;
}

static u64
counted_free(void)
{
  struct mem_info mi;
  frame_info(&mi);
  return mi.free;
}

static u64
fill(void)
{
  u64 n = 0;
  while(frame_prepare())
    n++;
  return n;
}

static void
filled_and_used(void)
{
  u64 before = counted_free(), n = fill();
  assert_true(n > 0 && n <= frames_total() / 64);
  assert_int_equal(zeroed_frames(), n);
  assert_int_equal(counted_free(), before);
  expect_no_lies();
  struct frame *f[200];
  for(u64 i = 0; i < n + 4; i++){
    assert_non_null(f[i] = frame_alloc(KIND_KERNEL, ALLOC_ZERO));
    assert_int_equal(frame_kind(f[i]), KIND_KERNEL);
    assert_true(all_zero(f[i]));
    assert_int_equal(zeroed_frames(), i < n ? n - 1 - i : 0);
  }
  for(u64 i = 0; i < n + 4; i++){
    memset(frame_kva(f[i]), 0xee, PAGE_SIZE);
    frame_free(f[i]);
  }
}

// Who does not need zeroes leaves them to those who do.
static void
kept_for_those_who_need_them(void)
{
  u64 n = fill();
  struct frame *f = frame_alloc(KIND_KERNEL, 0);
  assert_int_equal(zeroed_frames(), n);
  frame_free(f);
}

static void
given_back(void)
{
  fill();
  harts_drain();
  assert_int_equal(zeroed_frames(), 0);
  assert_int_equal(frames_free(), counted_free());
}

// Page tables that are empty again go there too, while it is not full.
static void
given_when_freed(void)
{
  struct frame *f[200];
  u64 before = counted_free(), n = 0;
  while(n < count_of(f))
    f[n++] = frame_alloc(KIND_TABLE, ALLOC_ZERO);
  for(u64 i = 0; i < n; i++)
    frame_free_zeroed(f[i]);
  assert_true(zeroed_frames() > 0 && zeroed_frames() <= frames_total() / 64);
  assert_int_equal(counted_free(), before);
  expect_no_lies();
  u64 pooled = zeroed_frames();
  struct frame *again = frame_alloc(KIND_TABLE, ALLOC_ZERO);
  assert_ptr_equal(again, f[pooled - 1]);
  assert_true(all_zero(again));
  assert_int_equal(zeroed_frames(), pooled - 1);
  frame_free_zeroed(again);
}

// Nothing is put aside where memory is short, and what was does not stay so.
static void
not_when_memory_is_short(void)
{
  struct frame *f[3000];
  u64 n = 0;
  assert_true(fill() > 0);
  while(n < count_of(f) && (f[n] = frame_alloc(KIND_KERNEL, ALLOC_USER)) != NULL)
    n++;
  memory_wait();                       // the reaper has been
  assert_int_equal(zeroed_frames(), 0);
  assert_false(frame_prepare());
  while(n > 0)
    frame_free(f[--n]);
}

static void
checker(void)
{
  fill();
  frame_free(zeroed_take(KIND_KERNEL));
  u64 pfn = frame_first;
  while(frame_kind(pfn_frame(pfn)) != KIND_BATCH || !all_zero(pfn_frame(pfn)))
    pfn++;
  ((u64 *)frame_kva(pfn_frame(pfn)))[100] = 7;
  host_log_clear();
  assert_true(lies_of(zeroed_check) > 0);
  assert_true(host_log_has("has 7 at 320"));
  ((u64 *)frame_kva(pfn_frame(pfn)))[100] = 0;
  assert_int_equal(lies_of(zeroed_check), 0);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(filled_and_used, .frames = 4096), TEST(kept_for_those_who_need_them, .frames = 4096),
    TEST(given_back, .frames = 4096), TEST(given_when_freed, .frames = 4096),
    TEST(not_when_memory_is_short, .reaper = true),
    TEST(checker, .frames = 4096),
  };
  return cmocka_run_group_tests_name("zeroed", tests, NULL, NULL);
}
