// SPDX-License-Identifier: MIT
//
// What has to stay while others' need takes everything else: the pages an instruction
// wants at once, whatever the policy, and those that were promised to a program.  And what
// must not be written ahead of need, and who waits for the reaper.

#include "host/host.h"
#include "host/disk.h"
#include "host/store.h"
#include "mm/evict.h"
#include "mm/lineage.h"
#include "mm/local.h"
#include "mm/object.h"
#include "mm/policy/policy.h"
#include "mm/ring.h"
#include "mm/swap.h"

enum { FEW = 4, CROWD = 60, SLOTS = 400, KEEP = 2 };
static va_t base = 16 * MiB;
struct file { u64 refs; };
static struct file area_file = { .refs = 1 };
static struct space *crowd;

static void
swap_to_a_disk(void)
{
  struct block_device *disk = disk_make((SLOTS + 1) * PAGE_SIZE);
  u32 head[3] = { 1, SLOTS - 1, 0 };
  memcpy(disk_bytes + 1024, head, sizeof head);
  memcpy(disk_bytes + PAGE_SIZE - 10, "SWAPSPACE2", 10);
  struct swap_store s = { .identity = disk, .device = disk, .pages = SLOTS };
  file_get(&area_file);
  assert_int_equal(swap_on(&s, &area_file, 1), 0);
}

static struct space *
make_space(u64 pages, u32 flags, struct object *o)
{
  struct space *s = space_create();
  i64 r = vm_map(s, base, pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
                 MAP_FIXED | MAP_MAYWRITE | flags, o, 0, NULL);
  assert_int_equal(r, base);
  return s;
}

static void
store_all(struct space *s, u64 pages)
{
  run_space(s);
  for(u64 i = 0; i < pages; i++)
    assert_int_equal(user_store(base + i * PAGE_SIZE, i + 1), FAULT_OK);
}

// Others want memory, and there is just so much that they can have.
static void
others_want_memory(void)
{
  struct space *s = current->space;
  store_all(crowd, CROWD);
  local_count();
  ring_reclaim(CROWD);
  run_space(s);
}

// When there is nothing else, everything goes in the end.
static void
push_out(struct space *s)
{
  for(u32 i = 0; pmap_resident(&s->pmap, NULL) > 0; i++){
    assert_true(i < 3 * CROWD);
    ring_reclaim(1);
  }
  run_space(s);
}

static void
begin(void)
{
  swap_to_a_disk();
  crowd = make_space(CROWD, MAP_PRIVATE | MAP_ANONYMOUS, NULL);
}

static void
end(void)
{
  expect_no_lies();
  run_space(NULL);
  space_put(crowd);
  assert_int_equal(swap_off(disk_device()), 0);
}

// ---- One instruction ----

// => the first page that the hardware does not find; FEW if it finds them all
static u64
missing(void)
{
  u64 i = 0;
  while(i < FEW && mmu_translate(base + i * PAGE_SIZE, ACCESS_READ, true))
    i++;
  return i;
}

// It wants FEW pages, one fault after the other, and after each others take what they can.
static void
one_instruction(u32 flags, struct object *o)
{
  struct space *s = make_space(FEW, flags, o);
  store_all(s, FEW);
  push_out(s);
  for(u64 i, faults = 0; (i = missing()) < FEW; faults++){
    u64 v;
    assert_true(faults < WS_LEAST);
    assert_int_equal(user_load(base + i * PAGE_SIZE, &v), FAULT_OK);
    assert_int_equal(v, i + 1);
    others_want_memory();
  }
  run_space(NULL);
  space_put(s);
}

static void
an_instruction_ends(void)
{
  begin();
  for(u32 i = 0; policies[i]; i++){
    struct store *file = store_create(FEW * PAGE_SIZE, FEW);
    assert_int_equal(ring_set_policy(policies[i]->name), 0);
    one_instruction(MAP_PRIVATE | MAP_ANONYMOUS, NULL);
    one_instruction(MAP_SHARED, object_create_anon(FEW * PAGE_SIZE));
    object_get(&file->object);
    one_instruction(MAP_SHARED, &file->object);
    store_put(file);
  }
  end();
}

// ---- A promise ----

static void
keep_promised(u32 flags, struct object *o, bool slots)
{
  enum { PROMISED = 12, ALL = 20 };
  struct space *s = make_space(ALL, flags, o);
  store_all(s, ALL);
  assert_int_equal(local_set_min(s, PROMISED), 0);
  run_space(NULL);
  for(u32 i = 0; i < 8; i++)
    others_want_memory();
  assert_int_equal(pmap_resident(&s->pmap, NULL), PROMISED);
  // What stays takes no slot.
  assert_int_equal(swap_total - swap_free, CROWD + (slots ? ALL - PROMISED : 0));
  objects_shrink(~0UL);
  assert_int_equal(pmap_resident(&s->pmap, NULL), PROMISED);
  assert_int_equal(local_set_min(s, 0), 0);
  push_out(s);
  run_space(NULL);
  space_put(s);
}

static void
a_promise_is_kept(void)
{
  struct store *file = store_create(CROWD * PAGE_SIZE, CROWD);
  begin();
  keep_promised(MAP_PRIVATE | MAP_ANONYMOUS, NULL, true);
  keep_promised(MAP_SHARED, object_create_anon(CROWD * PAGE_SIZE), true);
  object_get(&file->object);
  keep_promised(MAP_SHARED, &file->object, false);
  store_put(file);
  end();
}

// A fork has made the pages' frames dirty, and other harts may still store by what they
// remember: until they are fenced, nothing is clean.
static void
nothing_is_written_ahead_during_a_fork(void)
{
  begin();
  struct space *s = make_space(1, MAP_PRIVATE | MAP_ANONYMOUS, NULL);
  store_all(s, 1);
  pte_t *e = pmap_find(&s->pmap, base);
  struct frame *f = pte_frame(*e);
  pmap_unlock(e);
  for(u64 written = 0; written < 2; written++){
    atomic_add(&s->lineage->forks, 1 - written);
    assert_true(evict_take(f));
    assert_int_equal(evict_write_ahead(&f, 1), written);
    assert_int_equal(atomic_load(&f->word) & FRAME_DIRTY, written ? 0 : FRAME_DIRTY);
    atomic_add(&s->lineage->forks, written - 1);
  }
  run_space(NULL);
  space_put(s);
  end();
}

// The kernel's own part of memory is gone, but programs have some that can be swapped.
static void
a_fork_waits_for_the_reaper(void)
{
  struct frame *f, *taken = NULL, *before;
  struct space *child;
  begin();
  store_all(crowd, CROWD);
  for(; (f = frame_alloc(KIND_KERNEL, 0)) != NULL; taken = f)
    *(struct frame **)frame_kva(f) = taken;
  assert_int_equal(space_fork(crowd, &child), 0);
  for(; (f = taken) != NULL; taken = before){
    before = *(struct frame **)frame_kva(f);
    frame_free(f);
  }
  assert_true(vm_counter(VM_SWAP_OUT) > 0);
  run_space(NULL);
  space_put(child);
  end();
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(an_instruction_ends, .frames = 300, .keeps = KEEP),
    TEST(a_promise_is_kept, .frames = 1000, .keeps = KEEP),
    TEST(nothing_is_written_ahead_during_a_fork, .frames = 1000, .keeps = KEEP),
    TEST(a_fork_waits_for_the_reaper, .harts = 2, .frames = 200, .reaper = true, .keeps = KEEP),
  };
  return cmocka_run_group_tests_name("needs", tests, NULL, NULL);
}
