// SPDX-License-Identifier: MIT
//
// Address spaces: random steps against the model, the cases that deserve a test
// by name, and the want of memory at every single allocation.

#include "host/model.h"
#include "mm/lineage.h"
#include "mm/object.h"

enum { RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

// ---- Against the model ----

// Each step runs on a hart drawn at random, which switches to the space first;
// harts keep what they remember of spaces they ran before.
static void
random_steps(void)
{
  model_start();
  for(u64 n = 0; n < host_rounds(12000); n++){
    on_hart((u32)below(nharts));
    struct model_space *s = model_space();
    run_space(s->space);
    model_step(s);
    if(n % 32 == 0)
      expect_no_lies();
  }
  model_end();
}

static void
random_steps_svade(void)
{
  mmu.svade = true;
  random_steps();
}

// ---- By name ----

static struct space *space;

static void
start(void)
{
  space = space_create();
  assert_non_null(space);
  run_space(space);
}

static void
end(void)
{
  leave_space(space);
  space_put(space);
}

static va_t
map(va_t at, u64 pages, u32 prot, u32 flags)
{
  i64 r = vm_map(space, at, pages * PAGE_SIZE, prot, flags, NULL, 0, NULL);
  assert_true(r > 0);
  return (va_t)r;
}

static void
expect_store(va_t va, u64 v)
{
  assert_int_equal(user_store(va, v), FAULT_OK);
}

static void
expect_load(va_t va, u64 want)
{
  u64 v = ~want;
  assert_int_equal(user_load(va, &v), FAULT_OK);
  assert_int_equal(v, want);
}

static u64
expect_fault(va_t va, enum access how)
{
  void *kva;
  return user_touch(va, how, &kva);
}

// Reading costs no frame but tables; the first store costs one.
static void
laziness(void)
{
  start();
  va_t a = map(0, 64, RW, ANON);
  u64 before = free_frames(), tables = space->pmap.tables;
  for(u32 i = 0; i < 64; i++)
    expect_load(a + i * PAGE_SIZE, 0);
  assert_int_equal(before - free_frames(), space->pmap.tables - tables);
  assert_int_equal(pmap_resident(&space->pmap, NULL), 0);
  expect_store(a + 5 * PAGE_SIZE, 1);
  assert_int_equal(pmap_resident(&space->pmap, NULL), 1);
  assert_int_equal(before - free_frames(), space->pmap.tables - tables + 1);
  assert_int_equal(vm_unmap(space, a, 64 * PAGE_SIZE), 0);
  assert_int_equal(space->pmap.tables, tables);
  assert_int_equal(pmap_resident(&space->pmap, NULL), 0);
  end();
}

// What a page held before never shows: not after munmap, brk, exit or fork.
static void
fresh_pages(void)
{
  for(u32 round = 0; round < 4; round++){
    start();
    space->brk_start = space->brk = 16 * MiB;
    va_t a = map(0, 32, RW, ANON);
    assert_int_equal(vm_brk(space, 16 * MiB + 32 * PAGE_SIZE), 16 * MiB + 32 * PAGE_SIZE);
    for(u32 i = 0; i < 32 * PAGE_SIZE; i += 512){
      expect_load(a + i, 0);
      expect_load(16 * MiB + i, 0);
      expect_store(a + i, ~0UL);
      expect_store(16 * MiB + i, ~0UL);
    }
    assert_int_equal(vm_brk(space, 16 * MiB + PAGE_SIZE), 16 * MiB + PAGE_SIZE);
    assert_int_equal(vm_brk(space, 16 * MiB + 4 * PAGE_SIZE), 16 * MiB + 4 * PAGE_SIZE);
    expect_load(16 * MiB, ~0UL);
    expect_load(16 * MiB + PAGE_SIZE, 0);
    assert_int_equal(vm_discard(space, a, PAGE_SIZE, NULL), 0);
    expect_load(a, 0);
    expect_load(a + PAGE_SIZE, ~0UL);
    end();
  }
}

static void
break_and_its_limits(void)
{
  start();
  space->brk_start = space->brk = 16 * MiB + 100;
  assert_int_equal(vm_brk(space, 0), 16 * MiB + 100);
  assert_int_equal(vm_brk(space, 16 * MiB + 99), 16 * MiB + 100);
  assert_int_equal(vm_brk(space, 16 * MiB + 200), 16 * MiB + 200);
  va_t wall = map(17 * MiB, 1, RW, ANON | MAP_FIXED);
  assert_int_equal(vm_brk(space, wall), wall);
  assert_int_equal(vm_brk(space, wall + 1), wall);
  expect_store(wall - 8, 1);
  assert_int_equal(vm_brk(space, 16 * MiB + 100), 16 * MiB + 100);
  assert_int_equal(expect_fault(wall - 8, ACCESS_READ), FAULT_MAPERR);
  assert_int_equal(space->nareas, 1);
  end();
}

static void
stack_growth(void)
{
  start();
  assert_int_equal(vm_stack(space, USER_TOP, 64 * PAGE_SIZE), 0);
  expect_store(USER_TOP - 8, 1);
  expect_store(USER_TOP - 20 * PAGE_SIZE, 2);
  assert_int_equal(space->mapped, 20);
  expect_load(USER_TOP - 64 * PAGE_SIZE, 0);
  assert_int_equal(expect_fault(USER_TOP - 64 * PAGE_SIZE - 8, ACCESS_WRITE), FAULT_MAPERR);
  // Nothing is placed where the stack may grow, nor a guard's width below it.
  va_t a = map(0, 1, RW, ANON);
  assert_true(a < USER_TOP - (64 + 256) * PAGE_SIZE);
  end();
}

static void
stack_grows_to_its_pointer(void)
{
  start();
  assert_int_equal(vm_stack(space, USER_TOP, 64 * PAGE_SIZE), 0);
  set_user_sp(USER_TOP - 3 * PAGE_SIZE + 16);
  assert_int_equal(expect_fault(USER_TOP - 3 * PAGE_SIZE - 8, ACCESS_READ), FAULT_MAPERR);
  expect_store(USER_TOP - 3 * PAGE_SIZE + 16, 1);
  set_user_sp(USER_TOP - 4 * PAGE_SIZE);
  expect_load(USER_TOP - 3 * PAGE_SIZE - 8, 0);
  expect_store(USER_TOP - 9 * PAGE_SIZE, 2);     // before the pointer moves
  set_user_sp(0);
  end();
}

static void
stack_meets_a_wall(void)
{
  start();
  assert_int_equal(vm_stack(space, USER_TOP, 1000 * PAGE_SIZE), 0);
  map(USER_TOP - 300 * PAGE_SIZE, 1, RW, ANON | MAP_FIXED);
  expect_store(USER_TOP - 43 * PAGE_SIZE, 1);
  assert_int_equal(expect_fault(USER_TOP - 43 * PAGE_SIZE - 8, ACCESS_WRITE), FAULT_MAPERR);
  end();
}

static void
prot_none_keeps_contents(void)
{
  start();
  va_t a = map(0, 8, RW, ANON);
  for(u32 i = 0; i < 8; i++)
    expect_store(a + i * PAGE_SIZE, 100 + i);
  assert_int_equal(vm_protect(space, a, 8 * PAGE_SIZE, PROT_NONE), 0);
  for(u32 i = 0; i < 8; i++)
    assert_int_equal(expect_fault(a + i * PAGE_SIZE, ACCESS_READ), FAULT_ACCERR);
  struct space *child;
  assert_int_equal(space_fork(space, &child), 0);
  assert_int_equal(vm_protect(space, a, 8 * PAGE_SIZE, RW), 0);
  expect_store(a, 1);
  run_space(child);
  assert_int_equal(vm_protect(child, a, 8 * PAGE_SIZE, PROT_READ), 0);
  for(u32 i = 0; i < 8; i++)
    expect_load(a + i * PAGE_SIZE, 100 + i);
  run_space(space);
  space_put(child);
  end();
}

// The last owner of a page writes it where it is; before that, a copy is made.
static void
copy_on_write(void)
{
  struct space *child;
  start();
  va_t a = map(0, 1, RW, ANON);
  expect_store(a, 1);
  assert_int_equal(space_fork(space, &child), 0);
  u64 copies = vm_counter(VM_COW_COPY), reuses = vm_counter(VM_COW_REUSE);
  run_space(child);
  expect_load(a, 1);
  expect_store(a, 2);
  assert_int_equal(vm_counter(VM_COW_COPY), copies + 1);
  run_space(space);
  expect_load(a, 1);
  expect_store(a, 3);
  assert_int_equal(vm_counter(VM_COW_COPY), copies + 1);
  assert_int_equal(vm_counter(VM_COW_REUSE), reuses + 1);
  run_space(child);
  expect_load(a, 2);
  run_space(space);
  space_put(child);
  end();
}

static void
refusals(void)
{
  start();
  va_t a = map(MiB, 4, RW, ANON | MAP_FIXED);
  assert_int_equal(vm_unmap(space, a + 1, PAGE_SIZE), -EINVAL);
  assert_int_equal(vm_unmap(space, a, 0), -EINVAL);
  assert_int_equal(vm_unmap(space, USER_MAX, PAGE_SIZE), -EINVAL);
  assert_int_equal(vm_unmap(space, a, ~0UL), -EINVAL);
  assert_int_equal(vm_protect(space, a, 5 * PAGE_SIZE, PROT_READ), -ENOMEM);
  assert_int_equal(vm_map(space, a + 1, PAGE_SIZE, RW, ANON | MAP_FIXED, NULL, 0, NULL), -EINVAL);
  assert_int_equal(vm_map(space, a, PAGE_SIZE, RW, ANON | MAP_FIXED_NOREPLACE, NULL, 0, NULL),
                   -EEXIST);
  assert_int_equal(vm_map(space, 0, USER_MAX, RW, ANON, NULL, 0, NULL), -ENOMEM);
  assert_int_equal(expect_fault(USER_MAX, ACCESS_READ), FAULT_MAPERR);
  assert_int_equal(expect_fault(0, ACCESS_READ), FAULT_MAPERR);
  assert_int_equal(space->nareas, 1);
  expect_load(a + 3 * PAGE_SIZE, 0);
  end();
}

// ---- Without memory ----

static struct store *file;

// More members than a lineage has places for at first.
static void
have_children(struct space *s)
{
  struct space *child[2 * LINEAGE_FIRST] = { NULL };
  for(u32 i = 0; i < count_of(child); i++)
    space_fork(s, &child[i]);
  for(u32 i = 0; i < count_of(child); i++)
    space_put(child[i]);
}

// A bit of everything; whatever fails is left out.
static void
scenario(void)
{
  struct space *s = space_create(), *child = NULL;
  u64 v;
  if(s == NULL)
    return;
  run_space(s);
  s->brk_start = s->brk = 16 * MiB;
  vm_stack(s, USER_TOP, 64 * PAGE_SIZE);
  vm_brk(s, 16 * MiB + 3 * PAGE_SIZE);
  i64 a = vm_map(s, 2 * MiB - 4 * PAGE_SIZE, 8 * PAGE_SIZE, RW, ANON | MAP_FIXED, NULL, 0, NULL);
  i64 b = vm_map(s, GiB, 4 * PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, NULL, 0, NULL);
  object_get(&file->object);
  i64 c = vm_map(s, 3 * MiB, 8 * PAGE_SIZE, RW, MAP_SHARED | MAP_FIXED, &file->object, 0, NULL);
  object_get(&file->object);
  i64 d = vm_map(s, 4 * MiB, 8 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED, &file->object, 0, NULL);
  i64 areas[] = { a, b, c, d, 16 * MiB, USER_TOP - 10 * PAGE_SIZE };
  for(u32 i = 0; i < count_of(areas); i++)
    if(areas[i] > 0){
      user_load((va_t)areas[i], &v);
      user_store((va_t)areas[i] + PAGE_SIZE, i);
      user_load((va_t)areas[i] + PAGE_SIZE, &v);
    }
  vm_protect(s, 2 * MiB - PAGE_SIZE, 2 * PAGE_SIZE, PROT_READ);
  if(space_fork(s, &child) == 0){
    user_store(2 * MiB - 3 * PAGE_SIZE, 5);
    run_space(child);
    user_store(4 * MiB, 6);
    vm_unmap(child, 2 * MiB - 2 * PAGE_SIZE, PAGE_SIZE);
    vm_unmap(child, 3 * MiB + PAGE_SIZE, PAGE_SIZE);
    run_space(s);
    space_put(child);
  }
  have_children(s);
  vm_map(s, 4 * MiB + PAGE_SIZE, PAGE_SIZE, RW, ANON | MAP_FIXED, NULL, 0, NULL);
  u64 done;
  object_write(&file->object, 6 * PAGE_SIZE + 100, 16 * MiB, 64, &done);
  object_sync(&file->object, 0, ~0UL);
  run_space(NULL);
  space_put(s);
}

static void
fail_every_allocation(int how)
{
  u64 before = free_frames(), k = 1;
  do {
    file = store_create(6 * PAGE_SIZE + 50, 16);
    fail_allocation(k++, how);
    scenario();
    fail_allocation(0, how);
    expect_no_lies();
    store_put(file);
    assert_int_equal(stores_alive, 0);
    if(free_frames() != before)
      panic("allocation %lu: %ld frames lost", k - 1, (i64)(before - free_frames()));
  } while(allocation_failed());
  assert_true(k > 50);
}

static void every_allocation_fails_once(void) { fail_every_allocation(FAIL_ONCE); }
static void every_allocation_fails_for_good(void) { fail_every_allocation(FAIL_ON); }

// A change of the map that has no memory changes nothing.
static void
all_or_nothing(void)
{
  start();
  va_t a = map(0, 8, RW, ANON);
  for(u32 i = 0; i < 8; i++)
    expect_store(a + i * PAGE_SIZE, i);
  for(u64 k = 1; k <= 2; k++){
    fail_allocation(k, FAIL_ONCE);
    assert_int_equal(vm_unmap(space, a + PAGE_SIZE, 4 * PAGE_SIZE), -ENOMEM);
    fail_allocation(k, FAIL_ONCE);
    assert_int_equal(vm_protect(space, a + PAGE_SIZE, 4 * PAGE_SIZE, PROT_READ), -ENOMEM);
    fail_allocation(k, FAIL_ONCE);
    assert_int_equal(vm_map(space, a + PAGE_SIZE, 4 * PAGE_SIZE, RW, ANON | MAP_FIXED, NULL, 0,
                            NULL), -ENOMEM);
    assert_int_equal(space->nareas, 1);
  }
  va_t to = map(a + 64 * MiB, 6, RW, ANON);
  for(u32 i = 0; i < 6; i++)
    expect_store(to + i * PAGE_SIZE, 100 + i);
  for(u64 k = 1; k <= 5; k++){            // the area, two cuts here, two there
    fail_allocation(k, FAIL_ONCE);
    assert_int_equal(vm_remap(space, a + PAGE_SIZE, 5 * PAGE_SIZE, 4 * PAGE_SIZE,
                              MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE_SIZE), -ENOMEM);
    for(u32 i = 0; i < 6; i++)
      expect_load(to + i * PAGE_SIZE, 100 + i);
  }
  for(u32 i = 0; i < 8; i++){
    expect_load(a + i * PAGE_SIZE, i);
    expect_store(a + i * PAGE_SIZE, i);
  }
  end();
}

static void
out_of_memory(void)
{
  start();
  va_t a = map(0, 2000, RW, ANON | MAP_NORESERVE);
  u64 n = 0;
  while(expect_fault(a + n * PAGE_SIZE, ACCESS_WRITE) == FAULT_OK)
    n++;
  assert_int_equal(expect_fault(a + n * PAGE_SIZE, ACCESS_WRITE), FAULT_OOM);
  assert_true(n > 300 && n < 600);
  assert_true(oom_kills > 0);
  assert_true(frames_free() > 0);              // the kernel can still go on
  expect_no_lies();
  end();
}

// Clean pages of files are only kept as long as nobody needs the memory; dirty
// ones are written first.
static void
files_make_room(void)
{
  enum { FILE_N = 300, ANON_N = 360 };
  start();
  file = store_create(FILE_N * PAGE_SIZE, FILE_N);
  object_get(&file->object);
  i64 f = vm_map(space, 0, FILE_N * PAGE_SIZE, RW, MAP_SHARED, &file->object, 0, NULL);
  for(u32 i = 0; i < FILE_N; i++)
    i % 2 ? expect_store((va_t)f + i * PAGE_SIZE, i) : expect_load((va_t)f + i * PAGE_SIZE, 0);
  va_t a = map(0, ANON_N, RW, ANON);
  for(u32 i = 0; i < ANON_N; i++)
    expect_store(a + i * PAGE_SIZE, i);
  assert_int_equal(oom_kills, 0);
  assert_true(file->writes > 0);
  for(u32 i = 0; i < FILE_N; i++)
    expect_load((va_t)f + i * PAGE_SIZE, i % 2 ? i : 0);
  end();
  store_put(file);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(random_steps, .harts = 1),
    TEST(random_steps, .harts = 4, .seed = 2),
    TEST(random_steps, .harts = 4, .asid_bits = 2, .seed = 3),
    TEST(random_steps, .harts = 3, .asid_bits = NO_ASIDS, .seed = 4),
    TEST(random_steps_svade, .harts = 3, .seed = 5),
    TEST(laziness), TEST(fresh_pages), TEST(break_and_its_limits), TEST(stack_growth),
    TEST(stack_grows_to_its_pointer), TEST(stack_meets_a_wall), TEST(prot_none_keeps_contents),
    TEST(copy_on_write), TEST(refusals),
    TEST(every_allocation_fails_once, .reaper = true), TEST(every_allocation_fails_for_good),
    TEST(all_or_nothing), TEST(out_of_memory, .frames = 500, .reaper = true),
    TEST(files_make_room, .frames = 500, .reaper = true),
  };
  return cmocka_run_group_tests_name("space", tests, NULL, NULL);
}
