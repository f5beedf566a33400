// SPDX-License-Identifier: MIT
//
// From the device tree to `machine`.  The tree is walked twice, first to count
// and then to fill the arrays, which are placed behind the kernel image: there
// is no allocator yet.  Boot hart only, before everything else.

#include <machine.h>
#include "kernel/printk.h"
#include "kernel/string.h"
#include "mm/frame.h"
#include "discover.h"
#include "fdt.h"

struct machine machine;
struct plic_facts plic_facts;

#define PA_LIMIT (128 * GiB)           // of the direct map
enum { HARTS_MAX = 64 };               // in a mask

// Known only while the tree is read: how harts are named as interrupt targets.
static u32 *hart_intc;
static u32 boot_intc;
static bool node_is_hart;              // the last node below /cpus
static struct fdt_property plic_targets;

// ---- Arrays that grow by a count first, a fill later ----

static void
add_range(struct mem_range *list, u32 *n, pa_t start, pa_t end)
{
  if(start >= end)
    return;
  if(list)
    list[*n] = (struct mem_range){ start, end };
  ++*n;
}

static void
add_ram(pa_t start, u64 size)
{
  pa_t end = start + size < start ? PA_LIMIT : min(start + size, PA_LIMIT);
  add_range(machine.ram, &machine.nram, page_up(start), page_down(end));
}

static void
reserve(pa_t start, pa_t end)
{
  add_range(machine.reserved, &machine.nreserved, page_down(start), page_up(end));
}

// ---- One node each ----

static bool
has_extension(const char *isa, const char *name)
{
  u64 n = strlen(name);
  for(const char *s = strchr(isa, '_'); s; s = strchr(s + 1, '_'))
    if(strncmp(s + 1, name, n) == 0 && (s[n + 1] == '_' || s[n + 1] == 0))
      return true;
  return false;
}

// Single letters stand between "rv64" and the first '_'; g means imafd.
static bool
has_letter(const char *isa, char letter)
{
  for(const char *s = isa + min(strlen(isa), 4UL); *s && *s != '_'; s++)
    if(*s == letter || *s == 'g')
      return true;
  return false;
}

static void
note_isa(const struct fdt_walk *w)
{
  struct fdt_property list;
  const char *isa = fdt_get_string(w, "riscv,isa");
  if(fdt_get(w, "riscv,isa-extensions", &list)){
    machine.sstc &= fdt_list_has(&list, "sstc");
    machine.fpu &= fdt_list_has(&list, "d");
  } else {
    machine.sstc &= isa && has_extension(isa, "sstc");
    machine.fpu &= isa && has_letter(isa, 'd');
  }
}

static bool
usable_hart(const struct fdt_walk *w)
{
  const char *mmu = fdt_get_string(w, "mmu-type");
  return fdt_string_is(w, "device_type", "cpu") && fdt_enabled(w) &&
         (mmu == NULL || strcmp(mmu, "riscv,none") != 0);
}

static void
note_hart(const struct fdt_walk *w)
{
  u64 id, size;
  node_is_hart = usable_hart(w) && fdt_reg_raw(w, 0, &id, &size);
  if(!node_is_hart)
    return;
  if(machine.hart_ids)
    machine.hart_ids[machine.nharts] = (u32)id;
  machine.nharts++;
  machine.timebase = fdt_get_u64(w, "timebase-frequency", machine.timebase);
  note_isa(w);
}

// A hart's own interrupt controller is a child of its node, so it comes next.
static void
note_hart_intc(const struct fdt_walk *w)
{
  if(hart_intc && node_is_hart)
    hart_intc[machine.nharts - 1] = fdt_get_u32(w, "phandle", 0);
}

static void
note_chosen(const struct fdt_walk *w)
{
  struct fdt_property seed;
  const char *args = fdt_get_string(w, "bootargs");
  machine.bootargs = args ? args : "";
  machine.initrd.start = fdt_get_u64(w, "linux,initrd-start", 0);
  machine.initrd.end = fdt_get_u64(w, "linux,initrd-end", 0);
  if(machine.initrd.start >= machine.initrd.end || machine.initrd.end > PA_LIMIT)
    machine.initrd = (struct mem_range){ 0, 0 };
  reserve(machine.initrd.start, machine.initrd.end);
  if(fdt_get(w, "rng-seed", &seed))
    memcpy(machine.rng_seed, seed.data, min(seed.len, (u32)sizeof machine.rng_seed));
}

static u32
irq_of(const struct fdt_walk *w)
{
  struct fdt_property p;
  if(fdt_get(w, "interrupts", &p))
    return fdt_cell(&p, 0);
  return fdt_get(w, "interrupts-extended", &p) ? fdt_cell(&p, 1) : 0;
}

static void
note_device(const struct fdt_walk *w)
{
  struct fdt_property names;
  u64 base, size;
  if(!fdt_enabled(w) || !fdt_get(w, "compatible", &names) || !fdt_reg(w, 0, &base, &size))
    return;
  if(names.len == 0 || names.data[names.len - 1] != 0)
    return;
  if(machine.devices)
    machine.devices[machine.ndevices] = (struct device){
      .compatible = (const char *)names.data, .compatible_len = names.len,
      .base = base, .size = size, .irq = irq_of(w),
    };
  machine.ndevices++;
  if(fdt_list_has(&names, "riscv,plic0") || fdt_list_has(&names, "sifive,plic-1.0.0")){
    plic_facts.base = base;
    plic_facts.size = size;
    plic_facts.lines = fdt_get_u32(w, "riscv,ndev", 0);
    fdt_get(w, "interrupts-extended", &plic_targets);
  }
}

static void
note_memory(const struct fdt_walk *w)
{
  u64 start, size;
  for(u32 i = 0; fdt_enabled(w) && fdt_reg(w, i, &start, &size); i++)
    add_ram(start, size);
}

static void
note_reserved(const struct fdt_walk *w)
{
  u64 start, size;
  for(u32 i = 0; fdt_reg_raw(w, i, &start, &size); i++)
    reserve(start, start + size);
}

static void
note_node(const struct fdt_walk *w)
{
  if(fdt_string_is(w, "device_type", "memory"))
    note_memory(w);
  else if(fdt_child_of(w, 1, "reserved-memory"))
    note_reserved(w);
  else if(fdt_child_of(w, 0, "") && strcmp(w->node[1].name, "cpus") == 0)
    machine.timebase = fdt_get_u64(w, "timebase-frequency", machine.timebase);
  else if(fdt_child_of(w, 0, "") && strcmp(w->node[1].name, "chosen") == 0)
    note_chosen(w);
  else if(fdt_child_of(w, 1, "cpus"))
    note_hart(w);
  else if(fdt_child_of(w, 2, "cpu"))
    note_hart_intc(w);
  else
    note_device(w);
}

// ---- The whole tree ----

static void
read_tree(const struct fdt *t)
{
  struct fdt_walk w;
  u64 start, size;
  machine.nram = machine.nreserved = machine.nharts = machine.ndevices = 0;
  machine.sstc = machine.fpu = true;
  for(u32 i = 0; fdt_reservation(t, i, &start, &size); i++)
    reserve(start, start + size);
  fdt_begin(&w, t);
  while(fdt_next(&w))
    note_node(&w);
}

static bool
overlap(struct mem_range a, struct mem_range b)
{
  return a.start < b.end && b.start < a.end;
}

// Behind the image, the tree and the initrd: `size` bytes for the arrays.
static void *
place_arrays(u64 size, struct mem_range tree)
{
  struct mem_range at = { image_pa(__image_end), image_pa(__image_end) + size };
  for(;;){
    if(overlap(at, tree))
      at.start = page_up(tree.end);
    else if(overlap(at, machine.initrd))
      at.start = page_up(machine.initrd.end);
    else
      return memset(pa_kva(at.start), 0, size);
    at.end = at.start + size;
  }
}

static void
allocate_arrays(struct mem_range tree)
{
  u32 nreserved = machine.nreserved + 4;     // and firmware, image, arrays, tree
  u64 size = machine.nram * sizeof(struct mem_range) + nreserved * sizeof(struct mem_range) +
             machine.ndevices * sizeof(struct device) + machine.nharts * 2 * sizeof(u32);
  u8 *p = place_arrays(size, tree);
  machine.ram = (struct mem_range *)p;
  machine.reserved = machine.ram + machine.nram;
  machine.devices = (struct device *)(machine.reserved + nreserved);
  machine.hart_ids = (u32 *)(machine.devices + machine.ndevices);
  hart_intc = machine.hart_ids + machine.nharts;
}

static void
sort_ranges(struct mem_range *r, u32 n)
{
  for(u32 i = 1; i < n; i++)
    for(u32 k = i; k > 0 && r[k].start < r[k - 1].start; k--){
      struct mem_range t = r[k];
      r[k] = r[k - 1];
      r[k - 1] = t;
    }
}

// Join what touches or overlaps in a sorted list.
static void
merge_ranges(struct mem_range *r, u32 *n)
{
  u32 kept = 0;
  for(u32 i = 0; i < *n; i++){
    if(kept && r[i].start <= r[kept - 1].end)
      r[kept - 1].end = max(r[kept - 1].end, r[i].end);
    else
      r[kept++] = r[i];
  }
  *n = kept;
}

// The firmware is below the image.  If the tree does not say how much of that it
// has, it has all.
static void
reserve_firmware(void)
{
  pa_t image = image_pa(__image_start);
  for(u32 i = 0; i < machine.nreserved; i++)
    if(machine.reserved[i].start < image)
      return;
  for(u32 i = 0; i < machine.nram; i++)
    if(machine.ram[i].start < image && image < machine.ram[i].end)
      reserve(machine.ram[i].start, image);
}

static void
boot_hart_first(u32 boot_hart)
{
  u32 *ids = machine.hart_ids;
  for(u32 i = 0; i < machine.nharts; i++){
    if(ids[i] != boot_hart)
      continue;
    ids[i] = ids[0];
    ids[0] = boot_hart;
    boot_intc = hart_intc[i];
    return;
  }
  panic("the device tree does not know the boot hart %u", boot_hart);
}

// Which of the PLIC's contexts is the boot hart's: "interrupts-extended" lists
// (interrupt controller of a hart, cause) in the order of the contexts.
static void
find_plic_context(void)
{
  enum { SUPERVISOR_EXTERNAL = 9 };
  u32 n = plic_targets.len / 8;
  for(u32 i = 0; i < n; i++)
    if(fdt_cell(&plic_targets, 2 * i) == boot_intc &&
       fdt_cell(&plic_targets, 2 * i + 1) == SUPERVISOR_EXTERNAL)
      plic_facts.context = i;
}

void
machine_discover(u32 boot_hart, pa_t fdt)
{
  struct fdt t;
  if(fdt == 0 || !fdt_open(&t, pa_kva(fdt)))
    panic("no device tree at %lx", fdt);
  struct mem_range tree = { fdt, fdt + t.size };
  read_tree(&t);
  allocate_arrays(tree);
  read_tree(&t);
  u64 size = (u64)(hart_intc + machine.nharts) - (u64)machine.ram;
  reserve(kva_pa(machine.ram), kva_pa(machine.ram) + size);
  reserve(image_pa(__image_start), image_pa(__image_end));
  reserve(tree.start, tree.end);
  reserve_firmware();
  sort_ranges(machine.ram, machine.nram);
  sort_ranges(machine.reserved, machine.nreserved);
  merge_ranges(machine.ram, &machine.nram);
  merge_ranges(machine.reserved, &machine.nreserved);
  if(machine.nram == 0 || machine.timebase == 0)
    panic("the device tree names no memory or no timebase");
  boot_hart_first(boot_hart);
  machine.nharts = min(machine.nharts, (u32)HARTS_MAX);
  find_plic_context();
}

const struct device *
machine_device(const char *compatible, u32 nth)
{
  for(u32 i = 0; i < machine.ndevices; i++){
    const struct device *d = &machine.devices[i];
    struct fdt_property names = { (const u8 *)d->compatible, d->compatible_len };
    if(fdt_list_has(&names, compatible) && nth-- == 0)
      return d;
  }
  return NULL;
}
