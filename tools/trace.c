// SPDX-License-Identifier: MIT
//
// A plugin for QEMU that writes the memory references of one process (references.h) as
// a trace for `make policy`.
//
//   qemu-system-riscv64 -smp 1 -icount shift=0,sleep=off -plugin trace.so,out=FILE[,keep=N] ...
//
// A page that is among the N (1) used last, and was written to since it became one if
// this is a store, is not written down again.  Time is the number of instructions the
// process has executed, to within a block of them.

#include <inttypes.h>
#include <stdio.h>
#include "tools/references.h"

// ---- Writing ----

enum { PAGE_SHIFT = 12, KEEP_MAX = 64 };

static FILE *out;
static uint64_t now, accesses;           // of the process
static struct { uint64_t page; bool written; } kept[KEEP_MAX];    // the last used first
static size_t keep = 1, nkept;

static void
note_page(uint64_t page, bool write)
{
  size_t i = 0;
  while(i < nkept && kept[i].page != page)
    i++;
  bool known = i < nkept, written = known && kept[i].written;
  if(!known)
    i = nkept < keep ? nkept++ : keep - 1;
  memmove(kept + 1, kept, i * sizeof kept[0]);
  kept[0].page = page;
  kept[0].written = written || write;
  if(!known || (write && !written))
    fprintf(out, "%" PRIu64 " 1 %" PRIx64 " %c\n", now, page, write ? 'w' : 'r');
}

static void
accessed(uint64_t va, uint64_t size, bool write)
{
  accesses++;
  note_page(va >> PAGE_SHIFT, write);
  if((va + size - 1) >> PAGE_SHIFT != va >> PAGE_SHIFT)
    note_page((va + size - 1) >> PAGE_SHIFT, write);
}

static void
fetched(uint64_t pc, uint64_t bytes, uint64_t instructions)
{
  accessed(pc, bytes, false);
  now += instructions;
}

// ---- Beginning and end ----

static void
end(qemu_plugin_id_t id, void *unused)
{
  fprintf(out, "# accesses %" PRIu64 "\n# %s\n", accesses, outcome());
  fclose(out);
}

static bool
argument(const char *s)
{
  if(strncmp(s, "out=", 4) == 0)
    return (out = fopen(s + 4, "w")) != NULL;
  if(strncmp(s, "keep=", 5) == 0)
    keep = strtoul(s + 5, NULL, 10);
  return keep >= 1 && keep <= KEEP_MAX && strncmp(s, "keep=", 5) == 0;
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
  bool good = true;
  for(int i = 0; i < argc; i++)
    good = good && argument(argv[i]);
  if(!good || out == NULL){
    fprintf(stderr, "trace: needs out=FILE, and keep= from 1 to %d if any\n", KEEP_MAX);
    return -1;
  }
  fprintf(out, "# TIME PID PAGE r|w; the %zu pages used last are not repeated\n", keep);
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, end, NULL);
  return 0;
}
