// SPDX-License-Identifier: MIT
//
// The kernel's own map: all RAM with the largest pages that fit, the kernel
// image with its real permissions, and the pages of the vmap area.  Every entry
// is global.  The root's upper half is complete after boot, so that copying it
// into a new space's root once is enough.
//
// Locks: kmap_lock for the vmap area's tables.

#include <machine.h>
#include <pmap.h>
#include "kernel/debug/kasan.h"
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "mm/frame.h"
#include "mm/space.h"
#include <fence.h>
#include "discover.h"
#include "tables.h"

extern char __rodata_start[], __rodata_end[];

struct pmap kernel_pmap;
static struct spinlock kmap_lock = SPINLOCK_INIT("kmap");

static const u64 how_bits[] = {
  [KMAP_RO] = PTE_R,
  [KMAP_RW] = PTE_R | PTE_W | PTE_D,
  [KMAP_RX] = PTE_R | PTE_X,
};

static u64
leaf_bits(enum kmap_how how)
{
  return how_bits[how] | PTE_V | PTE_G | PTE_A;
}

// The entry that maps va at `level`; makes the tables above it. NULL without memory.
static pte_t *
entry_at(va_t va, int level)
{
  pte_t *table = root_of(&kernel_pmap);
  for(int l = LEVELS - 1; l > level; l--){
    pte_t *e = table + table_index(va, l);
    if(!(*e & PTE_V)){
      struct frame *f = frame_alloc(KIND_TABLE, ALLOC_ZERO);
      if(f == NULL)
        return NULL;
      atomic_store_rel(e, pte_of(frame_pa(f), PTE_V));
      kernel_pmap.tables++;
    }
    table = pte_table(*e);
  }
  return table + table_index(va, level);
}

// The largest level whose page fits at (va, pa) and is not longer than len.
static int
best_level(va_t va, pa_t pa, u64 len)
{
  for(int l = LEVELS - 1; l > 0; l--){
    u64 span = PAGE_SIZE << (INDEX_BITS * l);
    if(((va | pa) & (span - 1)) == 0 && len >= span)
      return l;
  }
  return 0;
}

static int
map_range(va_t va, pa_t pa, u64 len, enum kmap_how how, bool large)
{
  for(u64 span; len > 0; va += span, pa += span, len -= span){
    int level = large ? best_level(va, pa, len) : 0;
    span = PAGE_SIZE << (INDEX_BITS * level);
    pte_t *e = entry_at(va, level);
    if(e == NULL)
      return -ENOMEM;
    *e = pte_of(pa, leaf_bits(how));
  }
  return 0;
}

int
kmap_pages(va_t va, pa_t pa, u64 len, enum kmap_how how)
{
  spin_lock(&kmap_lock);
  int err = map_range(va, pa, len, how, false);
  spin_unlock(&kmap_lock);
  return err ? err : kasan_cover(va, len);
}

void
kmap_remove(va_t va, u64 len)
{
  spin_lock(&kmap_lock);
  for(u64 off = 0; off < len; off += PAGE_SIZE){
    pte_t *e = entry_at(va + off, 0);
    if(e == NULL || *e == 0)
      continue;
    ledger_unmapped(va + off, pte_pfn(*e));
    *e = 0;
  }
  spin_unlock(&kmap_lock);
  kasan_uncover(va, len);
}

bool
kmap_lookup(va_t va, pa_t *pa, char prot[4])
{
  pte_t *table = root_of(&kernel_pmap);
  for(int l = LEVELS - 1; l >= 0; l--){
    pte_t p = table[table_index(va, l)];
    if(!(p & PTE_V))
      return false;
    if(pte_is_table(p)){
      table = pte_table(p);
      continue;
    }
    u64 span = PAGE_SIZE << (INDEX_BITS * l);
    *pa = pte_pa(p) + (va & (span - 1));
    prot[0] = p & PTE_R ? 'r' : '-';
    prot[1] = p & PTE_W ? 'w' : '-';
    prot[2] = p & PTE_X ? 'x' : '-';
    prot[3] = 0;
    return true;
  }
  return false;
}

// ---- Boot ----

static void
boot_map(va_t va, pa_t start, pa_t end, enum kmap_how how)
{
  if(start < end && (map_range(va, start, end - start, how, true) != 0 ||
                     kasan_cover(va, end - start) != 0))
    panic("no memory for the kernel's page tables");
}

static void
map_direct(pa_t start, pa_t end, enum kmap_how how)
{
  boot_map(start + direct_base, start, end, how);
}

// The direct map of one range of RAM.  What is reserved below the image, the
// firmware, stays out; text and read-only data cannot be written here either.
static void
map_ram(struct mem_range r)
{
  pa_t image = image_pa(__image_start), readonly_end = image_pa(__rodata_end);
  if(image < r.start || image >= r.end){
    map_direct(r.start, r.end, KMAP_RW);
    return;
  }
  pa_t start = r.start;
  for(u32 i = 0; i < machine.nreserved && machine.reserved[i].start < image; i++){
    map_direct(start, machine.reserved[i].start, KMAP_RW);
    start = min(machine.reserved[i].end, image);
  }
  map_direct(start, image, KMAP_RW);
  map_direct(image, readonly_end, KMAP_RO);
  map_direct(readonly_end, r.end, KMAP_RW);
}

void
kmap_text(enum kmap_how how)
{
  pa_t start = image_pa(__text_start);
  map_range(start + direct_base, start, __text_end - __text_start, how, false);
  kmap_fence(start + direct_base, __text_end - __text_start);
}

static void
map_image(const char *start, const char *end, enum kmap_how how)
{
  boot_map((va_t)start, image_pa(start), image_pa(end), how);
}

// Every root entry of the vmap area exists from boot.
static void
make_vmap_roots(void)
{
  for(va_t va = VMAP_BASE; va < VMAP_END; va += MID_SPAN)
    if(entry_at(va, 1) == NULL)
      panic("no memory for the kernel's page tables");
}

void
pmap_boot(void)
{
  struct frame *f = frame_alloc(KIND_TABLE, ALLOC_ZERO);
  if(f == NULL)
    panic("no memory for the kernel's root page table");
  kernel_pmap.root = frame_pa(f);
  kernel_pmap.tables = 1;
  for(u32 i = 0; i < machine.nram; i++)
    map_ram(machine.ram[i]);
  map_image(__text_start, __text_end, KMAP_RX);
  map_image(__rodata_start, __rodata_end, KMAP_RO);
  map_image(__data_start, __image_end, KMAP_RW);
  make_vmap_roots();
  satp_write(pmap_kernel_satp());
  fence_all();
  kasan_start();
  tlb_probe_asids();
}

u64
pmap_kernel_satp(void)
{
  return SATP_SV39 | kernel_pmap.root >> PAGE_SHIFT;
}

// ---- Reports ----

static void
explain_entry(int level, va_t va, pte_t p)
{
  static const char *const names[] = { "leaf", "middle", "root" };
  printk("  %s[%lu] = %lx:", names[level], table_index(va, level), p);
  if(p & PTE_V){
    if(pte_is_table(p))
      printk(" table at %lx\n", pte_pa(p));
    else
      printk(" %spage %lx %c%c%c %s%s%s%s\n", level ? "large " : "", pte_pa(p),
             p & PTE_R ? 'r' : '-', p & PTE_W ? 'w' : '-', p & PTE_X ? 'x' : '-',
             p & PTE_U ? "user" : "kernel", p & PTE_G ? " global" : "",
             p & PTE_A ? " accessed" : "", p & PTE_D ? " dirty" : "");
    return;
  }
  static const char *const states[] = { "nothing", "present", "hidden (PROT_NONE)", "swapped" };
  printk(" %s\n", level > 0 && p ? "table in common with other spaces since a fork" :
         states[pte_state(p)]);
}

void
pmap_explain(struct pmap *pm, va_t va)
{
  pte_t *table = root_of(pm ? pm : &kernel_pmap);
  printk("walk of %lx:\n", va);
  for(int l = LEVELS - 1; l >= 0; l--){
    pte_t p = table[table_index(va, l)];
    explain_entry(l, va, p);
    if(!pte_is_table(p))
      return;
    table = pte_table(p);
  }
}
