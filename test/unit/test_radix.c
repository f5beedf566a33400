// SPDX-License-Identifier: MIT
//
// The radix tree of an object's pages, against an unsorted list.

#include "host/host.h"
#include "mm/radix.h"
#include "mm/slab.h"

enum { ENTRIES = 200 };

static struct radix tree;
static struct { u64 index, value; bool marked; } entry[ENTRIES];
static u64 entries;

static i64
lookup(u64 index)
{
  for(u64 i = 0; i < entries; i++)
    if(entry[i].index == index)
      return (i64)i;
  return -1;
}

// Close together, in clumps far apart, and anywhere.
static u64
draw_index(void)
{
  switch(below(4)){
  case 0:  return below(100);
  case 1:  return (below(5) << 20) + below(70);
  case 2:  return (1UL << below(52)) - below(2);
  default: return entries ? entry[below(entries)].index : 0;
  }
}

static void
set(u64 index)
{
  i64 i = lookup(index);
  if(i < 0 && entries == ENTRIES)
    return;
  if(i < 0){
    i = (i64)entries++;
    entry[i].index = index;
    entry[i].marked = false;
  }
  entry[i].value = host_random() | 1;
  assert_int_equal(radix_set(&tree, index, entry[i].value), 0);
}

static void
take_out(u64 index)
{
  i64 i = lookup(index);
  assert_int_equal(radix_remove(&tree, index), i < 0 ? 0 : entry[i].value);
  if(i >= 0)
    entry[i] = entry[--entries];
}

static void
mark(u64 index)
{
  i64 i = lookup(index);
  if(i < 0)
    return;
  assert_int_equal(radix_mark(&tree, index), !entry[i].marked);
  entry[i].marked = true;
}

static void
unmark(u64 index)
{
  i64 i = lookup(index);
  assert_int_equal(radix_unmark(&tree, index), i >= 0 && entry[i].marked);
  if(i >= 0)
    entry[i].marked = false;
}

static void
next(u64 index, bool marked)
{
  i64 best = -1;
  for(u64 i = 0; i < entries; i++)
    if(entry[i].index >= index && (entry[i].marked || !marked) &&
       (best < 0 || entry[i].index < entry[best].index))
      best = (i64)i;
  u64 at = index, value = radix_next(&tree, &at, marked);
  assert_int_equal(value, best < 0 ? 0 : entry[best].value);
  if(best >= 0)
    assert_int_equal(at, entry[best].index);
}

static void
expect_totals(void)
{
  u64 marked = 0;
  for(u64 i = 0; i < entries; i++){
    marked += entry[i].marked;
    assert_int_equal(radix_get(&tree, entry[i].index), entry[i].value);
  }
  assert_int_equal(tree.count, entries);
  assert_int_equal(tree.marked, marked);
}

static void
get(u64 index)
{
  i64 i = lookup(index);
  assert_int_equal(radix_get(&tree, index), i < 0 ? 0 : entry[i].value);
}

static void
random_steps(void)
{
  radix_init(&tree);
  for(u64 n = 0; n < host_rounds(30000); n++){
    u64 index = draw_index();
    switch(below(8)){
    case 0 ... 1: set(index); break;
    case 2:       take_out(index); break;
    case 3:       mark(index); break;
    case 4:       unmark(index); break;
    case 5:       next(index, below(2)); break;
    case 6:       next(index + 1, below(2)); break;
    default:      get(index); break;
    }
    if(n % 100 == 0)
      expect_totals();
  }
  while(entries)
    take_out(entry[0].index);
  assert_null(tree.root);
}

static void
empty_tree(void)
{
  u64 index = 0;
  radix_init(&tree);
  assert_int_equal(radix_get(&tree, 0), 0);
  assert_int_equal(radix_remove(&tree, 5), 0);
  assert_int_equal(radix_next(&tree, &index, false), 0);
  assert_false(radix_unmark(&tree, 0));
  radix_destroy(&tree);
}

static void
largest_index(void)
{
  u64 index = 0;
  radix_init(&tree);
  assert_int_equal(radix_set(&tree, ~0UL, 7), 0);
  assert_int_equal(radix_set(&tree, 3, 8), 0);
  assert_true(radix_mark(&tree, ~0UL));
  assert_int_equal(radix_next(&tree, &index, true), 7);
  assert_int_equal(index, ~0UL);
  radix_destroy(&tree);
}

// The kth allocation fails, for every k: what was there stays.
static void
without_memory(void)
{
  for(u64 k = 1;; k++){
    radix_init(&tree);
    assert_int_equal(radix_set(&tree, 5, 55), 0);
    assert_true(radix_mark(&tree, 5));
    fail_allocation(k, FAIL_ONCE);
    int r = radix_set(&tree, 1UL << 40, 66);
    fail_allocation(0, FAIL_ONCE);
    u64 at = 0;
    assert_int_equal(r, allocation_failed() ? -ENOMEM : 0);
    assert_int_equal(radix_get(&tree, 5), 55);
    assert_int_equal(radix_next(&tree, &at, true), 55);
    at = 6;
    assert_int_equal(radix_next(&tree, &at, false), r ? 0 : 66);
    assert_int_equal(tree.count, r ? 1 : 2);
    assert_int_equal(radix_set(&tree, 1UL << 40, 67), 0);
    assert_int_equal(radix_remove(&tree, 5), 55);
    assert_int_equal(radix_remove(&tree, 1UL << 40), 67);
    radix_destroy(&tree);
    if(r == 0)
      break;
    assert_true(k < 50);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(random_steps), TEST(empty_tree), TEST(largest_index), TEST(without_memory),
  };
  return cmocka_run_group_tests_name("radix", tests, NULL, NULL);
}
