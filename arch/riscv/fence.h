// SPDX-License-Identifier: MIT
//
// Translation fences and satp, one instruction or one SBI call each.  Private
// to pmap.c; the host unit tests put a software TLB in its place.
// (Privileged specification, "sfence.vma"; SBI specification, RFENCE extension.)

#pragma once

#include "kernel/types.h"

static inline void
fence_one_page(va_t va, u64 asid)
{
  __asm__ volatile("sfence.vma %0, %1" : : "r"(va), "r"(asid) : "memory");
}

// rs2 = x0: the page in every address space, and global translations too.
static inline void
fence_page_global(va_t va)
{
  __asm__ volatile("sfence.vma %0, zero" : : "r"(va) : "memory");
}

// rs1 = x0: every level of the walk.
static inline void
fence_asid(u64 asid)
{
  __asm__ volatile("sfence.vma zero, %0" : : "r"(asid) : "memory");
}

static inline void
fence_all(void)
{
  __asm__ volatile("sfence.vma zero, zero" : : : "memory");
}

static inline void
fence_instructions(void)
{
  __asm__ volatile("fence.i" : : : "memory");
}

static inline u64
satp_read(void)
{
  u64 v;
  __asm__ volatile("csrr %0, satp" : "=r"(v));
  return v;
}

static inline void
satp_write(u64 v)
{
  __asm__ volatile("csrw satp, %0" : : "r"(v) : "memory");
}

// The other harts (a mask of hart indexes) fence before these return.
// size ~0 = everything.
void fence_remote(u64 harts, va_t start, u64 size);
void fence_remote_instructions(u64 harts);
