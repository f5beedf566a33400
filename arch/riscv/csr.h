// SPDX-License-Identifier: MIT
//
// Control and status registers of the supervisor, by the names and layouts of
// the RISC-V Privileged Architecture, chapter 4.  For C and assembly.

#pragma once

#define SSTATUS_SIE  (1 << 1)
#define SSTATUS_SPIE (1 << 5)
#define SSTATUS_SPP  (1 << 8)
#define SSTATUS_FS   (3 << 13)
#define SSTATUS_FS_CLEAN   (2 << 13)
#define SSTATUS_FS_DIRTY   (3 << 13)
#define SSTATUS_SUM  (1 << 18)

// To change SUM is dear.  So it is always set, but in a DEBUG=1 build, where only
// user copies have it, and a trap from the kernel puts it aside.
#ifdef DEBUG
#define SSTATUS_SUM_ALWAYS 0
#define SSTATUS_OF_TRAP (SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SUM)
#else
#define SSTATUS_SUM_ALWAYS SSTATUS_SUM
#define SSTATUS_OF_TRAP (SSTATUS_SPP | SSTATUS_SPIE)
#endif

#define SIE_SSIE     (1 << 1)
#define SIE_STIE     (1 << 5)
#define SIE_SEIE     (1 << 9)

#define CSR_STIMECMP 0x14d        // Sstc

#define SATP_MODE_SV39    8
#define SATP_MODE_SHIFT 60

#ifndef __ASSEMBLER__

#include "kernel/types.h"

enum cause {
  CAUSE_FETCH_MISALIGNED = 0,
  CAUSE_FETCH_ACCESS = 1,
  CAUSE_ILLEGAL = 2,
  CAUSE_BREAKPOINT = 3,
  CAUSE_LOAD_MISALIGNED = 4,
  CAUSE_LOAD_ACCESS = 5,
  CAUSE_STORE_MISALIGNED = 6,
  CAUSE_STORE_ACCESS = 7,
  CAUSE_ECALL_USER = 8,
  CAUSE_FETCH_PAGE = 12,
  CAUSE_LOAD_PAGE = 13,
  CAUSE_STORE_PAGE = 15,
};
#define CAUSE_INTERRUPT (1UL << 63)
enum { INTERRUPT_SOFTWARE = 1, INTERRUPT_TIMER = 5, INTERRUPT_EXTERNAL = 9 };

#define csr_name(reg) #reg

#define csr_read(reg) ({                                             \
  u64 v_;                                                            \
  __asm__ volatile("csrr %0, " csr_name(reg) : "=r"(v_) :: "memory"); \
  v_;                                                                \
})

#define csr_write(reg, v) \
  __asm__ volatile("csrw " csr_name(reg) ", %0" :: "rK"((u64)(v)) : "memory")
#define csr_set(reg, v) \
  __asm__ volatile("csrs " csr_name(reg) ", %0" :: "rK"((u64)(v)) : "memory")
#define csr_clear(reg, v) \
  __asm__ volatile("csrc " csr_name(reg) ", %0" :: "rK"((u64)(v)) : "memory")

#endif
