// SPDX-License-Identifier: MIT
//
// The platform-level interrupt controller: external interrupts by number.

#pragma once

#include "kernel/types.h"

// Call fn(arg), interrupts off, whenever irq is raised; from now on, for ever.
// Before plic_init() nothing can be registered.
// => 0, -EINVAL (no such line) or -EBUSY (taken)
int irq_register(u32 irq, void (*fn)(void *), void *arg);

void plic_init(void);
void plic_interrupt(void);       // the trap handler's: serve what is pending
