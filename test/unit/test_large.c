// SPDX-License-Identifier: MIT
//
// Large pages: what becomes one, what it is good for, and that whoever wants a part
// of one finds small pages as if it had never been.

#include "host/host.h"
#include "tables.h"

#define LEAF LEAF_SPAN
enum { RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS, PAGES = TABLE_ENTRIES };

static struct space *space;

static va_t
map(va_t at, u64 len, u32 prot, u32 flags)
{
  i64 r = vm_map(space, at, len, prot, flags | MAP_FIXED, NULL, 0, NULL);
  assert_int_equal(r, at);
  return at;
}

static void
start(void)
{
  space = space_create();
  run_space(space);
}

static void
end(void)
{
  leave_space(space);
  space_put(space);
}

static void
store(va_t va, u64 v)
{
  assert_int_equal(user_store(va, v), FAULT_OK);
}

static void
expect(va_t va, u64 want)
{
  u64 v = ~want;
  assert_int_equal(user_load(va, &v), FAULT_OK);
  assert_int_equal(v, want);
}

static bool
is_large(va_t va)
{
  pte_t *e = middle_entry(&space->pmap, va);
  return e && pte_is_large(*e);
}

// A large page with a number in every page.
static va_t
large(va_t at)
{
  map(at, LEAF, RW, ANON);
  for(u64 i = 0; i < PAGES; i++)
    store(at + i * PAGE_SIZE, at + i);
  assert_int_equal(vm_collapse(space, at, LEAF), 0);
  assert_true(is_large(at));
  return at;
}

static void
expect_numbers(va_t at, u64 from)
{
  for(u64 i = from; i < PAGES; i++)
    expect(at + i * PAGE_SIZE, at + i);
}

// ---- Becoming one ----

struct seen { u64 pages, large; pte_t first; };

static void
see(void *arg, va_t va, pte_t p, const struct frame *table)
{
  struct seen *s = arg;
  s->first = s->pages++ ? s->first : p;
  s->large += table == NULL;
  struct frame *f = pte_frame(p);
  assert_int_equal(f->index, va >> PAGE_SHIFT);
  assert_int_equal(pte_pfn(p), pte_pfn(s->first) + table_index(va, 0));
  assert_int_equal(f->word & COUNTS, SHARE_1 | MAPPED_1);
}

// Pages are moved, holes filled with zeroes; each frame is still counted by itself.
static void
collapse(void)
{
  start();
  va_t a = map(GiB, LEAF, RW, ANON);
  for(u64 i = 0; i < PAGES; i += 3)
    store(a + i * PAGE_SIZE, i + 1);
  u64 v, tables = space->pmap.tables, before = free_frames();
  user_load(a + PAGE_SIZE, &v);                   // the frame of zeroes
  u64 there = pmap_resident(&space->pmap, NULL);
  assert_int_equal(vm_collapse(space, a, LEAF), 0);
  assert_true(is_large(a));
  for(u64 i = 0; i < PAGES; i++)
    expect(a + i * PAGE_SIZE, i % 3 ? 0 : i + 1);
  struct seen s = { 0 };
  pmap_scan(&space->pmap, a, a + LEAF, NULL, see, &s);
  assert_int_equal(s.pages, PAGES);
  assert_int_equal(s.large, PAGES);
  assert_int_equal(pmap_resident(&space->pmap, NULL), PAGES);
  assert_int_equal(space->pmap.tables, tables);
  assert_int_equal(before - free_frames(), PAGES - there);
  assert_int_equal(vm_collapse(space, a, LEAF), 0);        // it is one already
  expect_no_lies();
  assert_true(is_large(a));
  host_log_clear();
  pmap_explain(&space->pmap, a + PAGE_SIZE);
  assert_true(host_log_has("middle[0] = ") && host_log_has(": large page "));
  end();
}

// One walk serves all 512 pages.
static void
one_translation(void)
{
  mmu.speculate = false;
  start();
  va_t a = large(GiB);
  u64 walks = mmu.walks;
  expect_numbers(a, 0);
  assert_true(mmu.walks - walks <= 1);
  vm_discard(space, a, PAGE_SIZE, NULL);
  walks = mmu.walks;
  expect_numbers(a, 1);
  assert_true(mmu.walks - walks >= PAGES / 2);
  end();
}

// ---- What hinders it ----

enum defect {
  NONE, HOLE, NO_WRITE, NOT_DIRTY, NOT_USED, LOCKED, HIDDEN, SWAPPED, OTHER_FRAME, FIRST_CLEAN,
  MISALIGNED, DEFECTS,
};

static pte_t
flawed(enum defect d, pte_t p, pte_t other)
{
  switch(d){
  case HOLE: return 0;
  case NO_WRITE: return p & ~PTE_W;
  case NOT_DIRTY: return p & ~PTE_D;
  case NOT_USED: return p & ~PTE_A;
  case LOCKED: return p | PTE_L;
  case HIDDEN: return p & ~(PTE_V | PTE_W | PTE_X);
  case SWAPPED: return pte_swapped(1);
  case OTHER_FRAME: return pte_of(pte_pa(other), p & 0x3ff);
  default: return p;
  }
}

static void
conditions(void)
{
  start();
  va_t a = map(GiB, LEAF, RW, ANON);
  pte_t *e = pmap_make(&space->pmap, a);
  pmap_unlock(e);
  u64 block = frame_pfn(frames_alloc(10, KIND_KERNEL, 0));
  for(u32 d = 0; d < DEFECTS; d++)
    for(u32 at = 0; at < PAGES; at += PAGES - 1){
      u64 bits = PTE_V | PTE_R | PTE_W | PTE_U | PTE_A | (d == FIRST_CLEAN ? 0 : PTE_D);
      for(u64 i = 0; i < PAGES; i++)
        e[i] = pte_of((block + i + (d == MISALIGNED)) << PAGE_SHIFT, bits);
      e[at] = flawed(d, e[at], e[1]);
      pte_t first = e[0], last = e[PAGES - 1];
      assert_int_equal(pmap_join(&space->pmap, a), d == NONE);
      assert_int_equal(is_large(a), d == NONE);
      e = pmap_find(&space->pmap, a);              // splits it
      pmap_unlock(e);
      assert_true(!is_large(a) && e[0] == first && e[PAGES - 1] == last);
    }
  assert_false(pmap_join(&space->pmap, a + GiB));  // no table at all
  memset(e, 0, PAGE_SIZE);
  frames_release(pfn_frame(block), 10);
  end();
}

static void
errors(void)
{
  start();
  va_t a = map(GiB, 4 * LEAF, RW, ANON);
  assert_int_equal(vm_collapse(space, a, LEAF), -EINVAL);           // nothing is there
  store(a + LEAF, 1);
  assert_int_equal(vm_collapse(space, a + PAGE_SIZE, PAGE_SIZE), -EINVAL);
  assert_int_equal(vm_collapse(space, a, LEAF - PAGE_SIZE), 0);     // no block, none failed
  assert_int_equal(vm_collapse(space, a, 2 * LEAF), -EINVAL);       // one of two
  assert_true(is_large(a + LEAF) && !is_large(a));
  assert_int_equal(vm_unmap(space, a + 2 * LEAF, LEAF), 0);
  store(a, 2);
  store(a + 3 * LEAF, 3);
  assert_int_equal(vm_collapse(space, a, 4 * LEAF), -ENOMEM);       // a hole; all else is done
  assert_true(is_large(a) && is_large(a + LEAF) && is_large(a + 3 * LEAF));
  assert_int_equal(vm_protect(space, a, LEAF, PROT_READ), 0);
  assert_int_equal(vm_collapse(space, a, LEAF), -EINVAL);
  va_t small = map(2 * GiB + PAGE_SIZE, LEAF, RW, ANON);
  store(small, 4);
  assert_int_equal(vm_collapse(space, small, LEAF), -EINVAL);       // no room for one
  va_t shared = map(3 * GiB, LEAF, RW, MAP_SHARED | MAP_ANONYMOUS);
  store(shared, 5);
  assert_int_equal(vm_collapse(space, shared, LEAF), -EINVAL);
  expect(a, 2);
  expect(a + 3 * LEAF, 3);
  end();
}

// Whatever allocation fails, the pages are what they were.
static void
want_of_memory(void)
{
  start();
  va_t a = map(GiB, LEAF, RW, ANON);
  for(u64 i = 0; i < PAGES; i++)
    store(a + i * PAGE_SIZE, a + i);
  struct space *child;
  assert_int_equal(space_fork(space, &child), 0);
  u64 before = free_frames();
  for(u64 k = 1, failed = 1; failed; k++){
    fail_allocation(k, FAIL_ON);
    int err = vm_collapse(space, a, LEAF);
    failed = allocation_failed();
    fail_allocation(0, FAIL_ON);
    assert_int_equal(err, failed ? -ENOMEM : 0);
    assert_int_equal(is_large(a), !failed);
    expect_no_lies();
  }
  assert_int_equal(before - free_frames(), PAGES + 1);              // the child has the others
  expect_numbers(a, 0);
  fail_allocation(1, FAIL_ON);
  assert_int_equal(vm_discard(space, a, PAGE_SIZE, NULL), 0);       // splitting needs none
  fail_allocation(0, FAIL_ON);
  assert_false(is_large(a));
  expect(a, 0);
  run_space(child);
  expect_numbers(a, 0);
  leave_space(child);
  space_put(child);
  run_space(space);
  end();
}

// ---- Parts of one ----

static void
protect_page(va_t va)
{
  assert_int_equal(vm_protect(space, va, PAGE_SIZE, PROT_READ), 0);
}

static void
unmap_page(va_t va)
{
  assert_int_equal(vm_unmap(space, va, PAGE_SIZE), 0);
}

static void
discard_page(va_t va)
{
  assert_int_equal(vm_discard(space, va, PAGE_SIZE, NULL), 0);
}

static void
lock_page(va_t va)
{
  assert_int_equal(vm_change_flags(space, va, PAGE_SIZE, 0, AREA_LOCKED, NULL), 0);
}

static void
move_page(va_t va)
{
  assert_true(vm_remap(space, va, PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
                       4 * GiB) > 0);
}

static void
look_at_page(va_t va)
{
  u8 in = 0;
  assert_int_equal(vm_incore(space, va, 1, &in), 0);
  assert_int_equal(in, 1);
}

static void
fork_it(va_t va)
{
  struct space *child;
  assert_int_equal(space_fork(space, &child), 0);
  store(va + PAGE_SIZE, 99);
  run_space(child);
  expect_numbers(round_down(va, LEAF), 0);
  leave_space(child);
  space_put(child);
  run_space(space);
  store(va + PAGE_SIZE, va + 1);
}

// The first page changes; the others keep frame and bits, D too.
static void
parts(void)
{
  static void (*const change[])(va_t va) = {
    protect_page, unmap_page, discard_page, lock_page, move_page, look_at_page, fork_it,
  };
  start();
  for(u32 i = 0; i < count_of(change); i++){
    va_t a = large(GiB);
    pte_t first = *middle_entry(&space->pmap, a);
    change[i](a);
    assert_false(is_large(a));
    expect_no_lies();
    for(u64 k = 2; k < PAGES; k++){
      pte_t *e = pmap_find(&space->pmap, a + k * PAGE_SIZE);
      assert_int_equal(pte_frame(*e)->index, (a >> PAGE_SHIFT) + k);
      if(change[i] != fork_it)
        assert_int_equal(*e, pte_beside(first, k));
      pmap_unlock(e);
    }
    expect_numbers(a, 1);
    assert_int_equal(vm_unmap(space, a, LEAF), 0);
  }
  end();
}

// ---- Harts ----

// Every hart has used all of two large pages and the tables before them.  Their tables
// change places, and a page goes.
static void
harts_follow(void)
{
  start();
  for(u64 n = 0; n < 6; n++){
    va_t at[2] = { map(GiB, LEAF, RW, ANON), map(GiB + LEAF, LEAF, RW, ANON) };
    for(u32 k = 0; k < 2; k++)
      for(u64 i = 0; i < PAGES; i += 64)
        store(at[k] + i * PAGE_SIZE, at[k] + i);
    for(u32 h = 0; h < nharts; h++){
      on_hart(h);
      run_space(space);
      expect(at[0] + 64 * PAGE_SIZE, at[0] + 64);
      expect(at[1] + 64 * PAGE_SIZE, at[1] + 64);
    }
    assert_int_equal(vm_collapse(space, at[0], 2 * LEAF), 0);
    on_hart((u32)below(nharts));
    discard_page(at[0]);                           // gets the table of the other one
    for(u32 h = 0; h < nharts; h++){
      on_hart(h);
      expect(at[0], 0);
      for(u64 i = 64; i < PAGES; i += 64){
        expect(at[0] + i * PAGE_SIZE, at[0] + i);
        expect(at[1] + i * PAGE_SIZE, at[1] + i);
      }
    }
    assert_int_equal(vm_unmap(space, GiB, 2 * LEAF), 0);
  }
  on_hart(0);
  end();
}

static void
without_fences_of_upper_levels(void)
{
  mmu.skip_upper = true;
  harts_follow();
}

static void
without_remote_fences(void)
{
  mmu.skip_remote = true;
  harts_follow();
}

static void
missing_fences_are_noticed(void)
{
  expect_death(without_fences_of_upper_levels, "stale translation");
  expect_death(without_remote_fences, "stale translation");
}

int
main(void)
{
  enum { ENOUGH = 8192 };
  const struct CMUnitTest tests[] = {
    TEST(collapse, .frames = ENOUGH), TEST(one_translation, .frames = ENOUGH),
    TEST(conditions, .frames = ENOUGH), TEST(errors, .frames = ENOUGH),
    TEST(want_of_memory, .frames = ENOUGH), TEST(parts, .frames = ENOUGH),
    TEST(harts_follow, .frames = ENOUGH, .harts = 3),
    TEST(missing_fences_are_noticed, .frames = ENOUGH, .harts = 3),
  };
  return cmocka_run_group_tests_name("large", tests, NULL, NULL);
}
