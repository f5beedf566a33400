// SPDX-License-Identifier: MIT
//
// <fence.h> of the host: the same fences, on the software TLB of mmu.c.

#pragma once

#include "kernel/types.h"

void fence_one_page(va_t va, u64 asid);
void fence_page_global(va_t va);
void fence_asid(u64 asid);
void fence_all(void);
void fence_instructions(void);
u64 satp_read(void);
void satp_write(u64 v);
void fence_remote(u64 harts, va_t start, u64 size);
void fence_remote_instructions(u64 harts);
