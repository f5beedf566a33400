// SPDX-License-Identifier: MIT
//
// What QEMU offers to plugins, version 1 of it, as far as ours use it.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;
enum { INLINE_ADD_U64 = 0, CB_NO_REGS = 0, MEM_RW = 3 };

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
void qemu_plugin_register_vcpu_insn_exec_inline(
  struct qemu_plugin_insn *insn, int op, void *counter, uint64_t add);
void qemu_plugin_register_vcpu_mem_cb(
  struct qemu_plugin_insn *insn,
  void (*cb)(unsigned, qemu_plugin_meminfo_t, uint64_t, void *), int flags, int rw, void *arg);
void qemu_plugin_register_atexit_cb(
  qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, void *), void *arg);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
