// SPDX-License-Identifier: MIT
//
// Two things done at the same time, in every order that takes one switch: hart 0
// is interrupted at its first atomic operation, its second, and so on; there
// hart 1 does the other thing as far as it gets.

#include "host/host.h"
#include "host/store.h"
#include "mm/object.h"
#include "mm/ring.h"

enum { PAGES = 3, RW = PROT_READ | PROT_WRITE, FIXED = MAP_FIXED | MAP_MAYWRITE };

static struct space *space;
static struct store *file;
static const va_t shared = GiB, private = 2 * GiB - PAGE_SIZE, anon = 3 * GiB;
static u32 hart_of_store;                  // whose store to the file came through, or 0

// ---- Things to do ----

static u64
key(void)
{
  return 1000 + current->hart->index;
}

static void
load(va_t va)
{
  u64 v;
  enum fault f = user_load(va, &v);
  if(f == FAULT_OK && v != 7 && v != 0 && v != 1000 && v != 1001)
    panic("load of %lu", v);
}

static void load_shared(void) { load(shared); }
static void load_private(void) { load(private); }
static void load_anon(void) { load(anon); }
static void store_private(void) { user_store(private, key()); }
static void store_anon(void) { user_store(anon, key()); }

static void
store_shared(void)
{
  if(user_store(shared, key()) == FAULT_OK)
    hart_of_store |= 1 << current->hart->index;
}

static void
fork_and_exit(void)
{
  struct space *child;
  assert_int_equal(space_fork(space, &child), 0);
  space_put(child);
}

static void
unmap(void)
{
  assert_int_equal(vm_unmap(space, shared, PAGE_SIZE), 0);
  assert_int_equal(vm_unmap(space, private, 2 * PAGE_SIZE), 0);
  assert_int_equal(vm_unmap(space, anon, PAGES * PAGE_SIZE), 0);
}

static void
protect(void)
{
  static const va_t where[] = { shared, private, anon };
  for(u32 i = 0; i < count_of(where); i++){
    vm_protect(space, where[i], PAGE_SIZE, PROT_READ);   // fails where it has just been unmapped
    vm_protect(space, where[i], PAGE_SIZE, RW);
  }
}

static void
discard(void)
{
  vm_discard(space, shared, PAGE_SIZE, NULL);
  vm_discard(space, private, PAGE_SIZE, NULL);
  vm_discard(space, anon, PAGE_SIZE, NULL);
}

static void
cut(void)
{
  store_truncate(file, 0);
  hart_of_store = 0;
}

static void
cut_and_extend(void)
{
  cut();
  assert_int_equal(object_extend(&file->object, PAGES * PAGE_SIZE), 0);
}

// The bytes have gone to the store already; if this hart still has a translation
// that allows it to store, the page has to be written again.
static void
store_without_fault(void)
{
  u64 *p = mmu_translate(shared, ACCESS_WRITE, true);
  if(p == NULL)
    return;
  *p = key();
  hart_of_store |= 1 << current->hart->index;
}

static void
sync_and_store(void)
{
  file->after_writing = store_without_fault;
  assert_int_equal(object_sync(&file->object, 0, ~0UL), 0);
  file->after_writing = NULL;
}

static void sync_file(void) { assert_int_equal(object_sync(&file->object, 0, ~0UL), 0); }
static void shrink(void) { objects_shrink(100); }

// Those who cut a file hold its lock, so only one at a time.
static const struct { const char *name; void (*fn)(void); bool cuts; } things[] = {
  { "sync and store", sync_and_store, false }, { "load_shared", load_shared, false },
  { "load_private", load_private, false }, { "load_anon", load_anon, false },
  { "store_shared", store_shared, false }, { "store_private", store_private, false },
  { "store_anon", store_anon, false }, { "fork", fork_and_exit, false }, { "unmap", unmap, false },
  { "protect", protect, false }, { "discard", discard, false }, { "cut", cut, true },
  { "cut and extend", cut_and_extend, true }, { "sync", sync_file, false },
  { "shrink", shrink, false },
};
enum { SYNC_AND_STORE };

// ---- Before and after ----

static void
map_all(void)
{
  object_get(&file->object);
  vm_map(space, shared, PAGES * PAGE_SIZE, RW, MAP_SHARED | FIXED, &file->object, 0, NULL);
  object_get(&file->object);
  vm_map(space, private, PAGES * PAGE_SIZE, RW, MAP_PRIVATE | FIXED, &file->object, 0, NULL);
  vm_map(space, anon, PAGES * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS | FIXED, NULL, 0, NULL);
}

// What is there before: nothing, pages in memory, dirty ones, and some written back;
// mapped or only in memory.
enum { EMPTY, READ, STORED, WRITTEN, READ_UNMAPPED, STORED_UNMAPPED, STATES };

static void
prepare(u32 state)
{
  space = space_create();
  file = store_create(PAGES * PAGE_SIZE, PAGES);
  *(u64 *)file->bytes = 7;
  run_space(space);
  map_all();
  for(u32 i = 0; i < PAGES && state != EMPTY; i++){
    load(shared + i * PAGE_SIZE);
    load(private + i * PAGE_SIZE);
    load(anon + i * PAGE_SIZE);
  }
  if(state == STORED || state == WRITTEN || state == STORED_UNMAPPED){
    on_hart(1);
    run_space(space);
    user_store(shared, 7);
    on_hart(0);
    user_store(shared, 7);
    user_store(shared + PAGE_SIZE, 7);
    user_store(anon, 7);
  }
  if(state == WRITTEN)
    sync_file();
  if(state == READ_UNMAPPED || state == STORED_UNMAPPED)
    discard();
  hart_of_store = 0;
}

static void
other(void *arg)
{
  run_space(space);
  things[(u64)arg].fn();
  run_space(NULL);
}

// What came through last is in the store after a sync, whoever did what meanwhile.
static void
expect_stored(void)
{
  sync_file();
  u64 v = store_word(file, 0);
  bool good = hart_of_store == 0 || (hart_of_store & 1 && v == 1000) ||
              (hart_of_store & 2 && v == 1001);
  if(!good)
    panic("the store has %lu, harts %x stored", v, hart_of_store);
}

// => false when hart 0 had done its thing before the nth point
static bool
pair_with_switch_at(u64 a, u64 b, u32 state, u64 n)
{
  prepare(state);
  host_spawn(1, other, (void *)b);
  switch_at(n);
  things[a].fn();
  bool again = switched();
  switch_at(0);
  host_join();
  expect_no_lies();
  if(!things[a].cuts && !things[b].cuts)
    expect_stored();
  run_space(NULL);
  space_put(space);
  store_put(file);
  return again;
}

static u64 frames_before;

static void
pair(u64 a, u64 b, u32 state, u64 stride)
{
  if(things[a].cuts && things[b].cuts)
    return;
  host_log_clear();
  printk("%s interrupted by %s, state %u\n", things[a].name, things[b].name, state);
  for(u64 n = 1; pair_with_switch_at(a, b, state, n); n += stride)
    ;
  if(free_frames() != frames_before)
    panic("%ld frames lost", (i64)(frames_before - free_frames()));
}

// A sample of states and points, another one for each seed; with ROUNDS all.
static void
all_pairs(void)
{
  bool all = host_rounds(1) > 1;
  frames_before = free_frames();
  for(u64 a = 0; a < count_of(things); a++)
    for(u64 b = 0; b < count_of(things); b++)
      if(all)
        for(u32 state = 0; state < STATES; state++)
          pair(a, b, state, 1);
      else
        pair(a, b, (u32)below(STATES), 1 + below(8));
}

// The narrowest windows are here: every point.
static void
stores_during_write_back(void)
{
  frames_before = free_frames();
  for(u64 a = 0; a < count_of(things); a++)
    pair(a, SYNC_AND_STORE, STORED, 1);
}

static void
unmap_shared(void *arg)
{
  assert_int_equal(vm_unmap(space, shared, PAGES * PAGE_SIZE), 0);
}

// The reaper may have the last reference of an object, and has taken pages of it.
static void
an_object_ends_under_the_reaper(void)
{
  bool again = true;
  for(u64 n = 1; again; n++){
    space = space_create();
    run_space(space);
    vm_map(space, shared, PAGES * PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS | FIXED,
           object_create_anon(~0UL), 0, NULL);
    for(u32 i = 0; i < PAGES; i++)
      assert_int_equal(user_store(shared + i * PAGE_SIZE, 7), FAULT_OK);
    space->nneeds = 0;
    host_spawn(1, unmap_shared, NULL);
    switch_at(n);
    ring_reclaim(PAGES);
    again = switched();
    switch_at(0);
    host_join();
    expect_no_lies();
    run_space(NULL);
    space_put(space);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(all_pairs, .harts = 2, .frames = 200),
    TEST(stores_during_write_back, .harts = 2, .frames = 200),
    TEST(an_object_ends_under_the_reaper, .harts = 2, .frames = 200),
  };
  return cmocka_run_group_tests_name("pairs", tests, NULL, NULL);
}
