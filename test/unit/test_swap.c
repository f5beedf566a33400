// SPDX-License-Identifier: MIT
//
// Swap with everything going on at once: spaces of one lineage on several harts touch
// their pages, fork, unmap and go, in memory too small for them, while swap areas are
// taken into use and emptied again.  Every load is held against a model.

#include "host/host.h"
#include "host/disk.h"
#include "mm/reaper.h"
#include "mm/ring.h"
#include "mm/slab.h"
#include "mm/slot.h"
#include "mm/swap.h"

#define KEEP .keeps = 2                // frames: what writing to slots needs
enum { HARTS = 4, FAMILY = 3, PAGES = 48, AREAS = 2, AREA_PAGES = 600, SMALL = 24 };
enum { BAD_PAGE = 5, EXTENTS = 100 };

struct file { u64 refs; };

static struct block_device *disk;
static struct file area_file = { .refs = 1 };
static bool on[AREAS];
static u64 header_pages;             // of an area, as its header says
static bool may_be_short;            // accesses may fail for want of memory
static bool may_fail;                // ... or of the disk
static bool fail_allocations;        // now and then one does
static u32 working;                  // harts that still do steps
static u64 steps;
static va_t base = GiB - PAGES / 2 * PAGE_SIZE;

// ---- Areas: the first is the head of the disk, the second is scattered behind it ----

static u64
sector_of(u32 area, u64 page)
{
  u64 run = AREA_PAGES / EXTENTS;
  if(area == 1)
    page = AREA_PAGES + (EXTENTS - 1 - page / run) * run + page % run;
  return page * (PAGE_SIZE / SECTOR);
}

static u8
bad_byte(u32 area)
{
  return (u8)(0xb0 + area);
}

static void
write_area(u32 area)
{
  u8 *p = kzalloc(PAGE_SIZE);
  u32 head[3] = { 1, (u32)header_pages - 1, 1 }, bad = BAD_PAGE;
  memcpy(p + 1024, head, sizeof head);
  memcpy(p + 1536, &bad, sizeof bad);
  memcpy(p + PAGE_SIZE - 10, "SWAPSPACE2", 10);
  assert_int_equal(block_rw(disk, BLOCK_WRITE, sector_of(area, 0), p, PAGE_SIZE), 0);
  memset(p, bad_byte(area), PAGE_SIZE);
  assert_int_equal(block_rw(disk, BLOCK_WRITE, sector_of(area, BAD_PAGE), p, PAGE_SIZE), 0);
  kfree(p);
}

// What the header calls bad has never been written.
static void
expect_bad_page_untouched(u32 area)
{
  u8 *p = kmalloc(PAGE_SIZE);
  assert_int_equal(block_rw(disk, BLOCK_READ, sector_of(area, BAD_PAGE), p, PAGE_SIZE), 0);
  for(u64 i = 0; i < PAGE_SIZE; i++)
    assert_int_equal(p[i], bad_byte(area));
  kfree(p);
}

static struct swap_store
store_of(u32 area)
{
  static char identity[AREAS];
  struct swap_store s = { .identity = &identity[area], .device = disk, .pages = AREA_PAGES };
  u64 run = AREA_PAGES / EXTENTS;
  if(area == 1 && (s.extent = kmalloc(EXTENTS * sizeof *s.extent)) != NULL){
    s.nextents = EXTENTS;
    for(u64 i = 0; i < EXTENTS; i++)
      s.extent[i] = (struct extent){ i * run, run, sector_of(1, i * run) };
  }
  return s;
}

static int
area_on(u32 area)
{
  struct swap_store s = store_of(area);
  int err = -ENOMEM;
  if(area == 0 || s.extent){
    file_get(&area_file);
    err = swap_on(&s, &area_file, below(2) ? 1 : SWAP_PRIORITY_NEXT);
  }
  on[area] |= err == 0;
  return err;
}

static int
area_off(u32 area)
{
  struct swap_store s = store_of(area);
  int err = swap_off(s.identity);
  kfree(s.extent);
  on[area] &= err != 0;
  return err;
}

static void
start(u64 pages)
{
  header_pages = pages;
  disk = disk_make((AREAS * AREA_PAGES + 1) * PAGE_SIZE);
  for(u32 i = 0; i < AREAS; i++){
    write_area(i);
    assert_int_equal(area_on(i), 0);
  }
}

// Nothing is left in the areas by now.
static void
end(void)
{
  for(u32 i = 0; i < AREAS; i++)
    if(on[i])
      assert_int_equal(area_off(i), 0);
  assert_int_equal(swap_total, 0);
  assert_int_equal(swap_free, 0);
  assert_int_equal(area_file.refs, 1);
  for(u32 i = 0; i < AREAS; i++)
    expect_bad_page_untouched(i);
}

// ---- What goes on beside: areas come and go, one stays; everything is recounted ----

static void
area_step(void)
{
  u32 area = (u32)below(AREAS);
  int err = 0;
  if(!on[area])
    err = area_on(area);
  else if(on[1 - area])
    err = area_off(area);
  if(err && err != -ENOMEM && !(err == -EIO && may_fail))
    panic("area %u: error %d", area, err);
}

static bool
still_working(void)
{
  preemption = 5 + (u32)below(below(2) ? 20 : 500);
  if(working == 0)
    return false;
  switch(below(4)){
  case 0: area_step(); break;
  case 1: expect_no_lies(); break;
  case 2: reaper_wake(); break;
  default: yield();
  }
  return true;
}

// The reaper ends what it is doing, too.
static void
join(void)
{
  host_join();
  fail_allocation(0, FAIL_ONCE);
  memory_reclaim();
}

// ---- Families ----

struct member {
  struct space *space;
  u64 word[PAGES];                   // what each page holds
};
static struct member family[HARTS][FAMILY];

static va_t
va_of(u64 page)
{
  return base + page * PAGE_SIZE + page * 8;
}

static bool
excusable(enum fault f)
{
  return (f == FAULT_OOM && may_be_short) || (f == FAULT_IO && may_fail);
}

static bool
went_well(enum fault f, u64 page)
{
  if(f != FAULT_OK && !excusable(f))
    panic("page %lu: fault %d", page, f);
  return f == FAULT_OK;
}

static void
load(struct member *m, u64 page)
{
  u64 v;
  if(went_well(user_load(va_of(page), &v), page) && v != m->word[page])
    panic("page %lu holds %lx, not %lx", page, v, m->word[page]);
}

static void
store(struct member *m, u64 page)
{
  u64 v = host_random();
  if(went_well(user_store(va_of(page), v), page))
    m->word[page] = v;
}

static void
touch(struct member *m)
{
  u64 page = below(PAGES);
  for(u64 n = below(12) + 1; n > 0; n--, page = below(3) ? page + 1 : below(PAGES))
    if(below(2))
      load(m, page % PAGES);
    else
      store(m, page % PAGES);
}

static void
discard(struct member *m)
{
  u64 first = below(PAGES), n = min(below(6) + 1, PAGES - first);
  int err = vm_discard(m->space, base + first * PAGE_SIZE, n * PAGE_SIZE, NULL);
  assert_true(err == 0 || (err == -ENOMEM && may_be_short));
  if(err == 0)
    memset(m->word + first, 0, n * sizeof m->word[0]);
}

static void
hide_and_show(struct member *m)
{
  u64 first = below(PAGES), n = min(below(6) + 1, PAGES - first);
  va_t from = base + first * PAGE_SIZE;
  int err = vm_protect(m->space, from, n * PAGE_SIZE, PROT_NONE);
  assert_true(err == 0 || (err == -ENOMEM && may_be_short));
  preemption_point();
  while(vm_protect(m->space, from, n * PAGE_SIZE, PROT_READ | PROT_WRITE) != 0)
    assert_true(may_be_short);
}

static void
fork_into(struct member *to, const struct member *from)
{
  int err = space_fork(from->space, &to->space);
  assert_true(err == 0 || (err == -ENOMEM && may_be_short));
  if(err == 0)
    memcpy(to->word, from->word, sizeof to->word);
}

static void
leave(struct member *m)
{
  run_space(NULL);
  space_put(m->space);
  m->space = NULL;
}

// => one that lives; `other` than m
static struct member *
living(struct member *v, const struct member *m)
{
  u32 at = (u32)below(FAMILY);
  for(u32 i = 0; i < FAMILY; i++)
    if(v[(at + i) % FAMILY].space && &v[(at + i) % FAMILY] != m)
      return &v[(at + i) % FAMILY];
  return NULL;
}

static void
step(struct member *v)
{
  struct member *m = &v[below(FAMILY)];
  if(m->space == NULL){
    fork_into(m, living(v, m));
    return;
  }
  run_space(m->space);
  switch(below(16)){
  case 0: discard(m); break;
  case 1: hide_and_show(m); break;
  case 2: if(living(v, m)) leave(m); break;
  default: touch(m);
  }
}

static void
life(void *arg)
{
  struct member *v = arg, *m;
  for(u64 n = 0; n < steps; n++)
    step(v);
  while((m = living(v, NULL)) != NULL){
    run_space(m->space);
    for(u64 page = 0; page < PAGES; page++)
      load(m, page);
    leave(m);
  }
  working--;
}

static struct space *
make_space(void)
{
  struct space *s = space_create();
  i64 r = vm_map(s, base, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
                 MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0, NULL);
  assert_int_equal(r, base);
  return s;
}

// The first of each family come from one ancestor, whose pages they all have.
static void
begin_families(void)
{
  static struct member ancestor;
  steps = host_rounds(500);
  ancestor.space = make_space();
  run_space(ancestor.space);
  for(u64 page = 0; page < PAGES; page++)
    store(&ancestor, page);
  for(u32 i = 1; i < HARTS; i++)
    fork_into(&family[i][0], &ancestor);
  leave(&ancestor);
  working = HARTS - 1;
  for(u32 i = 1; i < HARTS; i++)
    host_spawn(i, life, family[i]);
}

static void
run_families(void)
{
  while(still_working())
    if(fail_allocations)
      fail_allocation(below(40) + 1, FAIL_ONCE);
  join();
}

static void
families(void)
{
  start(AREA_PAGES);
  begin_families();
  run_families();
  assert_true(vm_counter(VM_SWAP_OUT) > PAGES && vm_counter(VM_SWAP_IN) > PAGES);
  assert_int_equal(oom_kills, 0);
  end();
}

// Requests fail, reads and writes alike: nobody ever reads what is wrong.
static void
families_on_a_bad_disk(void)
{
  start(AREA_PAGES);
  may_fail = may_be_short = true;    // slots that cannot be written are lost for good
  disk_fail(12);
  begin_families();
  run_families();
  disk_fail(0);
  assert_true(vm_counter(VM_SWAP_OUT) > 0 && host_log_has("cannot be"));
  end();
}

static void
families_short_of_slots(void)
{
  start(SMALL);
  may_be_short = true;
  begin_families();
  run_families();
  assert_true(oom_kills > 0);
  end();
}

static void
families_without_memory_at_times(void)
{
  start(AREA_PAGES);
  may_be_short = fail_allocations = true;
  begin_families();
  run_families();
  end();
}

// ---- One space on several harts, each with words of its own, and forked ----

static struct space *shared;
static u64 mine[HARTS][PAGES];

static va_t
word_of(u32 hart, u64 page)
{
  return base + page * PAGE_SIZE + hart * 64;
}

static void
expect_word(u32 hart, u64 page, u64 low, u64 high)
{
  u64 v = 0;
  if(went_well(user_load(word_of(hart, page), &v), page) && (v < low || v > high))
    panic("page %lu, word of hart %u: %lu not in %lu..%lu", page, hart, v, low, high);
}

static void
thread(void *arg)
{
  u32 me = current->hart->index;
  run_space(shared);
  for(u64 n = 1; n <= steps; n++){
    u64 page = below(PAGES);
    if(below(2) && went_well(user_store(word_of(me, page), n), page))
      mine[me][page] = n;
    page = below(PAGES);
    expect_word(me, page, mine[me][page], mine[me][page]);
    expect_word((u32)below(HARTS), page, 0, steps);
  }
  run_space(NULL);
  working--;
}

static void
fork_and_look(void)
{
  struct space *child;
  u64 before[HARTS][PAGES];
  memcpy(before, mine, sizeof mine);
  if(space_fork(shared, &child) != 0)
    return;
  run_space(child);
  for(u64 page = 0; page < PAGES; page++)
    for(u32 hart = 1; hart < HARTS; hart++)
      expect_word(hart, page, before[hart][page], mine[hart][page] + 1);
  run_space(NULL);
  space_put(child);
}

static void
threads(void)
{
  start(AREA_PAGES);
  shared = make_space();
  steps = host_rounds(4000);
  working = HARTS - 1;
  for(u32 i = 1; i < HARTS; i++)
    host_spawn(i, thread, NULL);
  while(still_working())
    if(below(4) == 0)
      fork_and_look();
  join();
  assert_true(vm_counter(VM_SWAP_OUT) > PAGES);
  space_put(shared);
  end();
}

// ---- Two at once: one is interrupted by the other, at each of its moments in turn ----

enum { FEW = 4 };
static struct member pair[2], late;

static void
each_page(void (*fn)(struct member *m, u64 page))
{
  struct member *m = &pair[current->hart->index];
  run_space(m->space);
  for(u64 page = 0; page < FEW; page++)
    fn(m, page);
  run_space(NULL);
}

static void look(void) { each_page(load); }
static void store_all(void) { each_page(store); }

static void
forget_all(void)
{
  struct member *m = &pair[current->hart->index];
  assert_int_equal(vm_discard(m->space, base, PAGES * PAGE_SIZE, NULL), 0);
  memset(m->word, 0, sizeof m->word);
}

static void turn_off(void) { assert_int_equal(area_off(0), 0); }

// As if nobody needed at once what came last.
static void
push_out(void)
{
  pair[0].space->nneeds = pair[1].space->nneeds = 0;
  ring_reclaim(2 * FEW);
}

static void fork_late(void) { fork_into(&late, &pair[current->hart->index]); }

enum how_they_are { IN_MEMORY, AWAY, UNWRITTEN };

// Two spaces have the same pages.  UNWRITTEN: every page has a slot and is in memory,
// for it could not be written; only one of the two maps it.
static void
set_up(enum how_they_are how)
{
  pair[0].space = make_space();
  store_all();
  fork_into(&pair[1], &pair[0]);
  disk_fail(how == UNWRITTEN);
  if(how != IN_MEMORY)
    push_out();
  disk_fail(0);
  if(how == UNWRITTEN)
    look();
}

static void
beside(void *fn)
{
  (*(void (**)(void))fn)();
}

static void
expect_all(void)
{
  look();
  run_space(pair[1].space);
  for(u64 page = 0; page < FEW; page++)
    load(&pair[1], page);
  if(late.space){
    run_space(late.space);
    for(u64 page = 0; page < FEW; page++)
      load(&late, page);
    leave(&late);
  }
  leave(&pair[0]);
  leave(&pair[1]);
}

static void
interrupt(enum how_they_are how, void (*one)(void), void (*other)(void))
{
  bool again = true;
  for(u64 n = 1; again; n += other == turn_off ? 1 : 1 + below(8)){
    set_up(how);
    host_spawn(1, beside, &other);
    switch_at(n);
    one();
    again = switched();
    switch_at(0);
    host_join();
    expect_no_lies();
    expect_all();
    if(!on[0])
      assert_int_equal(area_on(0), 0);
  }
}

static void
interruptions(void)
{
  start(AREA_PAGES);
  assert_int_equal(area_off(1), 0);
  preemption = 0;
  for(enum how_they_are how = IN_MEMORY; how <= UNWRITTEN; how++){
    interrupt(how, push_out, turn_off);
    interrupt(how, turn_off, push_out);
    interrupt(how, forget_all, turn_off);
    interrupt(how, turn_off, forget_all);
    interrupt(how, fork_late, push_out);
    interrupt(how, push_out, fork_late);
    interrupt(how, push_out, store_all);
    interrupt(how, store_all, push_out);
    interrupt(how, look, look);
  }
  end();
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(families, .harts = HARTS, .frames = 300, .reaper = true, KEEP),
    TEST(families, .harts = HARTS, .frames = 300, .reaper = true, .asid_bits = 1, .seed = 2, KEEP),
    TEST(families_on_a_bad_disk, .harts = HARTS, .frames = 300, .reaper = true, KEEP),
    TEST(families_short_of_slots, .harts = HARTS, .frames = 240, .reaper = true, KEEP),
    TEST(families_without_memory_at_times, .harts = HARTS, .frames = 300, .reaper = true, KEEP),
    TEST(threads, .harts = HARTS, .frames = 64, .reaper = true, KEEP),
    TEST(interruptions, .harts = 2, .frames = 200, KEEP),
  };
  return cmocka_run_group_tests_name("swap", tests, NULL, NULL);
}
