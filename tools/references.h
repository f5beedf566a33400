// SPDX-License-Identifier: MIT
//
// The memory references of one process, for plugins of QEMU that include this: of the
// process that executes the first mark of user/refs.c, until another executes the second.
//
// A process is known by where the kernel keeps its registers: that is what was loaded
// last before user mode.  On one hart, and for a process with one thread.

#pragma once

#include <stdlib.h>
#include <string.h>
#include "tools/qemu_plugin.h"

// The plugin's: a block of so many instructions is executed; an access to data.
static void fetched(uint64_t pc, uint64_t bytes, uint64_t instructions);
static void accessed(uint64_t va, uint64_t size, bool write);

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
  if(mode == USER && recording())
    fetched(b->pc, b->bytes, b->instructions);
}

static void
accesses_memory(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t va, void *unused)
{
  if(mode == FIRMWARE)
    return;
  if(va >> 63)
    loaded = va;
  else if(recording() && !switched)
    accessed(va, 1UL << qemu_plugin_mem_size_shift(info), qemu_plugin_mem_is_store(info));
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

// => how it went, at the end
static const char *
outcome(void)
{
  return over ? "complete" : traced ? "cut off" : "nothing was marked";
}
