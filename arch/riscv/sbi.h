// SPDX-License-Identifier: MIT
//
// Calls into the SBI firmware, numbered as in the RISC-V SBI specification 1.0.
// Remote fences are declared in fence.h.

#pragma once

#include "kernel/types.h"

void sbi_set_timer(u64 ticks);
void sbi_send_ipi(u64 harts);       // bit i = hart index i

// The hart enters `entry` with the MMU off, its id in a0 and arg in a1. => 0 or an SBI error
i64 sbi_hart_start(u32 id, pa_t entry);

void sbi_putchar(char c);
void sbi_shutdown(bool failure);    // returns if the firmware cannot
