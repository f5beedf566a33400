// SPDX-License-Identifier: MIT
//
// Harts that do things to the same memory at the same time.  The switches from
// one to another are drawn at random, before every atomic operation, lock, fence
// and user access.
//
// Each hart has a word of its own in every page and stores rising numbers there,
// so it knows what it must find, and others know that a number never falls.

#include "host/host.h"
#include "host/store.h"
#include "mm/object.h"

enum { PAGES = 20, HARTS = 4 };

static struct space *space;              // of all harts, or of the first
static va_t base;
static u64 mine[HARTS][PAGES];           // the last number each hart stored
static u32 working;                      // harts that still store
static struct store *file;
static u64 steps;

static va_t
word_of(u32 hart, u32 page)
{
  return base + page * PAGE_SIZE + (PAGE_SIZE - 64) * (hart & 1) + hart * 8;
}

static void
expect_word(u32 hart, u32 page, u64 low, u64 high)
{
  u64 v = 0;
  enum fault f = user_load(word_of(hart, page), &v);
  if(f != FAULT_OK || v < low || v > high)
    panic("page %u, word of hart %u: fault %d, %lu not in %lu..%lu", page, hart, f, v, low, high);
}

// Store and load one's own words; an area that forbids a store for a while is no error.
static void
storer(void *arg)
{
  u32 me = current->hart->index;
  run_space(arg);
  for(u64 n = 1; n <= steps; n++){
    u32 page = (u32)below(PAGES);
    if(below(2) && user_store(word_of(me, page), n) == FAULT_OK)
      mine[me][page] = n;
    expect_word(me, page, mine[me][page], mine[me][page]);
    u32 other = (u32)below(HARTS);
    expect_word(other, page, 0, steps);
  }
  run_space(NULL);
  working--;
}

// Do the others still work?  From now on they switch more or less often.
static bool
still_working(void)
{
  preemption = 10 + (u32)below(below(2) ? 30 : 500);
  return working > 0;
}

static void
start_storers(u32 n, struct space **s)
{
  working = n;
  for(u32 i = 0; i < n; i++)
    host_spawn(i + 1, storer, s[i]);
}

static void
make_space(u32 flags, struct object *o)
{
  space = space_create();
  i64 r = vm_map(space, GiB - PAGES / 2 * PAGE_SIZE, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
                 MAP_FIXED | MAP_MAYWRITE | flags, o, 0, NULL);
  assert_true(r > 0);
  base = (va_t)r;
  run_space(space);
}

static void
end_space(void)
{
  host_join();
  run_space(NULL);
  space_put(space);
  expect_no_lies();
}

// ---- One space on several harts, forked and protected meanwhile ----

// The child shows each word as it was at some moment during the fork, and what
// it stores itself stays with it.
static void
fork_and_look(void)
{
  struct space *child;
  u64 before[HARTS][PAGES];
  memcpy(before, mine, sizeof mine);
  assert_int_equal(space_fork(space, &child), 0);
  run_space(child);
  for(u32 page = 0; page < PAGES; page++)
    for(u32 hart = 1; hart < HARTS; hart++){
      if(below(4))
        continue;
      expect_word(hart, page, before[hart][page], mine[hart][page] + 1);
      assert_int_equal(user_store(word_of(hart, page), ~0UL), FAULT_OK);
    }
  run_space(space);
  space_put(child);
}

// Some neighbouring pages of the area.
static u64
draw_range(va_t *from)
{
  u64 first = below(PAGES), n = below(5) + 1;
  *from = base + first * PAGE_SIZE;
  return min(n, PAGES - first) * PAGE_SIZE;
}

static void
protect_some(void)
{
  va_t from;
  u64 len = draw_range(&from);
  assert_int_equal(vm_protect(space, from, len, PROT_READ), 0);
  assert_int_equal(vm_protect(space, from, len, PROT_READ | PROT_WRITE), 0);
}

static void
threads_and_forks(void)
{
  make_space(MAP_PRIVATE | MAP_ANONYMOUS, NULL);
  steps = host_rounds(4000);
  start_storers(3, (struct space *[]){ space, space, space });
  while(still_working()){
    below(2) ? fork_and_look() : protect_some();
    if(below(4) == 0)
      expect_no_lies();
  }
  end_space();
}

// ---- Pages that come and go ----

// A page that is unmapped and mapped again is fresh: its words never rise above
// what was stored since, and other harts' stores are never lost before.
static void
mapper(void *arg)
{
  run_space(space);
  while(working){
    va_t from;
    u64 len = draw_range(&from);
    assert_int_equal(vm_unmap(space, from, len), 0);
    i64 r = vm_map(space, from, len, PROT_READ | PROT_WRITE,
                   MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0, NULL);
    assert_int_equal(r, from);
  }
  run_space(NULL);
}

static void
toucher(void *arg)
{
  run_space(space);
  u32 me = current->hart->index;
  for(u64 n = 0; n < steps; n++){
    u32 page = (u32)below(PAGES);
    u64 v = 0;
    enum fault f = user_store(word_of(me, page), n);
    if(f != FAULT_OK && f != FAULT_MAPERR)
      panic("store: fault %d", f);
    f = user_load(word_of(me, page), &v);
    if(f == FAULT_OK && v != 0 && v != n)
      panic("page %u: %lu from before it was mapped", page, v);
  }
  run_space(NULL);
  working--;
}

static void
unmap_under_stores(void)
{
  make_space(MAP_PRIVATE | MAP_ANONYMOUS, NULL);
  steps = host_rounds(4000);
  working = 2;
  host_spawn(1, toucher, NULL);
  host_spawn(2, toucher, NULL);
  host_spawn(3, mapper, NULL);
  while(still_working()){
    yield();
    if(below(64) == 0)
      expect_no_lies();
  }
  end_space();
}

// ---- A file mapped by several spaces, written back meanwhile ----

static void
expect_in_store(void)
{
  assert_int_equal(object_sync(&file->object, 0, ~0UL), 0);
  for(u32 hart = 1; hart < HARTS; hart++)
    for(u32 page = 0; page < PAGES; page++){
      u64 there = store_word(file, word_of(hart, page) - base);
      if(there != mine[hart][page])
        panic("page %u, hart %u: the store has %lu, %lu was stored", page, hart, there,
              mine[hart][page]);
    }
}

static void
writeback_under_stores(void)
{
  struct space *forked;
  file = store_create(PAGES * PAGE_SIZE, PAGES);
  object_get(&file->object);
  make_space(MAP_SHARED, &file->object);
  assert_int_equal(space_fork(space, &forked), 0);
  steps = host_rounds(4000);
  start_storers(3, (struct space *[]){ space, forked, forked });
  while(still_working()){
    switch(below(5)){
    case 0: assert_int_equal(object_sync(&file->object, 0, below(PAGES) * PAGE_SIZE), 0); break;
    case 1: objects_write_back(below(8)); break;
    case 2: protect_some(); break;
    case 3: expect_no_lies(); break;
    default: objects_shrink(below(8)); break;
    }
  }
  end_space();
  expect_in_store();
  space_put(forked);
  store_put(file);
}

// ---- A file cut and extended under those who map it ----

static void
reader(void *arg)
{
  struct space *s = arg;
  run_space(s);
  for(u64 n = 1; n <= steps; n++){
    u64 v;
    va_t va = word_of(current->hart->index, (u32)below(PAGES));
    enum fault f = below(2) ? user_load(va, &v) : user_store(va, n);
    if(f != FAULT_OK && f != FAULT_ADRERR)
      panic("fault %d", f);
    if(below(3) == 0)
      vm_discard(s, page_down(va), PAGE_SIZE, NULL);
    if(below(16) == 0)
      objects_shrink(4);
  }
  run_space(NULL);
  working--;
}

// Past the end there is nothing, whoever mapped what before.
static void
expect_cut(u64 size)
{
  for(u64 off = page_up(size); off < PAGES * PAGE_SIZE; off += PAGE_SIZE){
    u64 v;
    assert_int_equal(user_load(base + off, &v), FAULT_ADRERR);
    assert_null(object_peek(&file->object, off >> PAGE_SHIFT));
  }
}

static void
truncate_under_stores(void)
{
  struct space *s[3];
  file = store_create(PAGES * PAGE_SIZE, PAGES);
  object_get(&file->object);
  make_space(MAP_SHARED, &file->object);
  assert_int_equal(space_fork(space, &s[0]), 0);
  for(u32 i = 1; i < 3; i++){
    object_get(&file->object);
    s[i] = space_create();
    assert_true(vm_map(s[i], base, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
                       MAP_FIXED | MAP_PRIVATE, &file->object, 0, NULL) > 0);
  }
  steps = host_rounds(4000);
  working = 3;
  for(u32 i = 0; i < 3; i++)
    host_spawn(i + 1, reader, s[i]);
  while(still_working()){
    u64 size = below(PAGES) * PAGE_SIZE + below(PAGE_SIZE);
    store_truncate(file, size);
    expect_cut(size);
    assert_int_equal(object_extend(&file->object, PAGES * PAGE_SIZE), 0);
    objects_write_back(below(8));
    expect_no_lies();
  }
  end_space();
  for(u32 i = 0; i < 3; i++)
    space_put(s[i]);
  store_put(file);
}

static void
extend_and_read(void *arg)
{
  run_space(arg);
  assert_int_equal(object_extend(&file->object, PAGES * PAGE_SIZE), 0);
  for(u64 v, i = 0; i < PAGES; i++)
    assert_int_equal(user_load(base + i * PAGE_SIZE, &v), FAULT_OK);
  run_space(NULL);
}

// At any moment of a fault the file may grow, and others read what is new: neighbours
// are mapped as far as their table goes, which ends before the file does.
static void
fault_while_the_file_grows(void)
{
  bool again = true;
  preemption = 0;
  for(u64 n = 1, v; again; n++){
    struct space *reader;
    file = store_create(PAGES * PAGE_SIZE, PAGES);
    object_get(&file->object);
    make_space(MAP_PRIVATE, &file->object);
    assert_int_equal(space_fork(space, &reader), 0);
    store_truncate(file, PAGE_SIZE);
    host_spawn(1, extend_and_read, reader);
    switch_at(n);
    assert_int_equal(user_load(base, &v), FAULT_OK);
    again = switched();
    switch_at(0);
    end_space();
    space_put(reader);
    store_put(file);
  }
}

static void
cut_off(void *arg)
{
  store_truncate(file, 0);
}

// At any moment of a write-back the file may be cut: its page is then written, or not, but
// somebody gives it back.
static void
cut_while_it_is_written(void)
{
  preemption = 4;
  for(u64 n = host_rounds(3000); n > 0; n--){
    struct frame *f;
    file = store_create(PAGE_SIZE, 1);
    assert_int_equal(object_page(&file->object, 0, &f), 0);
    assert_int_equal(object_make_dirty(&file->object, f), 0);
    frame_put(f, PIN_1);
    host_spawn(1, cut_off, NULL);
    assert_int_equal(object_sync(&file->object, 0, ~0UL), 0);
    host_join();
    store_put(file);
    expect_no_lies();
  }
}

// ---- Areas cut and joined, pages dropped, while others are written back ----

static void
changer(void *arg)
{
  run_space(space);
  while(working){
    va_t from;
    u64 len = draw_range(&from);
    if(below(2))
      protect_some();
    else
      vm_discard(space, from, len, NULL);
  }
  run_space(NULL);
}

static void
writeback_under_changes(void)
{
  file = store_create(PAGES * PAGE_SIZE, PAGES);
  object_get(&file->object);
  make_space(MAP_SHARED, &file->object);
  steps = host_rounds(5000);
  start_storers(2, (struct space *[]){ space, space });
  host_spawn(3, changer, NULL);
  while(still_working()){
    objects_write_back(PAGES);
    if(below(8) == 0)
      expect_no_lies();
  }
  end_space();
  expect_in_store();
  store_put(file);
}

// ---- Harts that come to a space and leave it while its pages change ----

static u64 shown;                        // the number that the page shows at least

static void
visitor(void *arg)
{
  while(working){
    run_space(space);
    for(u64 n = below(4); n > 0; n--)
      expect_word(0, 0, shown, ~0UL);
    run_space(NULL);
  }
}

// Each number is in a page of its own, which takes the place of the one before.
static void
pages_change_under_visitors(void)
{
  make_space(MAP_PRIVATE | MAP_ANONYMOUS, NULL);
  struct space *child;
  assert_int_equal(user_store(word_of(0, 0), 0), FAULT_OK);
  working = 1;
  for(u32 hart = 1; hart < HARTS; hart++)
    host_spawn(hart, visitor, NULL);
  for(u64 n = 1; n < host_rounds(1500); n++){
    preemption = 3 + (u32)below(10);
    assert_int_equal(space_fork(space, &child), 0);
    assert_int_equal(user_store(word_of(0, 0), n), FAULT_OK);
    shown = n;
    space_put(child);
  }
  working = 0;
  end_space();
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(threads_and_forks, .harts = HARTS),
    TEST(threads_and_forks, .harts = HARTS, .asid_bits = 1),
    TEST(threads_and_forks, .harts = HARTS, .asid_bits = NO_ASIDS),
    TEST(pages_change_under_visitors, .harts = HARTS),
    TEST(unmap_under_stores, .harts = HARTS),
    TEST(writeback_under_stores, .harts = HARTS),
    TEST(truncate_under_stores, .harts = HARTS),
    TEST(fault_while_the_file_grows, .harts = HARTS),
    TEST(cut_while_it_is_written, .harts = HARTS),
    TEST(writeback_under_changes, .harts = HARTS),
  };
  return cmocka_run_group_tests_name("race", tests, NULL, NULL);
}
