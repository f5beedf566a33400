// SPDX-License-Identifier: MIT
//
// What arch/riscv itself wants to know from the device tree, beside `machine`.

#pragma once

#include "kernel/types.h"

struct plic_facts {
  pa_t base;
  u64 size;
  u32 lines;       // interrupts are 1..lines
  u32 context;     // the boot hart's supervisor mode
};
bool discover_plic(struct plic_facts *facts);    // => false if there is none

extern char __image_start[], __image_end[], __text_start[], __text_end[], __data_start[];
#define IMAGE_OFFSET 0xffffffff00000000UL
static inline pa_t image_pa(const void *p) { return (u64)p - IMAGE_OFFSET; }
