// SPDX-License-Identifier: MIT
//
// The wall clock; time_now() is in fs/vfs.h.

#pragma once

void clock_init(void);       // boot: ask the real-time clock once
extern u64 time_at_boot;     // ns since 1970
