// SPDX-License-Identifier: MIT
//
// A plugin for QEMU that counts executed instructions: all of them, and apart
// those between the marks of test/bench/bench.h, by the block they are in, with
// what costs time under QEMU (fences, changes of satp and of sstatus.SUM).
//
//   qemu-system-riscv64 -plugin profile.so,out=FILE ...
//
// FILE gets a line `result CLOCK INSTRUCTIONS FENCES SATP SUM` for every result,
// each followed by lines `ADDRESS INSTRUCTIONS` of its blocks, then at the end
// `total INSTRUCTIONS HASH`: the hash is of all blocks executed, in their order.
//
// For emulation in one thread, as `-icount` is.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/qemu_plugin.h"

// ---- Counters ----

enum { CLOCKS = 2 };

// Of one thing: since the start, when a clock was started, and while each ran.
struct counter {
  uint64_t n, before, sum[CLOCKS];
};

enum { FENCES, SATP, SUM, EVENTS };

static struct counter events[EVENTS];

struct block {
  uint64_t pc;
  struct counter executed;
  struct block *next;
};

static struct block *blocks;
static uint64_t hash;
static FILE *out;

static void
for_each(void (*fn)(struct counter *c, unsigned clock), unsigned clock)
{
  for(unsigned i = 0; i < EVENTS; i++)
    fn(&events[i], clock);
  for(struct block *b = blocks; b; b = b->next)
    fn(&b->executed, clock);
}

static void
run(struct counter *c, unsigned clock)
{
  c->before = c->n;
}

static void
stop(struct counter *c, unsigned clock)
{
  c->sum[clock] += c->n - c->before;
}

static void
reset(struct counter *c, unsigned clock)
{
  c->sum[clock] = 0;
}

static void
report(unsigned clock)
{
  uint64_t total = 0;
  for(struct block *b = blocks; b; b = b->next)
    total += b->executed.sum[clock];
  fprintf(out, "result %u %" PRIu64, clock, total);
  for(unsigned i = 0; i < EVENTS; i++)
    fprintf(out, " %" PRIu64, events[i].sum[clock]);
  fprintf(out, "\n");
  for(struct block *b = blocks; b; b = b->next)
    if(b->executed.sum[clock])
      fprintf(out, "%" PRIx64 " %" PRIu64 "\n", b->pc, b->executed.sum[clock]);
}

// ---- Marks ----

enum { MARK_RUN = 1, MARK_STOP, MARK_RESET, MARK_RESULT };

static void
mark(unsigned vcpu, void *arg)
{
  unsigned what = (uintptr_t)arg >> 2, clock = (uintptr_t)arg & 3;
  switch(what){
  case MARK_RUN:
    for_each(run, clock);
    break;
  case MARK_STOP:
    for_each(stop, clock);
    break;
  case MARK_RESULT:
    report(clock);
    for_each(reset, clock);
    break;
  case MARK_RESET:
    for_each(reset, clock);
    break;
  }
}

// slti x0, x0, what << 2 | clock
static bool
is_mark(uint32_t code, uintptr_t *imm)
{
  *imm = code >> 20;
  return (code & 0xfffff) == 0x02013 && *imm >> 2 >= MARK_RUN && *imm >> 2 <= MARK_RESULT &&
         (*imm & 3) < CLOCKS;
}

// ---- What costs time ----

// An event's number, or -1.  Whether a change of sstatus is one of SUM is seen by
// the constant loaded into the register before; `large` is that register.
static int
event_of(uint32_t code, unsigned large)
{
  enum { CSR_SSTATUS = 0x100, CSR_SATP = 0x180, SYSTEM = 0x73, IMMEDIATE = 4 };
  unsigned csr = code >> 20, op = code >> 12 & 7, source = code >> 15 & 31;
  if((code & 0xfe007fff) == 0x12000073)
    return FENCES;
  if((code & 0x7f) != SYSTEM || (op & 3) == 0 || (op & IMMEDIATE))
    return -1;
  if(source == 0 && (op & 3) != 1)
    return -1;                       // only read
  if(csr == CSR_SATP)
    return SATP;
  return csr == CSR_SSTATUS && source == large ? SUM : -1;
}

// The register into which `lui` loads the bit SUM, or 0.
static unsigned
loads_sum(uint32_t code)
{
  return (code & 0xfffff07f) == (1 << 18 | 0x37) ? code >> 7 & 31 : 0;
}

// ---- Translation ----

static void
executes(unsigned vcpu, void *arg)
{
  const struct block *b = arg;
  hash = (hash ^ b->pc ^ vcpu) * 0x100000001b3;
}

static void
translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
  unsigned large = 0;
  struct block *b = calloc(1, sizeof *b);
  if(!b)
    abort();
  b->pc = qemu_plugin_tb_vaddr(tb);
  b->next = blocks;
  blocks = b;
  qemu_plugin_register_vcpu_tb_exec_cb(tb, executes, CB_NO_REGS, b);
  for(size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++){
    struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
    uint32_t code = 0;
    uintptr_t imm;
    memcpy(&code, qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));
    qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &b->executed.n, 1);
    int event = event_of(code, large);
    if(event >= 0)
      qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &events[event].n, 1);
    if(is_mark(code, &imm))
      qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, CB_NO_REGS, (void *)imm);
    unsigned loaded = loads_sum(code);
    large = loaded ? loaded : large;
  }
}

static void
end(qemu_plugin_id_t id, void *unused)
{
  uint64_t total = 0;
  for(struct block *b = blocks; b; b = b->next)
    total += b->executed.n;
  fprintf(out, "total %" PRIu64 " %016" PRIx64 "\n", total, hash);
  fclose(out);
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
  if(argc != 1 || strncmp(argv[0], "out=", 4) != 0 || (out = fopen(argv[0] + 4, "w")) == NULL){
    fprintf(stderr, "profile: needs out=FILE\n");
    return -1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, end, NULL);
  return 0;
}
