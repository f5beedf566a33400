// SPDX-License-Identifier: MIT
//
// The buddy allocator on a frame table of its own, against a map of who has
// which frame.

#include "host/host.h"
#include "mm/buddy.h"

enum { FIRST = 1 << 12, MAX_FRAMES = 4096 };

static struct frame table[MAX_FRAMES];

// n free frames, numbered from FIRST, as the only RAM there is.
static void
start(u64 n)
{
  memset(table, 0, sizeof table);
  frames = (struct frame *)((u64)table - FIRST * sizeof(struct frame));
  frame_first = FIRST;
  frame_last = FIRST + n;
  for(u64 i = 0; i < n; i++)
    table[i].word = KIND(KIND_BATCH);
  buddy_init();
  buddy_add(FIRST, FIRST + n);
  assert_int_equal(buddy_free_frames(), n);
}

// => place of a block of n frames, counted from the first frame; -1 if there is none
static i64
take(u64 n)
{
  struct frame *f = buddy_alloc((u32)__builtin_ctzl(n), 0);
  return f ? f - table : -1;
}

static void
give(i64 at, u64 n)
{
  buddy_free(&table[at], (u32)__builtin_ctzl(n));
}

// ---- The lecture's pictures ----

static void
sixteen_frames(void)
{
  start(16);
  i64 two = take(2), four[3] = { take(4), take(4), take(4) };
  assert_int_equal(two, 0);
  assert_int_equal(four[0], 4);
  assert_int_equal(four[1], 8);
  assert_int_equal(four[2], 12);
  // Two frames are free, but not four.
  assert_int_equal(buddy_free_frames(), 2);
  assert_int_equal(take(4), -1);
  // The freed block meets its buddy, and four fit in the place of both.
  give(two, 2);
  assert_int_equal(buddy_blocks(1), 0);
  assert_int_equal(buddy_blocks(2), 1);
  assert_int_equal(take(4), 0);
  assert_int_equal(buddy_free_frames(), 0);
}

static void
sixtyfour_frames(void)
{
  start(64);
  i64 a = take(8), b = take(8), c = take(4);
  assert_int_equal(a, 0);
  assert_int_equal(b, 8);
  assert_int_equal(c, 16);
  give(a, 8);
  assert_int_equal(buddy_blocks(3), 2);       // a, and the one right of c's half
  give(b, 8);
  assert_int_equal(buddy_blocks(4), 1);       // a and b together; c's sixteen is in use
  assert_int_equal(buddy_blocks(3), 1);
  assert_int_equal(take(16), 0);
  give(0, 16);
  give(c, 4);
  assert_int_equal(buddy_blocks(6), 1);
  assert_int_equal(lies_of(buddy_check), 0);
}

static void
buddies_differ_in_one_bit(void)
{
  for(u32 order = 0; order < MAX_ORDER; order++){
    start(2UL << order);
    i64 a = take(1UL << order), b = take(1UL << order);
    assert_int_equal(a ^ b, 1L << order);
    give(a, 1UL << order);
    assert_int_equal(buddy_blocks(order), 1);
    give(b, 1UL << order);
    assert_int_equal(buddy_blocks(order), 0);
    assert_int_equal(buddy_blocks(order + 1), 1);
  }
  // Neighbours that are not buddies do not join.
  start(4);
  for(u32 i = 0; i < 4; i++)
    assert_int_equal(take(1), i);
  give(1, 1);
  give(2, 1);
  assert_int_equal(buddy_blocks(0), 2);
  assert_int_equal(take(2), -1);
}

// ---- Limits ----

static void
exhaustion(void)
{
  start(100);                                 // not a power of two: 64 + 32 + 4
  assert_int_equal(buddy_blocks(6), 1);
  assert_int_equal(buddy_blocks(5), 1);
  assert_int_equal(buddy_blocks(2), 1);
  assert_int_equal(take(128), -1);
  for(u32 i = 0; i < 100; i++)
    assert_true(take(1) >= 0);
  assert_int_equal(take(1), -1);
  assert_int_equal(buddy_free_frames(), 0);
  for(u32 i = 0; i < 100; i++)
    give(i, 1);
  assert_int_equal(buddy_blocks(6), 1);
  assert_int_equal(lies_of(buddy_check), 0);
}

static void
some_are_kept_for_others(void)
{
  u32 pfn[16];
  start(16);
  assert_non_null(buddy_alloc(2, 12));
  assert_null(buddy_alloc(2, 9));
  assert_int_equal(buddy_alloc_batch(pfn, 16, 8), 4);
  assert_int_equal(buddy_free_frames(), 8);
  buddy_free_batch(pfn, 4);
  assert_int_equal(buddy_free_frames(), 12);
  assert_int_equal(lies_of(buddy_check), 0);
}

static void
blocks_do_not_grow_across_a_hole(void)
{
  start(64);
  i64 all = take(64);
  for(u32 i = 0; i < 64; i++)
    table[i].word = KIND(i == 17 ? KIND_KERNEL : KIND_BATCH);
  buddy_init();
  buddy_add(FIRST, FIRST + 17);
  buddy_add(FIRST + 18, FIRST + 64);
  assert_int_equal(all, 0);
  assert_int_equal(buddy_free_frames(), 63);
  assert_int_equal(buddy_blocks(5), 1);       // 32..63
  assert_int_equal(buddy_blocks(4), 1);       // 0..15; 16 stands alone
  assert_int_equal(buddy_blocks(0), 1);
  assert_int_equal(lies_of(buddy_check), 0);
}

// ---- Against a map ----

static u32 owner[MAX_FRAMES];                 // 0 = free, else which allocation

static bool
fits(u64 n, u64 size)
{
  for(u64 at = 0; at + size <= n; at += size){
    u64 i = 0;
    while(i < size && owner[at + i] == 0)
      i++;
    if(i == size)
      return true;
  }
  return false;
}

static void
mark(i64 at, u64 size, u32 was, u32 is)
{
  for(u64 i = 0; i < size; i++){
    assert_int_equal(owner[(u64)at + i], was);
    owner[(u64)at + i] = is;
  }
}

static void
random_blocks(void)
{
  enum { N = 1500, LIVE = 64 };
  struct { i64 at; u64 size; } live[LIVE] = { 0 };
  start(N);
  for(u64 step = 0; step < host_rounds(6000); step++){
    u32 k = (u32)below(LIVE);
    if(live[k].size){
      mark(live[k].at, live[k].size, k + 1, 0);
      give(live[k].at, live[k].size);
      live[k].size = 0;
    } else {
      u64 size = 1UL << below(below(2) ? 4 : MAX_ORDER + 1);
      i64 at = take(size);
      assert_int_equal(at >= 0, fits(N, size));
      if(at < 0)
        continue;
      assert_int_equal((u64)at % size, 0);
      mark(at, size, 0, k + 1);
      live[k].at = at;
      live[k].size = size;
    }
    u64 free = 0;
    for(u64 i = 0; i < N; i++)
      free += owner[i] == 0;
    assert_int_equal(buddy_free_frames(), free);
    if(step % 64 == 0)
      assert_int_equal(lies_of(buddy_check), 0);
  }
}

// ---- The checker finds what is planted ----

static void
check_finds(void (*plant)(struct frame *head), const char *text)
{
  start(64);
  take(1);                                    // free: 1, 2, 4, 8, 16, 32
  assert_int_equal(lies_of(buddy_check), 0);
  plant(&table[4]);
  host_log_clear();
  assert_true(lies_of(buddy_check) > 0);
  assert_true(host_log_has(text));
}

static void wrong_order(struct frame *f) { f->index++; }
static void wrong_kind(struct frame *f) { f->word = KIND(KIND_ANON); }
static void wrong_link(struct frame *f) { f->prev = FIRST + 1; }

// Frame 40 lies inside the free block of 32.
static void
block_inside_a_block(struct frame *f)
{
  table[40] = (struct frame){ .word = KIND(KIND_FREE), .index = 2, .prev = FIRST + 4 };
  f->next = FIRST + 40;
}

static void
free_beside_its_buddy(struct frame *f)
{
  table[2].word = KIND(KIND_BATCH);
  buddy_init();
  buddy_free(&table[2], 0);
  table[3].word = KIND(KIND_FREE);
  table[3].index = 0;
}

static void
checker(void)
{
  check_finds(wrong_order, "bad head");
  check_finds(wrong_kind, "bad head");
  check_finds(wrong_link, "bad head");
  check_finds(block_inside_a_block, "counted");
  check_finds(free_beside_its_buddy, "its buddy is free too");
}

static void
free_twice(void)
{
  start(16);
  i64 at = take(4);
  give(at, 4);
  give(at, 4);
}

static void
double_free(void)
{
  expect_death(free_twice, "KIND_FREE");
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(sixteen_frames, .bare = true),
    TEST(sixtyfour_frames, .bare = true),
    TEST(buddies_differ_in_one_bit, .bare = true),
    TEST(exhaustion, .bare = true),
    TEST(some_are_kept_for_others, .bare = true),
    TEST(blocks_do_not_grow_across_a_hole, .bare = true),
    TEST(random_blocks, .bare = true),
    TEST(checker, .bare = true),
    TEST(double_free, .bare = true),
  };
  return cmocka_run_group_tests_name("buddy", tests, NULL, NULL);
}
