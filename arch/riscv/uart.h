// SPDX-License-Identifier: MIT
//
// The 16550 serial port.  Input goes by interrupt to console_input(); output
// goes through a ring that interrupts empty.

#pragma once

#include "kernel/types.h"

// Queue n bytes for output, unchanged.  Sleeps while the ring is full.
// => bytes taken; fewer than n only if a signal is pending
u64 uart_write(const char *s, u64 n);

void uart_putc(char c);          // polled, after all that is queued; any context
void uart_init(void);            // after plic_init()
bool uart_ready(void);

void console_input(char c);      // the tty's; interrupt context
