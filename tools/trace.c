// SPDX-License-Identifier: MIT
//
// A plugin for QEMU that writes the memory references of one process as a trace for
// `make policy`: of the process that executes the first mark of user/refs.c, until
// another executes the second.
//
//   qemu-system-riscv64 -smp 1 -icount shift=0,sleep=off -plugin trace.so,out=FILE[,keep=N] ...
//
// A page that is among the N (1) used last, and was written to since it became one if
// this is a store, is not written down again.  Time is the number of instructions the
// process has executed, to within a block of them.
//
// A process is known by where the kernel keeps its registers: that is what was loaded
// last before user mode.  On one hart, and for a process with one thread.

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- What QEMU offers to plugins, version 1 of it ----

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;
enum { CB_NO_REGS = 0, MEM_RW = 3 };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info);
unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info);
void qemu_plugin_register_vcpu_tb_trans_cb(
  qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(
  struct qemu_plugin_tb *tb, void (*cb)(unsigned, void *), int flags, void *arg);
void qemu_plugin_register_vcpu_insn_exec_cb(
  struct qemu_plugin_insn *insn, void (*cb)(unsigned, void *), int flags, void *arg);
void qemu_plugin_register_vcpu_mem_cb(
  struct qemu_plugin_insn *insn,
  void (*cb)(unsigned, qemu_plugin_meminfo_t, uint64_t, void *), int flags, int rw, void *arg);
void qemu_plugin_register_atexit_cb(
  qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, void *), void *arg);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

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
note(uint64_t va, uint64_t size, bool write)
{
  accesses++;
  note_page(va >> PAGE_SHIFT, write);
  if((va + size - 1) >> PAGE_SHIFT != va >> PAGE_SHIFT)
    note_page((va + size - 1) >> PAGE_SHIFT, write);
}

// ---- Who runs ----

// The firmware runs without page tables, where programs have addresses of their own.
enum mode { USER, KERNEL, FIRMWARE };

static enum mode mode;
static uint64_t loaded;                  // the kernel's last access
static uint64_t process;                 // who was in user mode last
static uint64_t traced;                  // whom we follow; 0: nobody
static bool returned;                    // from the kernel, to whom we do not know yet
static bool switched;                    // satp was changed since user mode
static bool over;

static bool
recording(void)
{
  return traced && process == traced && !over;
}

struct block {
  uint64_t pc, bytes, instructions;
  enum mode mode;
};

static void
executes(unsigned vcpu, void *arg)
{
  const struct block *b = arg;
  if(b->mode == USER && returned){
    process = loaded;
    returned = switched = false;
  }
  if(b->mode == KERNEL)
    returned = true;
  mode = b->mode;
  if(mode == USER && recording()){
    note(b->pc, b->bytes, false);
    now += b->instructions;
  }
}

static void
accesses_memory(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t va, void *unused)
{
  if(mode == FIRMWARE)
    return;
  if(va >> 63)
    loaded = va;
  else if(recording() && !switched)
    note(va, 1UL << qemu_plugin_mem_size_shift(info), qemu_plugin_mem_is_store(info));
}

static void
switches(unsigned vcpu, void *unused)
{
  switched = true;
}

static void
begins(unsigned vcpu, void *unused)
{
  if(!traced)
    traced = process;
}

static void
ends(unsigned vcpu, void *unused)
{
  over |= traced != 0;
}

// ---- Translation ----

static enum mode
mode_of(uint64_t pc)
{
  enum { FIRMWARE_SIZE = 0x200000 };
  const uint64_t ram = 0x80000000;
  if(pc >> 63)
    return KERNEL;
  return pc >= ram && pc < ram + FIRMWARE_SIZE ? FIRMWARE : USER;
}

static void
watch(struct qemu_plugin_insn *insn)
{
  enum { BEGIN = 0x7e102013, END = 0x7e202013 };     // slti x0, x0, 0x7e1 and 0x7e2
  enum { WRITES_SATP = 0x18001073, MASK = 0xfff0307f };
  uint32_t code = 0;
  memcpy(&code, qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));
  if(code == BEGIN)
    qemu_plugin_register_vcpu_insn_exec_cb(insn, begins, CB_NO_REGS, NULL);
  else if(code == END)
    qemu_plugin_register_vcpu_insn_exec_cb(insn, ends, CB_NO_REGS, NULL);
  else if((code & MASK) == WRITES_SATP)
    qemu_plugin_register_vcpu_insn_exec_cb(insn, switches, CB_NO_REGS, NULL);
  qemu_plugin_register_vcpu_mem_cb(insn, accesses_memory, CB_NO_REGS, MEM_RW, NULL);
}

static void
translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
  struct block *b = calloc(1, sizeof *b);
  if(!b)
    abort();
  b->pc = qemu_plugin_tb_vaddr(tb);
  b->mode = mode_of(b->pc);
  b->instructions = qemu_plugin_tb_n_insns(tb);
  qemu_plugin_register_vcpu_tb_exec_cb(tb, executes, CB_NO_REGS, b);
  for(size_t i = 0; i < b->instructions; i++){
    struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
    b->bytes += qemu_plugin_insn_size(insn);
    watch(insn);
  }
}

static void
end(qemu_plugin_id_t id, void *unused)
{
  fprintf(out, "# accesses %" PRIu64 "\n# %s\n", accesses,
          over ? "complete" : traced ? "cut off" : "nothing was marked");
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
