// SPDX-License-Identifier: MIT
//
// Pages, Sv39 entries and the registers a user program can read.

#pragma once

#include "kernel/types.h"

typedef uint64 pte_t;
typedef uint64 *pagetable_t;

#define PGSIZE  4096
#define PGSHIFT 12
#define PGROUNDUP(sz)  (((sz) + PGSIZE - 1) & ~(uint64)(PGSIZE - 1))
#define PGROUNDDOWN(a) ((a) & ~(uint64)(PGSIZE - 1))

#define SUPERPGSIZE (2UL << 20)
#define SUPERPGROUNDUP(sz) (((sz) + SUPERPGSIZE - 1) & ~(SUPERPGSIZE - 1))

// Where the heap ends at the latest.  The stack has two GiB more to itself.
#define MAXVA ((1UL << 38) - (2UL << 30))

#define PTE_V (1L << 0)
#define PTE_R (1L << 1)
#define PTE_W (1L << 2)
#define PTE_X (1L << 3)
#define PTE_U (1L << 4)
#define PTE_G (1L << 5)
#define PTE_A (1L << 6)
#define PTE_D (1L << 7)

#define PA2PTE(pa)     (((uint64)(pa) >> 12) << 10)
#define PTE2PA(pte)    (((pte) >> 10) << 12)
#define PTE_FLAGS(pte) ((pte) & 0x3ff)
#define PTE_LEAF(pte)  (((pte) & PTE_R) | ((pte) & PTE_W) | ((pte) & PTE_X))

#define PXMASK         0x1ff
#define PXSHIFT(level) (PGSHIFT + 9 * (level))
#define PX(level, va)  ((((uint64)(va)) >> PXSHIFT(level)) & PXMASK)

static inline uint64
r_sp(void)
{
  uint64 x;
  __asm__ volatile("mv %0, sp" : "=r"(x));
  return x;
}

static inline uint64
r_fp(void)
{
  uint64 x;
  __asm__ volatile("mv %0, s0" : "=r"(x));
  return x;
}

static inline uint64
r_ra(void)
{
  uint64 x;
  __asm__ volatile("mv %0, ra" : "=r"(x));
  return x;
}

static inline uint64
r_tp(void)
{
  uint64 x;
  __asm__ volatile("mv %0, tp" : "=r"(x));
  return x;
}

static inline uint64
r_time(void)
{
  uint64 x;
  __asm__ volatile("rdtime %0" : "=r"(x));
  return x;
}
