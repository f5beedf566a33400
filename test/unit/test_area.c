// SPDX-License-Identifier: MIT
//
// The areas of a space, against a sorted array of them.

#include "host/host.h"
#include "mm/area.h"

enum { SLOTS = 400, AREAS = 60 };          // pages of the range the areas lie in; at most so many

static struct space *space;
static struct { u32 start, end, prot; } model[AREAS + 1];
static u32 areas;

static va_t
va_of(u32 page)
{
  return USER_MIN + page * PAGE_SIZE;
}

static u32
page_of(va_t va)
{
  return (u32)((va - USER_MIN) >> PAGE_SHIFT);
}

// ---- The sorted array ----

// => the first that ends above page, or `areas`
static u32
above(u32 page)
{
  u32 i = 0;
  while(i < areas && model[i].end <= page)
    i++;
  return i;
}

static void
model_insert(u32 at, u32 start, u32 end, u32 prot)
{
  memmove(&model[at + 1], &model[at], (areas - at) * sizeof model[0]);
  model[at].start = start;
  model[at].end = end;
  model[at].prot = prot;
  areas++;
}

static void
model_remove(u32 at)
{
  areas--;
  memmove(&model[at], &model[at + 1], (areas - at) * sizeof model[0]);
}

// The highest place for n pages below top.
static i64
model_gap(u32 n, u32 top)
{
  for(i64 at = (i64)top - n; at >= 0; at--){
    u32 i = above((u32)at);
    if(i == areas || model[i].start >= at + n)
      return at;
  }
  return -1;
}

// ---- Steps ----

static void
insert(u32 page)
{
  u32 i = above(page), end = page + 1 + (u32)below(8);
  if(areas == AREAS || (i < areas && model[i].start <= page))
    return;
  end = min(end, i < areas ? model[i].start : SLOTS);
  struct area *a = area_alloc();
  a->start = va_of(page);
  a->end = va_of(end);
  a->prot = (u32)below(3);
  model_insert(i, page, end, a->prot);
  area_insert(space, a);
}

static void
take_out(u32 i)
{
  struct area *a = area_find(space, va_of(model[i].start));
  area_remove(space, a);
  area_free(a);
  model_remove(i);
}

static void
resize(u32 i)
{
  struct area *a = area_find(space, va_of(model[i].start));
  u32 low = i ? model[i - 1].end : 0, high = i + 1 < areas ? model[i + 1].start : SLOTS;
  u32 start = low + (u32)below(model[i].end - low), end = start + 1 + (u32)below(high - start);
  model[i].start = start;
  model[i].end = end;
  area_resize(space, a, va_of(start), va_of(end));
}

static void
split(u32 i)
{
  u32 n = model[i].end - model[i].start;
  if(n < 2 || areas == AREAS)
    return;
  u32 at = model[i].start + 1 + (u32)below(n - 1);
  area_split(space, area_find(space, va_of(model[i].start)), va_of(at), area_alloc());
  model_insert(i + 1, at, model[i].end, model[i].prot);
  model[i].end = at;
}

static bool
continues(u32 i)
{
  return i + 1 < areas && model[i].end == model[i + 1].start && model[i].prot == model[i + 1].prot;
}

static void
merge(u32 i)
{
  struct list dead = LIST_INIT(dead);
  struct area *a = area_merge(space, area_find(space, va_of(model[i].start)), &dead);
  if(continues(i)){
    model[i].end = model[i + 1].end;
    model_remove(i + 1);
  }
  if(i > 0 && continues(i - 1)){
    model[i - 1].end = model[i].end;
    model_remove(i);
    i--;
  }
  assert_int_equal(a->start, va_of(model[i].start));
  assert_int_equal(a->end, va_of(model[i].end));
  areas_release(&dead);
}

// ---- Questions ----

static void
ask(u32 page)
{
  u32 i = above(page);
  struct area *a = area_above(space, va_of(page)), *f = area_find(space, va_of(page));
  assert_int_equal(a ? page_of(a->start) : ~0u, i < areas ? model[i].start : ~0u);
  assert_int_equal(f != NULL, i < areas && model[i].start <= page);
  struct area *b = area_below(space, va_of(page));
  u32 k = 0;
  while(k < areas && model[k].start < page)
    k++;
  assert_int_equal(b ? page_of(b->start) : ~0u, k ? model[k - 1].start : ~0u);
}

static void
ask_gap(u32 n, u32 top)
{
  va_t va = area_gap(space, n * PAGE_SIZE, va_of(top));
  i64 want = model_gap(n, top);
  assert_int_equal(va ? (i64)page_of(va) : -1, want);
}

static u64
check_tree(const struct area *n, u32 *count)
{
  if(n == NULL)
    return 0;
  u64 low = check_tree(n->left, count), high = check_tree(n->right, count);
  u64 gap = max(max(low, high), n->gap);
  assert_int_equal(n->gap_max, gap);
  assert_true(!n->left || (n->left->start < n->start && n->left->priority <= n->priority));
  assert_true(!n->right || (n->right->start > n->start && n->right->priority <= n->priority));
  *count += 1;
  return gap;
}

static void
expect_same(void)
{
  u32 count = 0;
  u64 pages = 0;
  va_t end = USER_MIN;
  check_tree(space->root, &count);
  assert_int_equal(count, areas);
  assert_int_equal(space->nareas, areas);
  for(u32 i = 0; i < areas; i++){
    struct area *a = area_find(space, va_of(model[i].start));
    assert_non_null(a);
    assert_int_equal(page_of(a->start), model[i].start);
    assert_int_equal(page_of(a->end), model[i].end);
    assert_int_equal(a->prot, model[i].prot);
    assert_int_equal(a->gap, a->start - end);
    end = a->end;
    pages += model[i].end - model[i].start;
  }
  assert_int_equal(space->mapped, pages);
}

static void
random_steps(void)
{
  space = space_create();
  for(u64 n = 0; n < host_rounds(20000); n++){
    u32 page = (u32)below(SLOTS), i = areas ? (u32)below(areas) : 0;
    switch(areas ? below(12) : 0){
    case 0 ... 2: insert(page); break;
    case 3:       take_out(i); break;
    case 4 ... 5: resize(i); break;
    case 6 ... 7: split(i); break;
    case 8:       merge(i); break;
    case 9:       ask(page); break;
    default:      ask_gap(1 + (u32)below(20), page); break;
    }
    if(n % 20 == 0)
      expect_same();
  }
  while(areas)
    take_out(0);
  space_put(space);
}

// In order of address, the worst case for a tree that does not balance itself.
static u32
depth(const struct area *n)
{
  if(n == NULL)
    return 0;
  u32 low = depth(n->left), high = depth(n->right);
  return 1 + max(low, high);
}

static void
stays_balanced(void)
{
  enum { N = 4000 };
  space = space_create();
  for(u32 i = 0; i < N; i++){
    struct area *a = area_alloc();
    a->start = va_of(2 * i);
    a->end = va_of(2 * i + 1);
    area_insert(space, a);
  }
  assert_true(depth(space->root) < 50);
  assert_int_equal(area_gap(space, PAGE_SIZE, va_of(2 * N)), va_of(2 * N - 1));
  space_put(space);
}

int
main(void)
{
  const struct CMUnitTest tests[] = { TEST(random_steps), TEST(stays_balanced) };
  return cmocka_run_group_tests_name("area", tests, NULL, NULL);
}
