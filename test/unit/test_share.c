// SPDX-License-Identifier: MIT
//
// Page tables that fork leaves in common: what it costs, who gets a table of its
// own and when, and random steps of a family of spaces against a naive model.

#include "host/host.h"

#define LEAF (512 * PAGE_SIZE)
enum { RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static struct space *parent;

static va_t
map(struct space *s, va_t at, u64 len, u32 prot)
{
  i64 r = vm_map(s, at, len, prot, ANON | (at ? MAP_FIXED : 0), NULL, 0, NULL);
  assert_true(r > 0);
  return (va_t)r;
}

static void
store(struct space *s, va_t va, u64 v)
{
  run_space(s);
  assert_int_equal(user_store(va, v), FAULT_OK);
}

static void
expect(struct space *s, va_t va, u64 want)
{
  u64 v = ~want;
  run_space(s);
  assert_int_equal(user_load(va, &v), FAULT_OK);
  assert_int_equal(v, want);
}

static struct space *
fork_of(struct space *s)
{
  struct space *child = NULL;
  assert_int_equal(space_fork(s, &child), 0);
  return child;
}

static void
put(struct space *s)
{
  leave_space(s);
  space_put(s);
}

// Four whole tables and a piece of one, a page in every 16 touched.
enum { LEAVES = 4, STRIDE = 16 };

static va_t
populated(void)
{
  parent = space_create();
  va_t a = map(parent, GiB, LEAVES * LEAF + 32 * PAGE_SIZE, RW);
  for(va_t va = a; va < a + LEAVES * LEAF; va += STRIDE * PAGE_SIZE)
    store(parent, va, va);
  return a;
}

// ---- By name ----

// A fork takes tables for the child's own upper levels and nothing else; the
// first touch of either side takes one leaf table.
static void
cost_of_a_fork(void)
{
  va_t a = populated();
  u64 before = free_frames();
  struct space *child = fork_of(parent);
  assert_int_equal(before - free_frames(), 2);
  assert_int_equal(pmap_resident(&child->pmap, NULL), pmap_resident(&parent->pmap, NULL));
  expect(child, a + LEAF, a + LEAF);
  assert_int_equal(before - free_frames(), 2 + 1);
  store(child, a + LEAF + 8, 1);
  assert_int_equal(before - free_frames(), 2 + 1 + 1);
  expect(parent, a + LEAF, a + LEAF);
  expect(parent, a + LEAF + 8, 0);
  assert_int_equal(before - free_frames(), 2 + 1 + 1);     // the last holder copies nothing
  expect_no_lies();
  put(child);
  assert_int_equal(before, free_frames());
  put(parent);
}

// Once the child has gone without a touch, the parent's pages are as writable as
// before: one fault a table, none a page.
static void
nothing_left_to_do(void)
{
  va_t a = populated();
  put(fork_of(parent));
  u64 faults = vm_counter(VM_FAULT);
  for(va_t va = a; va < a + LEAF; va += STRIDE * PAGE_SIZE)
    store(parent, va, 1);
  assert_int_equal(vm_counter(VM_FAULT), faults + 1);
  assert_int_equal(vm_counter(VM_COW_COPY) + vm_counter(VM_COW_REUSE), 0);
  put(parent);
}

// Two harts hold translations when a third forks: a store after the fork must not
// reach the child through what they remember.
static void
no_hart_keeps_a_translation(void)
{
  va_t a = populated();
  for(u32 h = 0; h < nharts; h++){
    on_hart(h);
    store(parent, a, h);
  }
  on_hart(0);
  struct space *child = fork_of(parent);
  for(u32 h = 0; h < nharts; h++){
    on_hart(h);
    run_space(parent);
    assert_null(mmu_translate(a, ACCESS_READ, true));
  }
  store(parent, a, 100);
  expect(child, a, nharts - 1);
  put(child);
  put(parent);
}

// What has to change a part of a table, and cannot have one of its own, changes nothing.
static void
want_of_memory(void)
{
  va_t a = populated();
  struct space *child = fork_of(parent);
  u64 before = free_frames();
  fail_allocation(1, FAIL_ON);
  assert_int_equal(vm_unmap(child, a + PAGE_SIZE, PAGE_SIZE), -ENOMEM);
  assert_int_equal(vm_unmap(child, a + LEAF, LEAF + PAGE_SIZE), -ENOMEM);
  assert_int_equal(vm_protect(child, a, 2 * LEAF, PROT_READ), -ENOMEM);
  assert_int_equal(vm_discard(child, a + PAGE_SIZE, PAGE_SIZE, NULL), -ENOMEM);
  struct space *grandchild;
  assert_int_equal(space_fork(child, &grandchild), -ENOMEM);
  assert_int_equal(vm_discard(child, a + LEAF, LEAF, NULL), 0);  // whole tables need none
  fail_allocation(0, FAIL_ON);
  assert_int_equal(before, free_frames());
  expect_no_lies();
  expect(child, a, a);
  expect(child, a + LEAF, 0);
  expect(child, a + 2 * LEAF, a + 2 * LEAF);
  expect(parent, a + LEAF, a + LEAF);
  put(child);
  put(parent);
}

// Areas of other kinds beside it, and one put into the place of a part.
static void
neighbours(void)
{
  parent = space_create();
  va_t a = map(parent, GiB, LEAF, RW);
  store(parent, a, 1);
  struct space *child = fork_of(parent);
  i64 shared = vm_map(child, GiB + LEAF, PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED,
                      NULL, 0, NULL);
  assert_int_equal(shared, GiB + LEAF);
  struct space *grandchild = fork_of(child);
  store(child, (va_t)shared, 2);
  expect(grandchild, (va_t)shared, 2);
  store(grandchild, a, 3);
  expect(child, a, 1);
  expect(parent, a, 1);
  u64 v;
  run_space(parent);
  assert_int_equal(user_load((va_t)shared, &v), FAULT_MAPERR);
  i64 inside = vm_map(grandchild, GiB + PAGE_SIZE, PAGE_SIZE, RW,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, NULL, 0, NULL);
  store(grandchild, (va_t)inside, 4);
  expect(parent, (va_t)inside, 0);
  expect_no_lies();
  put(parent);
  put(grandchild);
  expect(child, a, 1);
  put(child);
}

// ---- Against a model ----

enum { FAMILY = 5, SPAN = 3 * 512, FEW = 6 };

struct member {
  struct space *space;
  u8 prot[SPAN];           // ABSENT: not mapped
  u64 value[SPAN];
};
enum { ABSENT = 0xff };
static struct member family[FAMILY];

static va_t
page_va(u64 i)
{
  return GiB - 100 * PAGE_SIZE + i * PAGE_SIZE;
}

// Around a few places, so that pages meet again.
static u64
draw_page(void)
{
  return (below(FEW) * (SPAN / FEW) + below(6)) % SPAN;
}

static void
draw_range(u64 *from, u64 *to)
{
  *from = below(3) ? draw_page() : below(SPAN / 512) * 512 + 100;
  *to = below(3) ? *from + 1 + below(700) : *from + 512;
  *to = min(*to, (u64)SPAN);
  *from = min(*from, *to - 1);
}

static struct member *
draw_member(void)
{
  struct member *m;
  do
    m = &family[below(FAMILY)];
  while(m->space == NULL);
  return m;
}

static void
step_touch(struct member *m)
{
  u64 i = draw_page(), v = host_random();
  bool writes = below(2);
  u32 prot = m->prot[i];
  enum fault want = prot == ABSENT ? FAULT_MAPERR :
                    prot & (writes ? PROT_WRITE : RW) ? FAULT_OK : FAULT_ACCERR;
  run_space(m->space);
  enum fault got = writes ? user_store(page_va(i), v) : user_load(page_va(i), &v);
  if(got != want || (got == FAULT_OK && !writes && v != m->value[i]))
    panic("page %lu: fault %d, not %d; %lx, not %lx", i, got, want, v, m->value[i]);
  if(got == FAULT_OK)
    m->value[i] = v;
}

static void
step_change(struct member *m)
{
  static const u32 prots[] = { RW, RW, PROT_READ, PROT_NONE };
  u64 from, to, kind = below(4);
  draw_range(&from, &to);
  va_t va = page_va(from), len = (to - from) * PAGE_SIZE;
  u32 prot = prots[below(4)];
  bool hole = false;
  for(u64 i = from; i < to; i++)
    hole |= m->prot[i] == ABSENT;
  if(kind == 0)
    assert_int_equal(vm_unmap(m->space, va, len), 0);
  else if(kind == 1)
    map(m->space, va, len, prot);
  else if(hole)
    return;
  else
    assert_int_equal(kind == 2 ? vm_protect(m->space, va, len, prot)
                               : vm_discard(m->space, va, len, NULL), 0);
  for(u64 i = from; i < to; i++){
    m->prot[i] = kind == 0 ? ABSENT : kind == 3 ? m->prot[i] : prot;
    m->value[i] = kind == 2 ? m->value[i] : 0;
  }
}

// Nothing anybody can see changes, whether it can be done or not; with new memory it can,
// if there is enough in a row.
static void
step_collapse(struct member *m)
{
  u64 from = 100 + below(2) * 512;
  if(below(2)){
    map(m->space, page_va(from), LEAF, RW);
    memset(m->prot + from, RW, 512);
    memset(m->value + from, 0, 512 * sizeof m->value[0]);
    store(m->space, page_va(from), m->value[from] = host_random());
  }
  vm_collapse(m->space, page_va(from), LEAF);
}

static void
step_fork(struct member *m)
{
  struct member *child = &family[below(FAMILY)];
  if(child == m)
    return;
  if(child->space)
    put(child->space);
  *child = *m;
  child->space = fork_of(m->space);
}

static void
random_family(void)
{
  struct member *m = &family[0];
  m->space = space_create();
  memset(m->prot, ABSENT, sizeof m->prot);
  for(u64 n = 0; n < host_rounds(6000); n++){
    on_hart((u32)below(nharts));
    m = draw_member();
    u64 what = below(100);
    if(what < 80)
      step_touch(m);
    else if(what < 90)
      step_change(m);
    else if(what < 94)
      step_collapse(m);
    else
      step_fork(m);
    if(n % 64 == 0)
      expect_no_lies();
  }
  assert_true(vm_counter(VM_JOIN) > 0 && vm_counter(VM_SPLIT) > 0);
  for(u32 i = 0; i < FAMILY; i++)
    if(family[i].space)
      put(family[i].space);
}

// ---- At the same time ----

enum { RACERS = 3 };
static struct space *racing[RACERS];
static va_t race_base;

// Pages of one table, each racer's own, in spaces that hold it in common.
static void
racer(void *arg)
{
  u64 me = (u64)arg;
  run_space(racing[me]);
  for(u64 i = 0; i < 8; i++){
    va_t va = race_base + (me * 8 + i) * PAGE_SIZE;
    assert_int_equal(user_store(va, me + 1), FAULT_OK);
  }
  for(u64 i = 0; i < RACERS * 8; i++){
    u64 v = 0;
    assert_int_equal(user_load(race_base + i * PAGE_SIZE, &v), FAULT_OK);
    bool same = racing[i / 8] == racing[me];
    if(v != 0 && (v != i / 8 + 1 || !same))
      panic("racer %lu reads %lu in page %lu", me, v, i);
  }
  run_space(NULL);
}

// Racers 0 and 1 are threads of the parent, 2 is the child.
static void
holders_race(void)
{
  parent = space_create();
  race_base = map(parent, GiB, LEAF, RW);
  run_space(parent);
  for(u64 i = 0; i < RACERS * 8; i++)
    store(parent, race_base + i * PAGE_SIZE, 0);
  racing[0] = racing[1] = parent;
  racing[2] = fork_of(parent);
  run_space(NULL);
  preemption = 3 + (u32)below(20);
  for(u64 i = 0; i < RACERS; i++)
    host_spawn((u32)i + 1, racer, (void *)i);
  host_join();
  expect_no_lies();
  space_put(racing[2]);
  space_put(parent);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(cost_of_a_fork), TEST(nothing_left_to_do), TEST(no_hart_keeps_a_translation, .harts = 3),
    TEST(want_of_memory, .harts = 2, .reaper = true), TEST(neighbours),
    TEST(random_family, .frames = 12000),
    TEST(random_family, .frames = 12000, .harts = 4, .seed = 2),
    TEST(random_family, .frames = 12000, .harts = 2, .asid_bits = NO_ASIDS, .seed = 3),
    TEST(holders_race, .harts = 4), TEST(holders_race, .harts = 4, .seed = 2),
    TEST(holders_race, .harts = 4, .seed = 3), TEST(holders_race, .harts = 4, .seed = 4),
  };
  return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
