// SPDX-License-Identifier: MIT
//
// From the device tree to `machine`, and devices by name.  The tree stays where
// it is; there is no allocator yet when it is read first.  Boot hart only.

#include <machine.h>
#include "kernel/printk.h"
#include "kernel/string.h"
#include "mm/frame.h"
#include "discover.h"
#include "fdt.h"

struct machine machine;

#define PA_LIMIT (128 * GiB)           // of the direct map
enum { HARTS_MAX = 64, RANGES_MAX = 64 };   // in a mask; in one piece of RAM, or reserved

static struct fdt tree;
static struct mem_range ram[RANGES_MAX], reserved[RANGES_MAX];
static u32 hart_ids[HARTS_MAX];

// ---- Ranges ----

// Keep the list sorted, and its ranges apart.
static void
add_range(struct mem_range *list, u32 *n, pa_t start, pa_t end)
{
  u32 first = 0, last;
  if(start >= end)
    return;
  while(first < *n && list[first].end < start)
    first++;
  for(last = first; last < *n && list[last].start <= end; last++){
    start = min(start, list[last].start);
    end = max(end, list[last].end);
  }
  if(first == RANGES_MAX || (first == last && *n == RANGES_MAX))
    panic("more than %u ranges of memory", RANGES_MAX);
  memmove(list + first + 1, list + last, (*n - last) * sizeof *list);
  list[first] = (struct mem_range){ start, end };
  *n += 1 + first - last;
}

static void
reserve(pa_t start, pa_t end)
{
  add_range(reserved, &machine.nreserved, page_down(start), page_up(end));
}

// ---- Kinds of nodes ----

static void
note_memory(const struct fdt_walk *w)
{
  u64 start, size;
  for(u32 i = 0; fdt_enabled(w) && fdt_reg(w, i, &start, &size); i++){
    pa_t end = start + size < start ? PA_LIMIT : min(start + size, PA_LIMIT);
    add_range(ram, &machine.nram, page_up(start), page_down(end));
  }
}

static void
note_reserved(const struct fdt_walk *w)
{
  u64 start, size;
  for(u32 i = 0; fdt_reg_raw(w, i, &start, &size); i++)
    reserve(start, start + size);
}

static void
note_chosen(const struct fdt_walk *w)
{
  struct fdt_property seed;
  const char *args = fdt_get_string(w, "bootargs");
  machine.bootargs = args ? args : "";
  pa_t start = fdt_get_number(w, "linux,initrd-start", 0);
  pa_t end = fdt_get_number(w, "linux,initrd-end", 0);
  if(start < end && end <= PA_LIMIT){
    machine.initrd = (struct mem_range){ start, end };
    reserve(start, end);
  }
  if(fdt_get(w, "rng-seed", &seed))
    memcpy(machine.rng_seed, seed.data, min(seed.len, (u32)sizeof machine.rng_seed));
}

static void
note_timebase(const struct fdt_walk *w)
{
  machine.timebase = fdt_get_number(w, "timebase-frequency", machine.timebase);
}

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

// => false if it is none we can run on
static bool
hart_id(const struct fdt_walk *w, u64 *id)
{
  u64 size;
  const char *mmu = fdt_get_string(w, "mmu-type");
  return fdt_enabled(w) && (mmu == NULL || strcmp(mmu, "riscv,none") != 0) &&
         fdt_reg_raw(w, 0, id, &size);
}

static void
note_hart(const struct fdt_walk *w)
{
  u64 id;
  if(!hart_id(w, &id) || machine.nharts == HARTS_MAX)
    return;
  hart_ids[machine.nharts++] = (u32)id;
  note_timebase(w);
  note_isa(w);
}

// ---- The whole tree ----

static const struct {
  const char *path;
  void (*note)(const struct fdt_walk *w);
} notes[] = {
  { "memory", note_memory },
  { "reserved-memory/*", note_reserved },
  { "chosen", note_chosen },
  { "cpus", note_timebase },
  { "cpus/cpu", note_hart },
};

static void
read_tree(void)
{
  struct fdt_walk w;
  u64 start, size;
  for(u32 i = 0; fdt_reservation(&tree, i, &start, &size); i++)
    reserve(start, start + size);
  fdt_begin(&w, &tree);
  while(fdt_next(&w))
    for(u32 i = 0; i < count_of(notes); i++)
      if(fdt_is(&w, notes[i].path))
        notes[i].note(&w);
}

// The firmware is below the image.  If the tree does not say how much of that it
// has, it has all.
static void
reserve_firmware(void)
{
  pa_t image = image_pa(__image_start);
  if(machine.nreserved > 0 && reserved[0].start < image)
    return;
  for(u32 i = 0; i < machine.nram; i++)
    if(ram[i].start < image && image < ram[i].end)
      reserve(ram[i].start, image);
}

static void
boot_hart_first(u32 boot_hart)
{
  for(u32 i = 0; i < machine.nharts; i++){
    if(hart_ids[i] != boot_hart)
      continue;
    hart_ids[i] = hart_ids[0];
    hart_ids[0] = boot_hart;
    return;
  }
  panic("the device tree does not know the boot hart %u", boot_hart);
}

void
machine_discover(u32 boot_hart, pa_t fdt)
{
  machine = (struct machine){
    .ram = ram, .reserved = reserved, .hart_ids = hart_ids, .sstc = true, .fpu = true,
  };
  if(fdt == 0 || !fdt_open(&tree, pa_kva(fdt)))
    panic("no device tree at %lx", fdt);
  read_tree();
  reserve_firmware();
  reserve(image_pa(__image_start), image_pa(__image_end));
  reserve(fdt, fdt + tree.size);
  if(machine.nram == 0 || machine.timebase == 0)
    panic("the device tree names no memory or no timebase");
  boot_hart_first(boot_hart);
}

// ---- Devices ----

static u32
irq_of(const struct fdt_walk *w)
{
  struct fdt_property p;
  if(fdt_get(w, "interrupts", &p))
    return fdt_cell(&p, 0);
  return fdt_get(w, "interrupts-extended", &p) ? fdt_cell(&p, 1) : 0;
}

static bool
is_device(const struct fdt_walk *w, const char *compatible, struct device *d)
{
  struct fdt_property names;
  if(!fdt_enabled(w) || !fdt_get(w, "compatible", &names) || !fdt_list_has(&names, compatible))
    return false;
  d->irq = irq_of(w);
  return fdt_reg(w, 0, &d->base, &d->size);
}

bool
machine_device(const char *compatible, struct device *d)
{
  struct device next = { .base = ~0UL }, found;
  struct fdt_walk w;
  fdt_begin(&w, &tree);
  while(fdt_next(&w))
    if(is_device(&w, compatible, &found) && found.base >= d->base + d->size &&
       found.base < next.base)
      next = found;
  *d = next;
  return next.base != ~0UL;
}

// How the boot hart is named as a target of interrupts.
static u64
boot_interrupts(void)
{
  struct fdt_walk w;
  u64 id = ~0UL;
  fdt_begin(&w, &tree);
  while(fdt_next(&w)){
    if(fdt_is(&w, "cpus/cpu") && !hart_id(&w, &id))
      id = ~0UL;
    if(fdt_is(&w, "cpus/cpu/interrupt-controller") && id == hart_ids[0])
      return fdt_get_number(&w, "phandle", 0);
  }
  return 0;
}

// Which of the contexts is the boot hart's: "interrupts-extended" lists (interrupt
// controller of a hart, cause) in the order of the contexts.
static u32
context_of(const struct fdt_property *targets)
{
  enum { SUPERVISOR_EXTERNAL = 9 };
  u64 intc = boot_interrupts();
  for(u32 i = 0; i < targets->len / 8; i++)
    if(fdt_cell(targets, 2 * i) == intc && fdt_cell(targets, 2 * i + 1) == SUPERVISOR_EXTERNAL)
      return i;
  return 0;
}

bool
discover_plic(struct plic_facts *facts)
{
  struct fdt_property targets;
  struct device d;
  struct fdt_walk w;
  fdt_begin(&w, &tree);
  while(fdt_next(&w))
    if((is_device(&w, "riscv,plic0", &d) || is_device(&w, "sifive,plic-1.0.0", &d)) &&
       fdt_get(&w, "interrupts-extended", &targets)){
      *facts = (struct plic_facts){ d.base, d.size, (u32)fdt_get_number(&w, "riscv,ndev", 0),
                                    context_of(&targets) };
      return true;
    }
  return false;
}
