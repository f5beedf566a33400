// SPDX-License-Identifier: MIT
//
// The harts' address translation: Sv39 walks, and a TLB a hart that keeps
// whatever it may (Privileged specification, "Supervisor Memory-Management Fence
// Instruction"): leaf and non-leaf entries, and leaf entries that are not valid,
// until a fence names them.  A and D are set on a walk, never on a hit.
//
// One access is one step: no other hart comes in between.
//
// A hit on a frame that no longer is the page the program means is a panic: some
// fence was missing.

#include <fence.h>
#include "hosted.h"
#include "tables.h"

enum { TLB_SIZE = 256, RECENT = 8 };

// What one level of a walk said.  level 0..2; a leaf entry of level l covers
// 4 KiB << 9 l.
struct cached {
  bool used, leaf, global;
  int level;
  va_t va;                     // of the first byte covered
  u64 asid;
  pte_t pte;
};

struct hart_mmu {
  u64 satp;
  struct cached entry[TLB_SIZE];
  va_t recent[RECENT];
  u32 next_recent;
};

struct mmu mmu;
static struct hart_mmu units[HOST_HARTS];
static u64 asid_mask;

void
mmu_init(u32 asid_bits)
{
  asid_mask = (1UL << asid_bits) - 1;
  mmu = (struct mmu){ .cache_invalid = true, .speculate = true };
}

static struct hart_mmu *
this_unit(void)
{
  return &units[current->hart->index];
}

static u64
asid_of(const struct hart_mmu *u)
{
  return u->satp >> ASID_SHIFT & 0xffff;
}

static u64
span(int level)
{
  return PAGE_SIZE << (INDEX_BITS * level);
}

static va_t
canonical(va_t va)
{
  return (va_t)((i64)(va << 25) >> 25);
}

// frame_kind is for harts that take turns.
static enum frame_kind
kind_of(const struct frame *f)
{
  return (enum frame_kind)(f->word >> KIND_SHIFT & 0xf);
}

// ---- The cache ----

static struct cached *
find(struct hart_mmu *u, va_t va, int level, bool leaf)
{
  for(u32 i = 0; i < TLB_SIZE; i++){
    struct cached *c = &u->entry[i];
    if(c->used && c->leaf == leaf && c->level == level && round_down(va, span(level)) == c->va &&
       (c->global || c->asid == asid_of(u)))
      return c;
  }
  return NULL;
}

static void
keep(struct hart_mmu *u, va_t va, int level, bool leaf, bool global, pte_t pte)
{
  struct cached *c = find(u, va, level, leaf);
  for(u32 i = 0; c == NULL && i < TLB_SIZE; i++)
    if(!u->entry[i].used)
      c = &u->entry[i];
  if(c == NULL)
    c = &u->entry[below(TLB_SIZE)];
  *c = (struct cached){ true, leaf, global, level, round_down(va, span(level)), asid_of(u), pte };
}

// Forget what the arguments of SFENCE.VMA name; each may say "all".
static void
forget(struct hart_mmu *u, bool all_pages, va_t va, bool all_spaces, u64 asid)
{
  for(u32 i = 0; i < TLB_SIZE; i++){
    struct cached *c = &u->entry[i];
    bool page = all_pages ? c->leaf || !mmu.skip_upper
                          : c->leaf && c->va == round_down(va, span(c->level));
    bool space = all_spaces || (!c->global && c->asid == asid);
    if(page && space)
      c->used = false;
  }
}

// ---- The walk ----

static bool
permits(pte_t p, enum access how, bool user)
{
  static const pte_t need[] = {
    [ACCESS_READ] = PTE_R, [ACCESS_WRITE] = PTE_W, [ACCESS_EXEC] = PTE_X,
  };
  if((p & (PTE_V | PTE_R | PTE_W)) == (PTE_V | PTE_W))
    panic("page-table entry %lx: reserved encoding", p);
  return (p & PTE_V) && (p & need[how]) && user == !!(p & PTE_U);
}

static pte_t *
entry_at(pa_t table, va_t va, int level)
{
  if(kind_of(pa_frame(table)) != KIND_TABLE)
    panic("hart %u walks %lx through a page table that was freed (frame %lx)",
          current->hart->index, va, table >> PAGE_SHIFT);
  return (pte_t *)pa_kva(table) + table_index(va, level);
}

// The lowest table that the cache knows for va. => its level
static int
start_of_walk(struct hart_mmu *u, va_t va, pa_t *table, bool *global)
{
  *global = false;
  *table = (u->satp & ((1UL << ASID_SHIFT) - 1)) << PAGE_SHIFT;
  for(int level = 1; level < LEVELS; level++){
    struct cached *c = find(u, va, level, false);
    if(c){
      *table = pte_pa(c->pte);
      *global = c->global;
      return level - 1;
    }
  }
  return LEVELS - 1;
}

// A and D, which hardware sets as it walks (Svadu). => false: it leaves them to
// the kernel (Svade) and faults
static bool
touch(pte_t *e, pte_t *p, enum access how)
{
  pte_t bits = PTE_A | (how == ACCESS_WRITE ? PTE_D : 0);
  if((*p & bits) == bits)
    return true;
  if(mmu.svade)
    return false;
  *p = *e |= bits;
  return true;
}

// => the leaf entry, cached; NULL if the walk ends in a fault
static struct cached *
walk(struct hart_mmu *u, va_t va, enum access how, bool user)
{
  pa_t table;
  bool global;
  mmu.walks++;
  for(int level = start_of_walk(u, va, &table, &global); level >= 0; level--){
    pte_t *e = entry_at(table, va, level), p = *e;
    global |= !!(p & PTE_G);
    if(!(p & PTE_V)){
      if(mmu.cache_invalid && level == 0)
        keep(u, va, level, true, global, p);
      return NULL;
    }
    if(pte_is_table(p) && level > 0){
      keep(u, va, level, false, global, p);
      table = pte_pa(p);
      continue;
    }
    if(pte_pa(p) & (span(level) - 1))
      panic("page-table entry %lx: misaligned large page", p);
    bool allowed = permits(p, how, user) && touch(e, &p, how);
    keep(u, va, level, true, global, p);
    return allowed ? find(u, va, level, true) : NULL;
  }
  panic("page-table entry of %lx: a table where a page should be", va);
}

// ---- Speculation ----

static void
speculate(struct hart_mmu *u)
{
  if(!mmu.speculate || u->satp == 0)
    return;
  va_t va = u->recent[below(RECENT)];
  if(va && va < USER_MAX && find(u, va, 0, true) == NULL)
    walk(u, va, ACCESS_READ, true);
}

static void
remember(struct hart_mmu *u, va_t va)
{
  u->recent[u->next_recent++ % RECENT] = page_down(va);
}

// ---- One access ----

// A user page is what the space says it is: the frame's own identity.
static void
check_identity(va_t va, pa_t pa, enum access how)
{
  const struct frame *f = pa_frame(pa);
  enum frame_kind kind = kind_of(f);
  bool good = kind == KIND_OBJECT || (kind == KIND_ZERO && how != ACCESS_WRITE);
  if(kind == KIND_ANON)
    good = f->index == va >> PAGE_SHIFT &&
           (current->space == NULL || f->owner == knum(current->space->lineage));
  if(!good)
    panic("hart %u: stale translation of %lx to frame %lx, which is of kind %d by now",
          current->hart->index, va, frame_pfn(f), kind);
}

void *
mmu_translate(va_t va, enum access how, bool user)
{
  struct hart_mmu *u = this_unit();
  struct cached *c = NULL;
  va = canonical(va);
  preemption_point();
  remember(u, va);
  for(int level = 0; level < LEVELS && c == NULL; level++)
    c = find(u, va, level, true);
  if(c && !permits(c->pte, how, user))
    return NULL;
  pte_t need = PTE_A | (how == ACCESS_WRITE ? PTE_D : 0);
  if(c == NULL || (c->pte & need) != need)
    c = walk(u, va, how, user);
  if(c == NULL)
    return NULL;
  pa_t pa = pte_pa(c->pte) + (va & (span(c->level) - 1));
  if(user)
    check_identity(va, pa, how);
  if(below(4) == 0)
    speculate(u);
  return pa_kva(pa);
}

// ---- satp and the fences ----

u64
satp_read(void)
{
  return this_unit()->satp;
}

void
satp_write(u64 v)
{
  struct hart_mmu *u = this_unit();
  for(u32 i = 0; i < RECENT; i++)
    speculate(u);
  u->satp = v & ~(0xffffUL << ASID_SHIFT & ~(asid_mask << ASID_SHIFT));
}

void
fence_one_page(va_t va, u64 asid)
{
  mmu.fences++;
  if(!mmu.skip_local)
    forget(this_unit(), false, va, false, asid);
}

void
fence_page_global(va_t va)
{
  mmu.fences++;
  if(!mmu.skip_local)
    forget(this_unit(), false, va, true, 0);
}

void
fence_asid(u64 asid)
{
  mmu.fences++;
  if(!mmu.skip_asid)
    forget(this_unit(), true, 0, false, asid);
}

void
fence_all(void)
{
  mmu.fences++;
  if(!mmu.skip_asid)
    forget(this_unit(), true, 0, true, 0);
}

void
fence_remote(u64 harts_mask, va_t start, u64 size)
{
  mmu.remote_fences++;
  mmu.told |= harts_mask;
  if(harts_mask >> nharts)
    panic("remote fence for harts %lx", harts_mask);
  for(u32 i = 0; i < nharts && !mmu.skip_remote; i++){
    if(!(harts_mask >> i & 1))
      continue;
    preemption_point();
    if(size == ~0UL)
      forget(&units[i], true, 0, true, 0);
    else
      for(va_t va = start; va < start + size; va += PAGE_SIZE)
        forget(&units[i], false, va, true, 0);
  }
}

void fence_instructions(void) { mmu.exec_fences++; }

void
fence_remote_instructions(u64 harts_mask)
{
  mmu.told |= harts_mask;
  mmu.exec_fences++;
}
