// SPDX-License-Identifier: MIT
//
// Slab caches and kmalloc, against a list of who has which bytes.

#include "host/host.h"
#include "mm/reaper.h"
#include "mm/slab.h"

static struct cache cache;

static struct cache_info
info_of(const char *name)
{
  struct cache_info ci;
  for(u32 i = 0; cache_info_at(i, &ci); i++)
    if(strcmp(ci.name, name) == 0)
      return ci;
  panic("no cache %s", name);
}

// ---- Waste ----

// Objects of 1.7 KiB: the buddy gives each a frame of its own, a slab packs them.
static void
bytes_wasted(void)
{
  enum { OBJECTS_N = 100, SIZE = 1741 };
  void *p[OBJECTS_N];
  cache_init(&cache, "1.7K", SIZE, 0, NULL);
  u64 before = free_frames();
  for(u32 i = 0; i < OBJECTS_N; i++)
    assert_non_null(p[i] = cache_alloc(&cache));
  u64 slab_bytes = (before - free_frames()) * PAGE_SIZE;
  u64 buddy_bytes = OBJECTS_N * PAGE_SIZE, asked = OBJECTS_N * SIZE;
  assert_int_equal(slab_bytes, info_of("1.7K").slabs * info_of("1.7K").pages_per_slab * PAGE_SIZE);
  assert_true(slab_bytes - asked < asked / 4);
  assert_true(buddy_bytes - asked > asked);
  assert_true((slab_bytes - asked) * 5 < buddy_bytes - asked);
  for(u32 i = 0; i < OBJECTS_N; i++)
    cache_free(&cache, p[i]);
  slab_shrink();
  assert_int_equal(free_frames(), before);
}

// ---- What a cache promises ----

enum { MAGIC = 0x5eed };
struct thing { u32 magic, uses; char rest[92]; };
static u32 constructed;

static void
construct(void *p)
{
  ((struct thing *)p)->magic = MAGIC;
  ((struct thing *)p)->uses = 0;
  constructed++;
}

static void
objects_stay_constructed(void)
{
  struct thing *t[50];
  cache_init(&cache, "things", sizeof(struct thing), 0, construct);
  for(u32 round = 0; round < 10; round++){
    for(u32 i = 0; i < 50; i++){
      assert_non_null(t[i] = cache_alloc(&cache));
      assert_int_equal(t[i]->magic, MAGIC);
      t[i]->uses++;
    }
    for(u32 i = 0; i < 50; i++)
      cache_free(&cache, t[i]);
  }
  struct cache_info ci = info_of("things");
  assert_int_equal(ci.active, 0);
  assert_int_equal(constructed, ci.total);
  t[0] = cache_alloc(&cache);
  assert_true(t[0]->uses > 1);
  cache_free(&cache, t[0]);
}

// Fill `slabs` slabs of the cache. => how many objects
static u64
fill_slabs(u32 slabs, void **p)
{
  u64 n = 0;
  while(cache.slabs < slabs || !list_empty(&cache.partial))
    assert_non_null(p[n++] = cache_alloc(&cache));
  return n;
}

static void
free_all(void **p, u64 n)
{
  while(n-- > 0)
    cache_free(&cache, p[n]);
}

static void
expect_bytes(const u8 *p, u64 n, u8 byte)
{
  for(u64 i = 0; i < n; i++)
    assert_int_equal(p[i], byte);
}

// The first objects of slabs lie in different cache lines of their pages.
static void
colours(void)
{
  void *p[500];
  u64 lines = 0;
  cache_init(&cache, "coloured", 176, 0, NULL);
  assert_true(cache.colours > 1);
  u64 n = fill_slabs(8, p);
  for(u64 i = 0; i < n; i += cache.per_slab)
    lines |= 1UL << ((u64)p[i] % PAGE_SIZE / 64);
  assert_int_equal(__builtin_popcountl(lines), min(cache.colours, 8u));
  free_all(p, n);
}

static void
alignment(void)
{
  void *p[500];
  cache_init(&cache, "aligned", 100, 256, NULL);
  u64 n = fill_slabs(4, p);
  for(u64 i = 0; i < n; i++)
    assert_int_equal((u64)p[i] % 256, 0);
  free_all(p, n);
}

static void
shrinking_gives_all_back(void)
{
  void *p[300];
  u64 before = free_frames();
  cache_init(&cache, "shrunk", 200, 0, NULL);
  for(u32 i = 0; i < 300; i++)
    p[i] = cache_alloc(&cache);
  u64 held = before - free_frames();
  assert_true(held >= 300 * 200 / PAGE_SIZE);
  for(u32 i = 0; i < 300; i++)
    cache_free(&cache, p[i]);
  assert_int_equal(info_of("shrunk").active, 0);
  assert_true(slab_spare() > 0);
  slab_shrink();
  assert_true(info_of("shrunk").slabs <= 2u * cache.rounds);   // what the hart has at hand
  assert_int_equal(slab_spare(), 0);
  harts_drain();
  assert_int_equal(info_of("shrunk").slabs, 0);
  assert_int_equal(free_frames(), before);
  assert_int_equal(lies_of(slab_check), 0);
}

static void
no_memory(void)
{
  u64 before = free_frames(), n = 0;
  void *first = NULL, **last = &first;
  cache_init(&cache, "greedy", 1000, 0, NULL);
  for(void **p; (p = cache_alloc(&cache)) != NULL; n++){
    *last = p;
    *p = NULL;
    last = p;
  }
  assert_true(n > 1000);
  assert_null(kmalloc(4 * MiB));
  assert_null(kmalloc(4 * MiB + 1));
  assert_int_equal(lies_of(slab_check), 0);
  while(first){
    void *p = first;
    first = *(void **)p;
    cache_free(&cache, p);
  }
  assert_int_equal(free_frames(), before);
}

// ---- Magazines ----

// Objects that one hart frees serve it again without their slabs, and another
// hart by way of the depot; in the end all go back.
static void
magazines(void)
{
  enum { N = 400 };
  static void *p[N];
  cache_init(&cache, "magazines", 64, 0, NULL);
  assert_true(cache.rounds > 1);
  for(u32 round = 0; round < 50; round++){
    on_hart(round % 3);
    u32 n = 1 + (u32)below(N);
    for(u32 i = 0; i < n; i++){
      assert_non_null(p[i] = cache_alloc(&cache));
      memset(p[i], (int)i, 64);
    }
    assert_int_equal(info_of("magazines").active, n);
    assert_int_equal(lies_of(slab_check), 0);
    for(u32 i = 0; i < n; i++)
      expect_bytes(p[i], 64, (u8)i);
    on_hart((u32)below(3));
    free_all(p, n);
    assert_int_equal(info_of("magazines").active, 0);
    assert_int_equal(lies_of(slab_check), 0);
  }
  assert_true(cache.active > 0);
  on_hart(1);
  p[0] = cache_alloc(&cache);
  cache_free(&cache, p[0]);
  u64 lock_free = cache.active;
  assert_ptr_equal(cache_alloc(&cache), p[0]);      // last in, first out
  assert_int_equal(cache.active, lock_free);
  cache_free(&cache, p[0]);
  harts_drain();
  assert_int_equal(cache.active, 0);
  on_hart(0);
}

// However much is freed, what stays at hand is bounded.
static void
magazines_are_bounded(void)
{
  enum { N = 3000 };
  static void *p[N];
  cache_init(&cache, "bounded", 128, 0, NULL);
  for(u32 i = 0; i < N; i++)
    assert_non_null(p[i] = cache_alloc(&cache));
  free_all(p, N);
  assert_true(cache.active <= (2 + 2 * machine.nharts) * cache.rounds);
}

// ---- kmalloc ----

static void
fill(u8 *p, u64 n, u64 key)
{
  for(u64 i = 0; i < n; i++)
    p[i] = (u8)(key + i * 7);
}

static void
expect_filled(const u8 *p, u64 n, u64 key)
{
  for(u64 i = 0; i < n; i++)
    if(p[i] != (u8)(key + i * 7))
      panic("byte %lu of %lu changed", i, n);
}

static void
every_size(void)
{
  for(u64 size = 0; size <= 3 * PAGE_SIZE; size += size < 300 ? 1 : 13){
    u8 *p = kmalloc(size), *q = kzalloc(size);
    assert_true(p && q && p != q);
    assert_int_equal((u64)p % 16, 0);
    for(u64 i = 0; i < size; i++)
      assert_int_equal(q[i], 0);
    fill(p, size, size);
    fill(q, size, ~size);
    expect_filled(p, size, size);
    kfree(p);
    kfree(q);
  }
  kfree(NULL);
  assert_int_equal(lies_of(slab_check), 0);
}

static void
growing(void)
{
  u64 n = 1;
  u8 *p = krealloc(NULL, n);
  for(u64 more = 2; more < 100000; more = more * 5 / 3 + 1){
    fill(p, n, n);
    u8 *q = krealloc(p, more);
    assert_non_null(q);
    expect_filled(q, n, n);
    p = q;
    n = more;
  }
  fill(p, n, 1);
  assert_null(krealloc(p, 5 * MiB));          // and p is as it was
  expect_filled(p, n, 1);
  assert_ptr_equal(krealloc(p, 10), p);
  kfree(p);
}

static void
random_sizes(void)
{
  enum { LIVE = 200 };
  struct { u8 *p; u64 n; } live[LIVE] = { 0 };
  for(u64 step = 0; step < host_rounds(20000); step++){
    u32 k = (u32)below(LIVE);
    u64 n = below(8) ? below(600) : below(5 * PAGE_SIZE);
    if(live[k].p)
      expect_filled(live[k].p, live[k].n, k);
    if(live[k].p && below(2)){
      kfree(live[k].p);
      live[k].p = NULL;
      continue;
    }
    u8 *p = krealloc(live[k].p, n);
    if(p == NULL)
      continue;
    if(live[k].p)
      expect_filled(p, min(n, live[k].n), k);
    live[k].p = p;
    live[k].n = n;
    fill(p, n, k);
    if(step % 500 == 0)
      assert_int_equal(lies_of(slab_check), 0);
    if(step % 3000 == 0)
      slab_shrink();
  }
  for(u32 k = 0; k < LIVE; k++)
    kfree(live[k].p);
}

// ---- Misuse ----

static void
free_twice(void)
{
  void *p = kmalloc(100);
  kmalloc(100);
  kfree(p);
  kfree(p);
}

static void
free_twice_with_others_between(void)
{
  void *p = kmalloc(100), *q = kmalloc(100);
  kfree(p);
  kfree(q);
  kfree(p);
  harts_drain();
}

static void
free_in_the_middle(void)
{
  kfree((char *)kmalloc(100) + 16);
}

static void
free_into_another_cache(void)
{
  cache_init(&cache, "other", 100, 0, NULL);
  cache_free(&cache, kmalloc(100));
}

static void
misuse(void)
{
  expect_death(free_twice, "is freed twice");
  expect_death(free_twice_with_others_between, "is freed twice");
  expect_death(free_in_the_middle, "not true");
  expect_death(free_into_another_cache, "not true");
}

// ---- Watched objects ----

static u8 *watched;

static void
watch(u32 size, void (*ctor)(void *))
{
  slab_debug = true;
  cache_init(&cache, "watched", size, 0, ctor);
  slab_debug = false;
  watched = cache_alloc(&cache);
}

static void
write_beyond_the_end(void)
{
  watch(100, NULL);
  watched[100] = 1;
  cache_free(&cache, watched);
}

static void
write_before_the_start(void)
{
  watch(100, NULL);
  watched[-1] = 1;
  cache_free(&cache, watched);
}

static void
write_after_the_end_of_life(void)
{
  watch(100, NULL);
  cache_free(&cache, watched);
  watched[40] = 1;
  cache_alloc(&cache);
}

static void
write_over_the_trailer(void)
{
  watch(100, NULL);
  memset(watched + 112, 'x', 300);
  cache_free(&cache, watched);
}

static void
free_watched_twice(void)
{
  watch(100, NULL);
  void *other = cache_alloc(&cache);
  cache_free(&cache, watched);
  cache_free(&cache, other);
  cache_free(&cache, watched);
}

// kmalloc's classes are watched too, to the byte.
static void
write_beyond_kmalloc(void)
{
  slab_debug = true;
  slab_init();
  watched = kmalloc(33);
  watched[33] = 0;
  kfree(watched);
}

static void
watched_misuse(void)
{
  expect_death(write_beyond_the_end, "was written to beyond its end");
  expect_death(write_beyond_the_end, "byte 100 is 01 instead of bb");
  expect_death(write_beyond_the_end, "cache watched");
  expect_death(write_beyond_the_end, "taken by task");
  expect_death(write_beyond_the_end, "never freed");
  expect_death(write_before_the_start, "was written to before its start");
  expect_death(write_after_the_end_of_life, "was written to after it was freed");
  expect_death(write_after_the_end_of_life, "freed by task");
  expect_death(write_over_the_trailer, "its trailer is gone");
  expect_death(free_watched_twice, "freed again by task");
  expect_death(write_beyond_kmalloc, "was written to beyond its end");
}

// Used as they should be, watched objects are like others.
static void
watched_use(void)
{
  void *p[300];
  watch(sizeof(struct thing), construct);
  for(u32 round = 0; round < 5; round++){
    for(u32 i = 0; i < 300; i++){
      struct thing *t = p[i] = cache_alloc(&cache);
      assert_int_equal(t->magic, MAGIC);
      assert_int_equal((u64)t % 16, 0);
      memset(t->rest, (int)i, sizeof t->rest);
    }
    assert_int_equal(lies_of(slab_check), 0);
    free_all(p, 300);
    assert_int_equal(lies_of(slab_check), 0);
  }
  watched[sizeof(struct thing)] ^= 1;           // the checker sees it before the free
  assert_true(lies_of(slab_check) > 0);
  watched[sizeof(struct thing)] ^= 1;
  cache_free(&cache, watched);
}

// ---- The checker ----

static void
check_finds(u64 *counter)
{
  assert_int_equal(lies_of(slab_check), 0);
  *counter += 1;
  host_log_clear();
  assert_true(lies_of(slab_check) > 0);
  assert_true(host_log_has("check: cache planted"));
  *counter -= 1;
}

static void
checker(void)
{
  cache_init(&cache, "planted", 64, 0, NULL);
  void *p = cache_alloc(&cache);
  check_finds(&cache.active);
  check_finds(&cache.slabs);
  // A free object's number that is not one: the chain is cut.
  struct frame *f = kva_frame(p);
  u16 *used_free = (u16 *)((char *)knum_ptr(f->owner) + sizeof(void *) + sizeof(struct list) +
                           sizeof(char *));
  u16 first_free = used_free[1];
  used_free[1] = 0xffff;
  host_log_clear();
  assert_true(lies_of(slab_check) > 0);
  assert_true(host_log_has("free and"));
  used_free[1] = first_free;
  cache_free(&cache, p);
  assert_int_equal(lies_of(slab_check), 0);
  void *q = cache_alloc(&cache);
  cache_free(&cache, p = cache_alloc(&cache));
  cache_free(&cache, q);
  cache_free(&cache, p);
  host_log_clear();
  assert_true(lies_of(slab_check) > 0);
  assert_true(host_log_has("free twice"));
  assert_ptr_equal(cache_alloc(&cache), p);
  assert_int_equal(lies_of(slab_check), 0);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(bytes_wasted), TEST(objects_stay_constructed), TEST(colours), TEST(alignment),
    TEST(shrinking_gives_all_back), TEST(no_memory), TEST(every_size), TEST(growing),
    TEST(random_sizes), TEST(misuse), TEST(checker), TEST(magazines, .frames = 8192, .harts = 3),
    TEST(magazines_are_bounded), TEST(watched_misuse), TEST(watched_use),
  };
  return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
