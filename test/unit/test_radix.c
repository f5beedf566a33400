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
insert(u64 index)
{
  if(lookup(index) >= 0){
    assert_int_equal(radix_insert(&tree, index, 1, false), -EEXIST);
    return;
  }
  if(entries == ENTRIES)
    return;
  entry[entries].index = index;
  entry[entries].value = host_random() | 1;
  entry[entries].marked = below(2);
  assert_int_equal(radix_insert(&tree, index, entry[entries].value, entry[entries].marked), 0);
  entries++;
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

// From index on, as far as one entry follows another and all are marked.
static void
unmark_run(u64 index)
{
  u64 n = 0;
  for(i64 i; (i = lookup(index + n)) >= 0 && entry[i].marked; n++)
    entry[i].marked = false;
  radix_mark_run(&tree, index, n, false);
}

// => the first entry at or after index, or -1
static i64
following(u64 index, bool marked)
{
  i64 best = -1;
  for(u64 i = 0; i < entries; i++)
    if(entry[i].index >= index && (entry[i].marked || !marked) &&
       (best < 0 || entry[i].index < entry[best].index))
      best = (i64)i;
  return best;
}

static void
next(u64 index, bool marked)
{
  i64 best = following(index, marked);
  u64 at = index, value = radix_next(&tree, &at, marked);
  assert_int_equal(value, best < 0 ? 0 : entry[best].value);
  if(best >= 0)
    assert_int_equal(at, entry[best].index);
}

static void
gather(u64 index, u64 last, bool marked)
{
  u64 value[40], at = index, max = 1 + below(40), i = index;
  u32 n = radix_gather(&tree, &at, last, marked, value, max), k = 0;
  for(i64 e; k < max && (e = following(i, marked)) >= 0 && entry[e].index <= last; k++){
    assert_true(k < n);
    assert_int_equal(value[k], entry[e].value);
    if(k + 1 == n)
      assert_int_equal(at, entry[e].index);
    i = entry[e].index + 1;
  }
  assert_int_equal(n, k);
}

// => how many slots below n have something
static u64
slots_in_use(const struct radix_node *n, u32 shift)
{
  u64 used = 0;
  for(u32 i = 0; i < RADIX_SLOTS; i++){
    used += n->slot[i] != 0;
    if(shift > 0 && n->slot[i])
      assert_true(slots_in_use((struct radix_node *)n->slot[i], shift - RADIX_BITS) > 0);
  }
  assert_int_equal(n->used, used);
  return used;
}

// No node is empty, and the tree is no higher than its largest index needs.
static void
expect_no_more_nodes(u64 largest)
{
  assert_true(tree.root == NULL || slots_in_use(tree.root, tree.shift) > 0);
  assert_true(tree.root == NULL || tree.shift == 0 || largest >> tree.shift > 0);
}

static void
expect_totals(void)
{
  u64 marked = 0, largest = 0;
  for(u64 i = 0; i < entries; i++){
    marked += entry[i].marked;
    largest = max(largest, entry[i].index);
    assert_int_equal(radix_get(&tree, entry[i].index), entry[i].value);
  }
  assert_int_equal(tree.count, entries);
  assert_int_equal(tree.marked, marked);
  expect_no_more_nodes(largest);
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
    switch(below(10)){
    case 0 ... 1: insert(index); break;
    case 2:       take_out(index); break;
    case 3:       mark(index); break;
    case 4:       unmark(index); break;
    case 8:       unmark_run(index); break;
    case 5:       next(index, below(2)); break;
    case 6:       next(index + 1, below(2)); break;
    case 7:       gather(index, below(2) ? draw_index() : index + below(80), below(2)); break;
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
  assert_int_equal(radix_get(&tree, ~0UL), 0);
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
  assert_int_equal(radix_insert(&tree, ~0UL, 7, false), 0);
  assert_int_equal(radix_insert(&tree, 3, 8, false), 0);
  assert_true(radix_mark(&tree, ~0UL));
  assert_int_equal(radix_next(&tree, &index, true), 7);
  assert_int_equal(index, ~0UL);
  radix_destroy(&tree);
}

// Runs of marks that begin and end in the middle of nodes, at their edges, and at the
// end of all indexes.
static void
long_runs(void)
{
  static const u64 run[][2] = { { 2, 10 }, { 16, 64 }, { 100, 1 }, { 130, 150 }, { 320, 80 } };
  const u64 base = ~0UL - 399;
  radix_init(&tree);
  for(u64 i = 0; i < 400; i++)
    assert_int_equal(radix_insert(&tree, base + i, 1 + i, true), 0);
  for(u64 k = 0, left = 400; k < sizeof run / sizeof run[0]; k++){
    radix_mark_run(&tree, base + run[k][0], run[k][1], false);
    assert_int_equal(tree.marked, left -= run[k][1]);
    u64 at = base + run[k][0], value = radix_next(&tree, &at, true);
    u64 after = run[k][0] + run[k][1];
    assert_int_equal(value, after < 400 ? 1 + after : 0);
    radix_mark_run(&tree, base + run[k][0], run[k][1], true);
    assert_int_equal(radix_next(&tree, &(u64){ base + run[k][0] }, true), 1 + run[k][0]);
    radix_mark_run(&tree, base + run[k][0], run[k][1], false);
  }
  radix_destroy(&tree);
}

// The kth allocation fails, for every k: what was there stays.
static void
without_memory(void)
{
  for(u64 k = 1;; k++){
    radix_init(&tree);
    assert_int_equal(radix_insert(&tree, 5, 55, false), 0);
    assert_true(radix_mark(&tree, 5));
    fail_allocation(k, FAIL_ONCE);
    int r = radix_insert(&tree, 1UL << 40, 66, false);
    fail_allocation(0, FAIL_ONCE);
    u64 at = 0;
    assert_int_equal(r, allocation_failed() ? -ENOMEM : 0);
    assert_int_equal(radix_get(&tree, 5), 55);
    assert_int_equal(radix_next(&tree, &at, true), 55);
    at = 6;
    assert_int_equal(radix_next(&tree, &at, false), r ? 0 : 66);
    assert_int_equal(tree.count, r ? 1 : 2);
    expect_no_more_nodes(r ? 5 : 1UL << 40);
    assert_int_equal(radix_insert(&tree, 1UL << 40, 67, false), r ? 0 : -EEXIST);
    assert_int_equal(radix_remove(&tree, 5), 55);
    assert_int_equal(radix_remove(&tree, 1UL << 40), r ? 67 : 66);
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
    TEST(random_steps), TEST(empty_tree), TEST(largest_index), TEST(long_runs),
    TEST(without_memory),
  };
  return cmocka_run_group_tests_name("radix", tests, NULL, NULL);
}
