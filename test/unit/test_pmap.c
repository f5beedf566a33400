// SPDX-License-Identifier: MIT
//
// Page tables by themselves: entries, ranges, tables that come and go, the
// kernel's own map; and proof that the software TLB notices a missing fence.

#include <fence.h>
#include "host/host.h"
#include "mm/gather.h"
#include "mm/space.h"

enum { RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static struct space *space;

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

// A private page of the space at va, as the fault path makes it.
static struct frame *
set_page(va_t va, u32 prot)
{
  struct frame *f = frame_alloc(KIND_ANON, ALLOC_ZERO);
  f->owner = knum(space->lineage);
  f->index = (u32)(va >> PAGE_SHIFT);
  f->word = KIND(KIND_ANON) | FRAME_DIRTY | SHARE_1 | MAPPED_1;
  pte_t *e = pmap_make(&space->pmap, va);
  assert_non_null(e);
  pmap_set(e, pte_make(f, prot, true));
  pmap_unlock(e);
  return f;
}

static pte_t
entry(va_t va)
{
  pte_t *e = pmap_find(&space->pmap, va), p = e ? *e : 0;
  if(e)
    pmap_unlock(e);
  return p;
}

static void
clear(va_t from, va_t to)
{
  struct gather g;
  gather_init(&g, space);
  while(from < to){
    from = pmap_clear(&space->pmap, from, to, &g);
    gather_flush(&g);
  }
}

// ---- One entry ----

static void
states_of_an_entry(void)
{
  start();
  struct frame *f = set_page(MiB, RW);
  pte_t p = entry(MiB);
  assert_int_equal(pte_state(p), PTE_PRESENT);
  assert_ptr_equal(pte_frame(p), f);
  assert_true(pte_dirty(p) && (p & PTE_A) && pte_writable(p) && !pte_executable(p));
  assert_true(pte_allows(p, PROT_READ) && pte_allows(p, RW) && !pte_allows(p, PROT_EXEC));
  pte_t hidden = pte_make(f, PROT_NONE, true);
  assert_int_equal(pte_state(hidden), PTE_HIDDEN);
  assert_ptr_equal(pte_frame(hidden), f);
  assert_false(pte_allows(hidden, PROT_READ) || pte_writable(hidden));
  assert_true(pte_dirty(hidden));
  assert_int_equal(pte_state(0), PTE_NONE);
  assert_true(pte_allows(pte_make(f, PROT_WRITE, false), RW));    // W without R does not exist
  assert_true(pte_is_zero(pte_make(zero_frame, PROT_READ, false)) && !pte_is_zero(p));
  clear(MiB, MiB + PAGE_SIZE);
  assert_int_equal(entry(MiB), 0);
  pmap_prune(&space->pmap, 0, USER_MAX, 0, USER_MAX);
  end();
}

static void
the_old_entry_comes_back(void)
{
  start();
  struct frame *f = set_page(MiB, RW);
  pte_t *e = pmap_find(&space->pmap, MiB);
  pmap_set(e, pte_make(f, RW, false));
  pmap_unlock(e);
  assert_false(pte_dirty(entry(MiB)));
  *(u64 *)mmu_translate(MiB, ACCESS_WRITE, true) = 1;   // the hardware sets D
  e = pmap_find(&space->pmap, MiB);
  pte_t old = pmap_set(e, 0);
  pmap_unlock(e);
  assert_true(pte_dirty(old));
  pmap_fence(&space->pmap, MiB, MiB + PAGE_SIZE);
  frame_put(f, SHARE_1 | MAPPED_1);
  pmap_prune(&space->pmap, 0, USER_MAX, 0, USER_MAX);
  end();
}

// ---- Tables ----

static void
tables_are_made_and_pruned(void)
{
  start();
  u64 before = free_frames();
  assert_null(pmap_find(&space->pmap, MiB));
  set_page(2 * MiB - PAGE_SIZE, RW);
  set_page(2 * MiB, RW);
  set_page(GiB, RW);
  // A root; a middle and two leaves; a middle and a leaf.
  assert_int_equal(space->pmap.tables, 6);
  assert_int_equal(before - free_frames(), 5 + 3);
  pte_t *e = pmap_reach(&space->pmap, GiB), p = *e;
  pmap_unlock(e);
  assert_int_equal(p, entry(GiB));
  clear(0, 2 * MiB);
  pmap_prune(&space->pmap, 0, 2 * MiB, 0, 2 * MiB);
  assert_int_equal(space->pmap.tables, 5);
  assert_null(pmap_find(&space->pmap, 2 * MiB - PAGE_SIZE));
  assert_true(entry(2 * MiB) != 0);
  clear(0, USER_MAX);
  pmap_prune(&space->pmap, 0, USER_MAX, 0, USER_MAX);
  assert_int_equal(space->pmap.tables, 1);
  assert_int_equal(free_frames(), before);
  end();
}

static void
count_entry(void *arg, va_t va, pte_t p, const struct frame *table)
{
  u64 *seen = arg;
  assert_int_equal(pte_frame(p)->index, va >> PAGE_SHIFT);
  *seen += 1;
}

// ---- Ranges, against an array ----

enum { WINDOW = 80 };

static va_t
va_of(u32 page)
{
  return GiB - WINDOW / 2 * PAGE_SIZE + page * PAGE_SIZE;
}

// A permission that was only added may still be missing from the TLB.
static bool
can(va_t va, enum access how)
{
  if(mmu_translate(va, how, true))
    return true;
  pmap_fence_local(&space->pmap, va);
  return mmu_translate(va, how, true) != NULL;
}

static void
expect_entry(va_t va, bool there, u32 prot)
{
  pte_t e = entry(va);
  assert_int_equal(pte_state(e), !there ? PTE_NONE : prot ? PTE_PRESENT : PTE_HIDDEN);
  assert_int_equal(can(va, ACCESS_READ), there && (prot & RW));
  assert_int_equal(can(va, ACCESS_WRITE), there && (prot & PROT_WRITE));
  assert_int_equal(can(va, ACCESS_EXEC), there && (prot & PROT_EXEC));
}

static void
random_ranges(void)
{
  u32 prot[WINDOW] = { 0 };
  bool there[WINDOW] = { false };
  start();
  for(u64 n = 0; n < host_rounds(600); n++){
    u32 i = (u32)below(WINDOW), len = 1 + (u32)below(WINDOW - i), p = (u32)below(8);
    if(below(2)){
      if(!there[i])
        set_page(va_of(i), prot[i] = p);
      there[i] = true;
    } else if(below(4)){
      len = len % 9 + 1;
      pmap_protect(&space->pmap, va_of(i), va_of(i + len), p, false);
      for(u32 k = i; k < i + len && k < WINDOW; k++)
        prot[k] = p;
    } else {
      clear(va_of(i), va_of(i + len));
      memset(&there[i], 0, len);
      pmap_prune(&space->pmap, va_of(i), va_of(i + len), va_of(i), va_of(i + len));
    }
    u64 seen = 0, want = 0;
    pmap_scan(&space->pmap, 0, USER_MAX, NULL, count_entry, &seen);
    for(u32 k = 0; k < WINDOW; k++){
      want += there[k];
      expect_entry(va_of(k), there[k], prot[k]);
    }
    assert_int_equal(seen, want);
  }
  clear(0, USER_MAX);
  pmap_prune(&space->pmap, 0, USER_MAX, 0, USER_MAX);
  end();
}

static void
fork_copies_entries(void)
{
  struct space *child = space_create();
  start();
  struct frame *rw = set_page(MiB, RW), *ro = set_page(MiB + PAGE_SIZE, PROT_READ);
  struct frame *hidden = set_page(MiB + 2 * PAGE_SIZE, PROT_NONE);
  pte_t *e = pmap_make(&space->pmap, MiB + 3 * PAGE_SIZE);
  pmap_set(e, pte_make(zero_frame, PROT_READ, false));
  pmap_unlock(e);
  rw_write_lock(&space->lock);
  rw_write_lock(&child->lock);
  assert_int_equal(pmap_fork(&child->pmap, &space->pmap, MiB, MiB + 4 * PAGE_SIZE, true), 0);
  pmap_fence(&space->pmap, MiB, MiB + 4 * PAGE_SIZE);
  rw_write_unlock(&child->lock);
  rw_write_unlock(&space->lock);
  struct frame *f[] = { rw, ro, hidden };
  for(u32 i = 0; i < 3; i++){
    assert_int_equal(word_share(f[i]->word), 2);
    assert_int_equal(word_mapped(f[i]->word), 2);
  }
  assert_false(pte_writable(entry(MiB)));
  assert_true(pte_dirty(entry(MiB)));          // the parent's; the child's starts anew
  struct space *parent = space;
  space = child;
  assert_false(pte_writable(entry(MiB)) || pte_dirty(entry(MiB)));
  assert_int_equal(pte_state(entry(MiB + 2 * PAGE_SIZE)), PTE_HIDDEN);
  assert_true(pte_is_zero(entry(MiB + 3 * PAGE_SIZE)));
  for(u32 i = 0; i < 2; i++){
    clear(0, USER_MAX);
    pmap_prune(&space->pmap, 0, USER_MAX, 0, USER_MAX);
    space = parent;
  }
  space_put(child);
  end();
}

// ---- The kernel's own map ----

static void
kernel_map(void)
{
  pa_t pa = 0;
  char prot[4] = "";
  assert_true(kmap_lookup(direct_base + 0x80400000, &pa, prot));
  assert_int_equal(pa, 0x80400000);
  assert_string_equal(prot, "rw-");
  assert_true(kmap_lookup(direct_base + 0x80201000, &pa, prot));
  assert_string_equal(prot, "r--");            // the text, also seen here
  assert_false(kmap_lookup(direct_base + 0x80000000, &pa, prot));
  static const struct { va_t va; const char *prot; } image[] = {
    { 0xffffffff80201000, "r-x" }, { 0xffffffff8023f000, "r-x" }, { 0xffffffff80240000, "r--" },
    { 0xffffffff80250000, "rw-" }, { 0xffffffff802ff000, "rw-" },
  };
  for(u32 i = 0; i < count_of(image); i++){
    assert_true(kmap_lookup(image[i].va, &pa, prot));
    assert_int_equal(pa, image[i].va - 0xffffffff00000000);
    assert_string_equal(prot, image[i].prot);
  }
  assert_false(kmap_lookup(0xffffffff80300000, &pa, prot));
}

// Every hart sees a page of the vmap area come, change and go, whatever it runs.
// The leaf table stays.
static void
vmap_pages_everywhere(void)
{
  struct frame *f[2] = { frame_alloc(KIND_KERNEL, 0), frame_alloc(KIND_KERNEL, 0) };
  va_t va = VMAP_BASE + PAGE_SIZE;
  start();
  for(u64 n = 0; n < 300; n++){
    struct frame *now = f[n % 2];
    on_hart((u32)below(nharts));
    run_space(below(2) ? space : NULL);
    assert_null(mmu_translate(va, ACCESS_READ, false));
    assert_int_equal(kmap_pages(va, frame_pa(now), PAGE_SIZE, n % 3 ? KMAP_RW : KMAP_RO), 0);
    kmap_fence(va, PAGE_SIZE);
    for(u32 i = 0; i < nharts; i++){
      on_hart(i);
      assert_ptr_equal(mmu_translate(va, ACCESS_READ, false), frame_kva(now));
      assert_int_equal(mmu_translate(va, ACCESS_WRITE, false) != NULL, n % 3 != 0);
      assert_null(mmu_translate(va, ACCESS_READ, true));
    }
    kmap_remove(va, PAGE_SIZE);
    kmap_fence(va, PAGE_SIZE);
    for(u32 i = 0; i < nharts; i++){
      on_hart(i);
      assert_null(mmu_translate(va, ACCESS_READ, false));
    }
  }
  on_hart(0);
  end();
  frame_free(f[0]);
  frame_free(f[1]);
}

// ---- Fences ----

// Two harts run one space and a third has run it; what one hart changes, all see.
static void
shootdowns(void)
{
  start();
  i64 a = vm_map(space, GiB, 8 * PAGE_SIZE, RW, ANON | MAP_FIXED, NULL, 0, NULL);
  for(u64 n = 1; n < 400; n++){
    on_hart((u32)below(nharts));
    run_space(below(6) ? space : NULL);
    if(current->space == NULL)
      continue;
    va_t va = (va_t)a + below(8) * PAGE_SIZE;
    struct space *child;
    u64 v = 0;
    switch(below(6)){
    case 0: assert_int_equal(vm_protect(space, va, PAGE_SIZE, below(2) ? RW : PROT_READ), 0); break;
    case 1: vm_discard(space, va, PAGE_SIZE, NULL); break;
    case 2:
      assert_int_equal(vm_unmap(space, (va_t)a, 8 * PAGE_SIZE), 0);
      vm_map(space, GiB, 8 * PAGE_SIZE, RW, ANON | MAP_FIXED, NULL, 0, NULL);
      break;
    case 3:
      assert_int_equal(space_fork(space, &child), 0);
      user_load(va, &v);
      if(user_store(va, n) == FAULT_OK){
        u64 now = 0;
        run_space(child);
        user_load(va, &now);
        if(now != v)
          panic("the child sees what its parent stored after the fork");
        run_space(space);
      }
      space_put(child);
      break;
    default:
      if(user_store(va, n) != FAULT_OK)
        break;
      assert_int_equal(user_load(va, &v), FAULT_OK);
      if(v != n)
        panic("a store is lost");
    }
  }
  on_hart(0);
  run_space(space);
  end();
}

static void
without_local_fences(void)
{
  mmu.skip_local = true;
  shootdowns();
}

static void
without_remote_fences(void)
{
  mmu.skip_remote = true;
  shootdowns();
}

static void
without_fences_at_the_switch(void)
{
  mmu.skip_asid = true;
  shootdowns();
}

static void
without_fences_of_upper_levels(void)
{
  mmu.skip_upper = true;
  shootdowns();
}

// The harness itself: hardware that forgets a kind of fence must be found out.
static void
missing_fences_are_noticed(void)
{
  expect_death(without_local_fences, "panic");
  expect_death(without_remote_fences, "panic");
  expect_death(without_fences_at_the_switch, "panic");
  expect_death(without_fences_of_upper_levels, "panic");
}

// A page that appears where nothing was costs no fence.
static void
no_fence_for_a_new_page(void)
{
  mmu.cache_invalid = false;
  start();
  i64 a = vm_map(space, GiB, 8 * PAGE_SIZE, RW, ANON | MAP_FIXED, NULL, 0, NULL);
  u64 fences = mmu.fences + mmu.remote_fences;
  for(u32 i = 0; i < 8; i++)
    assert_int_equal(user_store((va_t)a + i * PAGE_SIZE, 1), FAULT_OK);
  assert_int_equal(mmu.fences + mmu.remote_fences, fences);
  end();
}

static void
instructions_are_fetched_anew(void)
{
  start();
  i64 a = vm_map(space, GiB, PAGE_SIZE, RW, ANON | MAP_FIXED, NULL, 0, NULL);
  void *kva;
  assert_int_equal(user_store((va_t)a, 0x00008067), FAULT_OK);
  u64 before = mmu.exec_fences;
  assert_int_equal(vm_protect(space, (va_t)a, PAGE_SIZE, PROT_READ | PROT_EXEC), 0);
  assert_true(mmu.exec_fences > before);
  before = mmu.exec_fences;
  assert_int_equal(user_touch((va_t)a, ACCESS_EXEC, &kva), FAULT_OK);
  assert_int_equal(vm_protect(space, (va_t)a, PAGE_SIZE, PROT_READ), 0);
  assert_int_equal(vm_protect(space, (va_t)a, PAGE_SIZE, PROT_READ | PROT_EXEC), 0);
  assert_int_equal(mmu.exec_fences, before);   // nothing was written in between
  end();
}

static void
forget_use(va_t va)
{
  pte_t *e = pmap_find(&space->pmap, va);
  pmap_forget_use(e);
  pmap_unlock(e);
}

// The others forget everything before they run a space again.
static void
only_who_runs_a_space_is_fenced(void)
{
  start();
  va_t a = (va_t)vm_map(space, GiB, PAGE_SIZE, RW, ANON | MAP_FIXED, NULL, 0, NULL);
  u64 v;
  on_hart(1);
  run_space(space);
  assert_int_equal(user_store(a, 1), FAULT_OK);
  run_space(NULL);
  on_hart(0);
  forget_use(a);
  mmu.told = 0;
  pmap_fence_everything();
  pmap_fence_exec();
  assert_int_equal(mmu.told, 1 << 0);
  on_hart(1);
  u64 before = mmu.exec_fences;
  run_space(space);
  assert_true(mmu.exec_fences > before);
  assert_int_equal(user_load(a, &v), FAULT_OK);
  assert_true(pte_used(entry(a)));             // it asked the table
  pmap_fence_everything();
  assert_int_equal(mmu.told, 1 << 0 | 1 << 1);
  on_hart(0);
  end();
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(states_of_an_entry), TEST(the_old_entry_comes_back), TEST(tables_are_made_and_pruned),
    TEST(random_ranges), TEST(fork_copies_entries), TEST(kernel_map),
    TEST(vmap_pages_everywhere, .harts = 3, .keeps = 1), TEST(shootdowns, .harts = 3),
    TEST(shootdowns, .harts = 3, .asid_bits = NO_ASIDS),
    TEST(missing_fences_are_noticed, .harts = 3),
    TEST(no_fence_for_a_new_page), TEST(instructions_are_fetched_anew, .harts = 2),
    TEST(only_who_runs_a_space_is_fenced, .harts = 3),
  };
  return cmocka_run_group_tests_name("pmap", tests, NULL, NULL);
}
