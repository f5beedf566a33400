// SPDX-License-Identifier: MIT
//
// A plugin for QEMU that models translation look-aside buffers under the memory
// references of one process (references.h): fully associative ones that replace the entry
// used least recently, of any number of entries at once, with small pages and large.
//
//   qemu-system-riscv64 -smp 1 -icount shift=0,sleep=off -plugin tlb.so,out=FILE ...
//
// FILE gets, for each size of page, a line `pages SHIFT REFERENCES PAGES`, then for each
// size of TLB `tlb ENTRIES MISSES`.  The larger of two such TLBs always holds what the
// smaller one does, so one list in order of use serves all: a reference that finds its page
// at some depth hits those that are larger than that.
//
// The TLB is the process's own: others' use of it, and the kernel's, is left out.

#include <inttypes.h>
#include <stdio.h>
#include "tools/references.h"

static const unsigned sizes[] = { 16, 32, 64, 128, 256, 512, 1024 };
enum { SIZES = sizeof sizes / sizeof sizes[0], ENTRIES_MAX = 1024 };

struct tlb {
  unsigned shift;                        // of its pages
  uint64_t references, pages;
  uint64_t misses[SIZES];
  uint64_t page[ENTRIES_MAX];            // the last used first
  unsigned used;
  unsigned char *seen;                   // a bit for each page there can be
};

enum { ADDRESS_BITS = 38 };              // of a program
static struct tlb small = { .shift = 12 }, large = { .shift = 21 };
static FILE *out;

// The first time a page is met.
static bool
is_new(struct tlb *t, uint64_t page)
{
  uint64_t in = page & ((1UL << (ADDRESS_BITS - t->shift)) - 1);
  unsigned char bit = 1 << in % 8, *at = &t->seen[in / 8];
  bool new = !(*at & bit);
  *at |= bit;
  return new;
}

static void
look_up(struct tlb *t, uint64_t page)
{
  unsigned depth = 0;
  t->references++;
  while(depth < t->used && t->page[depth] != page)
    depth++;
  bool absent = depth == t->used;
  for(unsigned k = 0; k < SIZES; k++)
    t->misses[k] += absent || depth >= sizes[k];
  if(absent){
    t->pages += is_new(t, page);
    if(t->used < ENTRIES_MAX)
      t->used++;
    else
      depth--;
  }
  memmove(t->page + 1, t->page, depth * sizeof t->page[0]);
  t->page[0] = page;
}

static void
refer(struct tlb *t, uint64_t va, uint64_t size)
{
  uint64_t first = va >> t->shift, last = (va + size - 1) >> t->shift;
  look_up(t, first);
  if(last != first)
    look_up(t, last);
}

static void
accessed(uint64_t va, uint64_t size, bool write)
{
  refer(&small, va, size);
  refer(&large, va, size);
}

// Each instruction is a reference; those behind a block's first find their page there.
static void
fetched(uint64_t pc, uint64_t bytes, uint64_t instructions)
{
  accessed(pc, bytes, false);
  small.references += instructions - 1;
  large.references += instructions - 1;
}

// ---- Beginning and end ----

static void
report(const struct tlb *t)
{
  fprintf(out, "pages %u %" PRIu64 " %" PRIu64 "\n", t->shift, t->references, t->pages);
  for(unsigned k = 0; k < SIZES; k++)
    fprintf(out, "tlb %u %" PRIu64 "\n", sizes[k], t->misses[k]);
}

static void
end(qemu_plugin_id_t id, void *unused)
{
  report(&small);
  report(&large);
  fprintf(out, "end %s\n", outcome());
  fclose(out);
}

static bool
start(struct tlb *t)
{
  return (t->seen = calloc(1, 1UL << (ADDRESS_BITS - t->shift - 3))) != NULL;
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
  if(argc == 1 && strncmp(argv[0], "out=", 4) == 0)
    out = fopen(argv[0] + 4, "w");
  if(out == NULL || !start(&small) || !start(&large)){
    fprintf(stderr, "tlb: needs out=FILE\n");
    return -1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, end, NULL);
  return 0;
}
