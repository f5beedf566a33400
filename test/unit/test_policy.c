// SPDX-License-Identifier: MIT
//
// The replacement policies: textbook strings and bits, and random rings against
// models that do what each policy's definition says, one page at a time.

#include <stdio.h>
#include "host/host.h"
#include "mm/policy/policy.h"

enum { PLACES = 10000, FRAMES_MAX = 16 };

struct page {
  bool present, refuses;
  u8 use, age;
};

// A ring, and what was taken from it, in order.
struct test_ring {
  struct ring ring;
  struct page page[PLACES];
  u64 victim[PLACES];
  u32 victims, uses, forgets;
};

static struct test_ring real, model;

static struct test_ring *
of(struct ring *r)
{
  return container_of(r, struct test_ring, ring);
}

static struct page *
page_at(struct ring *r, u64 place)
{
  assert_true(place < r->places);
  return &of(r)->page[place];
}

static bool
present(struct ring *r, u64 place)
{
  return page_at(r, place)->present;
}

static u32
use(struct ring *r, u64 place)
{
  assert_true(present(r, place));
  of(r)->uses++;
  return page_at(r, place)->use;
}

static void
forget(struct ring *r, u64 place)
{
  assert_true(present(r, place));
  of(r)->forgets++;
  page_at(r, place)->use &= ~USED;
}

static u8 *
age(struct ring *r, u64 place)
{
  assert_true(present(r, place));
  return &page_at(r, place)->age;
}

static bool
take(struct ring *r, u64 place)
{
  assert_true(present(r, place));
  if(page_at(r, place)->refuses)
    return false;
  page_at(r, place)->present = false;
  of(r)->victim[of(r)->victims++] = place;
  return true;
}

static const struct ring_ops ops = { present, use, forget, age, take };

static void
make_ring(struct test_ring *t, u64 places)
{
  memset(t, 0, sizeof *t);
  t->ring.places = places;
  t->ring.ops = &ops;
}

static void
set_page(struct test_ring *t, u64 place, u32 how, u8 its_age)
{
  t->page[place] = (struct page){ .present = true, .use = how, .age = its_age };
}

// => the places taken, as text: "3 1 0"
static const char *
choose(const char *policy, struct test_ring *t, u32 n)
{
  static char text[200];
  t->victims = 0;
  u32 chosen = policy_find(policy)->choose(&t->ring, n);
  assert_int_equal(chosen, t->victims);
  text[0] = 0;
  for(u32 i = 0, at = 0; i < t->victims && i < 20; i++)
    at += snprintf(text + at, sizeof text - at, i ? " %lu" : "%lu", t->victim[i]);
  return text;
}

// ---- Textbook: reference strings ----

// Digits are pages. => faults, with frames that are empty at first
static u32
faults(const char *policy, const char *refs, u32 frames)
{
  char held[FRAMES_MAX] = "";
  u32 count = 0, used = 0;
  make_ring(&real, frames);
  for(; *refs; refs++){
    u32 at = 0;
    while(at < used && held[at] != *refs)
      at++;
    if(at == used){
      count++;
      if(used < frames)
        used++;
      else
        at = (choose(policy, &real, 1), real.victim[0]);
      held[at] = *refs;
      set_page(&real, at, 0, AGE_NEW);
    }
    real.page[at].use |= USED;
  }
  return count;
}

static void
textbook_strings(void)
{
  const char *twenty = "70120304230321201701", *belady = "123412512345";
  assert_int_equal(faults("fifo", twenty, 3), 15);
  assert_int_equal(faults("fifo", belady, 3), 9);
  assert_int_equal(faults("fifo", belady, 4), 10);
  // Used pages only, all clean: these two are the same.
  assert_int_equal(faults("clock", twenty, 3), 14);
  assert_int_equal(faults("esc", twenty, 3), 14);
  assert_int_equal(faults("clock", belady, 3), 9);
  assert_int_equal(faults("esc", belady, 4), 10);
}

static void
second_chance(void)
{
  make_ring(&real, 4);
  set_page(&real, 0, USED, 0);
  set_page(&real, 1, MODIFIED, 0);
  set_page(&real, 2, USED | MODIFIED, 0);
  set_page(&real, 3, 0, 0);
  assert_string_equal(choose("clock", &real, 1), "1");
  assert_int_equal(real.page[0].use, 0);
  assert_string_equal(choose("clock", &real, 1), "3");
  assert_int_equal(real.page[2].use, MODIFIED);
  real.page[0].use = USED;
  assert_string_equal(choose("clock", &real, 5), "2 0");
  assert_string_equal(choose("clock", &real, 1), "");
}

// ---- Textbook: the four classes ----

static void
four_classes(void)
{
  make_ring(&real, 4);
  set_page(&real, 0, USED | MODIFIED, 0);
  set_page(&real, 1, MODIFIED, 0);
  set_page(&real, 2, USED, 0);
  set_page(&real, 3, 0, 0);
  assert_string_equal(choose("esc", &real, 1), "3");
  assert_int_equal(real.forgets, 0);            // pass 1 changes nothing
  assert_string_equal(choose("esc", &real, 1), "1");
  assert_int_equal(real.page[0].use, MODIFIED); // pass 2 clears as it goes
  assert_int_equal(real.page[2].use, USED);
  assert_string_equal(choose("esc", &real, 1), "0");
  assert_string_equal(choose("esc", &real, 1), "2");
  assert_string_equal(choose("esc", &real, 1), "");
}

// Several victims are of the passes begun, and nobody is asked twice.
static void
batch_of_classes(void)
{
  struct policy_stats before = policy_stats;
  make_ring(&real, 8);
  for(u64 i = 0; i < 8; i++)
    set_page(&real, i, (7 - i) & 3, 0);         // (1,1) (0,1) (1,0) (0,0), twice
  real.ring.hand = 2;
  assert_string_equal(choose("esc", &real, 8), "3 7 5 1 2 6 4 0");
  assert_int_equal(real.uses, 8);
  assert_int_equal(real.forgets, 4);
  assert_int_equal(real.ring.hand, 1);
  for(u32 i = 0; i < 4; i++){
    assert_int_equal(policy_stats.passes[i] - before.passes[i], 1);
    assert_int_equal(policy_stats.seen[i] - before.seen[i], 2);
  }
  assert_int_equal(policy_stats.moves - before.moves, 8);
  assert_int_equal(policy_stats.victims[0] - before.victims[0], 4);
  assert_int_equal(policy_stats.victims[MODIFIED] - before.victims[MODIFIED], 4);
}

// What a batch costs is bounded however large the ring is, and the ring is covered.
static void
windows(void)
{
  make_ring(&real, PLACES);
  for(u64 i = 0; i < PLACES; i++)
    set_page(&real, i, USED | MODIFIED, 0);
  policy_find("esc")->choose(&real.ring, 32);
  assert_int_equal(real.uses, esc_reach * esc_window);
  assert_int_equal(real.ring.hand, (esc_reach - 1) * esc_window + 32);
  for(u64 i = 0; i < PLACES - 1; i++)
    real.page[i].refuses = true;
  assert_string_equal(choose("esc", &real, 2), "9999");
}

static void
make_nine(u32 window, u32 reach)
{
  esc_window = window;
  esc_reach = reach;
  make_ring(&real, 9);
  for(u64 i = 0; i < 9; i++)
    set_page(&real, i, i == 4 ? MODIFIED : i == 8 ? 0 : USED, 0);
}

// Windows of three: what is good in the next comes before what was used in this one.
static void
small_windows(void)
{
  make_nine(3, 8);
  assert_string_equal(choose("esc", &real, 4), "4 8 0 1");
  make_nine(3, 1);
  assert_string_equal(choose("esc", &real, 4), "0 1 2 4");
  make_nine(3, 2);
  assert_string_equal(choose("esc", &real, 4), "4 3 5 8");
  make_nine(0, 0);                              // as 1
  assert_string_equal(choose("esc", &real, 9), "0 1 2 3 4 5 6 7 8");
}

// ---- Textbook: additional reference bits ----

static void
tick(struct test_ring *t)
{
  policy_find("aging")->tick(&t->ring);
}

static void
reference_bits(void)
{
  make_ring(&real, 5);
  set_page(&real, 0, 0, 0xff);
  set_page(&real, 1, 0, 0xc4);                  // 11000100: used more lately than ...
  set_page(&real, 2, 0, 0x77);                  // 01110111
  set_page(&real, 3, 0, 0x00);
  set_page(&real, 4, 0, 0x77);
  assert_string_equal(choose("aging", &real, 9), "3 2 4 1 0");

  // Eight ticks, used in those that have a bit: 11000100 is the last at the left.
  make_ring(&real, 4);
  const u8 history[] = { 0x00, 0xff, 0xc4, 0x77 };
  for(u64 i = 0; i < 4; i++)
    set_page(&real, i, 0, 0);
  for(u32 bit = 0; bit < 8; bit++){
    for(u64 i = 0; i < 4; i++)
      real.page[i].use |= history[i] >> bit & USED;
    tick(&real);
  }
  for(u64 i = 0; i < 4; i++){
    assert_int_equal(real.page[i].age, history[i]);
    assert_int_equal(real.page[i].use, 0);
  }
  assert_string_equal(choose("aging", &real, 1), "0");
  assert_string_equal(choose("aging", &real, 1), "3");
  assert_string_equal(choose("aging", &real, 2), "2 1");
  assert_string_equal(choose("aging", &real, 1), "");
}

// A level is a revolution, however many victims that makes.
static void
aging_cost(void)
{
  make_ring(&real, PLACES);
  for(u64 i = 0; i < PLACES; i++)
    set_page(&real, i, i % 2, 0);
  tick(&real);
  u64 before = policy_stats.moves;
  for(u32 batch = 0; batch < PLACES / 32; batch++)
    policy_find("aging")->choose(&real.ring, 32);
  assert_true(policy_stats.moves - before <= 2 * PLACES);
  assert_int_equal(real.uses, PLACES);          // at the tick
}

// ---- Models ----

static bool
model_take(struct test_ring *t, u64 place)
{
  bool went = take(&t->ring, place);
  if(went)
    t->ring.hand = (place + 1) % t->ring.places;
  return went;
}

static void
model_fifo(struct test_ring *t, u32 n)
{
  u64 from = t->ring.hand;
  for(u64 i = 0; i < t->ring.places && n; i++)
    if(t->page[(from + i) % t->ring.places].present)
      n -= model_take(t, (from + i) % t->ring.places);
}

static void
model_clock(struct test_ring *t, u32 n)
{
  u64 from = t->ring.hand;
  for(u64 i = 0; i < 2 * t->ring.places && n; i++){
    struct page *p = &t->page[(from + i) % t->ring.places];
    if(p->present && !(p->use & USED))
      n -= model_take(t, p - t->page);
    p->use &= ~USED;
  }
}

static void
model_esc(struct test_ring *t, u32 n)
{
  u64 from = t->ring.hand;
  for(u32 pass = 0; pass < 4; pass++)
    for(u64 i = 0; i < t->ring.places && n; i++){
      struct page *p = &t->page[(from + i) % t->ring.places];
      if(p->present && p->use == (pass & 1 ? MODIFIED : 0))
        n -= model_take(t, p - t->page);
      else if(pass & 1)
        p->use &= ~USED;
    }
}

// In the order of age, then of the ring from where the hand was at the tick.
static void
model_aging(struct test_ring *t, u32 n)
{
  u64 from = t->ring.hand;
  for(u32 its_age = 0; its_age < 256; its_age++)
    for(u64 i = 0; i < t->ring.places && n; i++){
      struct page *p = &t->page[(from + i) % t->ring.places];
      if(p->present && p->age == its_age)
        n -= model_take(t, p - t->page);
    }
}

static void
random_ring(struct test_ring *t)
{
  make_ring(t, 1 + below(40));
  t->ring.hand = below(t->ring.places);
  u32 density = 1 + below(8), refusing = 1 + below(20);
  for(u64 i = 0; i < t->ring.places; i++)
    if(below(8) < density){
      set_page(t, i, below(USES), below(2) ? below(4) << 5 : below(256));
      t->page[i].refuses = below(refusing) == 1;
    }
}

// The clock's hand stops where its search does: what it cleared is behind it.
static void
compare(const char *policy, void (*by_model)(struct test_ring *, u32), u32 n)
{
  choose(policy, &real, n);
  by_model(&model, n);
  assert_int_equal(real.victims, model.victims);
  assert_memory_equal(real.victim, model.victim, real.victims * sizeof real.victim[0]);
  for(u64 i = 0; i < real.ring.places; i++){
    assert_int_equal(real.page[i].present, model.page[i].present);
    if(real.page[i].present)
      assert_int_equal(real.page[i].use, model.page[i].use);
  }
  if(n && real.victims == n)
    assert_int_equal(real.ring.hand, model.ring.hand);
}

static void
against_models(void)
{
  static const struct {
    const char *policy;
    void (*model)(struct test_ring *, u32);
  } all[] = {
    { "fifo", model_fifo }, { "clock", model_clock }, { "esc", model_esc },
    { "aging", model_aging },
  };
  for(u64 round = host_rounds(4000); round > 0; round--){
    u32 which = below(count_of(all));
    random_ring(&real);
    if(all[which].model == model_aging)
      tick(&real);
    model = real;
    compare(all[which].policy, all[which].model, below(real.ring.places + 3));
  }
}

static void
table(void)
{
  assert_string_equal(policies[0]->name, "esc");
  assert_null(policy_find("lru"));
  assert_null(policy_find(""));
  for(u32 i = 0; policies[i]; i++){
    assert_ptr_equal(policy_find(policies[i]->name), policies[i]);
    make_ring(&real, 5);
    assert_string_equal(choose(policies[i]->name, &real, 3), "");   // nobody there
    set_page(&real, 4, USED | MODIFIED, AGE_NEW);
    assert_string_equal(choose(policies[i]->name, &real, 0), "");
    assert_string_equal(choose(policies[i]->name, &real, 3), "4");
  }
}

#define BARE(f) TEST(f, .bare = true)

int
main(void)
{
  const struct CMUnitTest tests[] = {
    BARE(textbook_strings), BARE(second_chance), BARE(four_classes), BARE(batch_of_classes),
    BARE(windows), BARE(small_windows),
    BARE(reference_bits), BARE(aging_cost), BARE(against_models), BARE(table),
  };
  return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
