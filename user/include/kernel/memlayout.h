// SPDX-License-Identifier: MIT
//
// Where xv6 has its RAM and trap pages.  To a program here these are addresses
// it cannot use; tests of bad pointers are made of them.  sbrk() stops at the
// trap pages as there.

#pragma once

#include "kernel/riscv.h"

#define UART0     0x10000000L
#define VIRTIO0   0x10001000L
#define PLIC      0x0c000000L
#define KERNBASE  0x80000000L
#define PHYSTOP   (KERNBASE + 128 * 1024 * 1024)

#define TRAMPOLINE (MAXVA - PGSIZE)
#define TRAPFRAME  (TRAMPOLINE - PGSIZE)
