// SPDX-License-Identifier: MIT
//
// The platform-level interrupt controller: external interrupts by number.

#pragma once

#include "kernel/types.h"

void plic_init(void);
void plic_interrupt(void);       // the trap handler's: serve what is pending
