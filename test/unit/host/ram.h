// SPDX-License-Identifier: MIT
//
// Host memory at a given address, and memory that others can open.

#pragma once

#include "kernel/types.h"

bool ram_map(u64 at, u64 size);          // => false if something else is there
void ram_unmap(u64 at, u64 size);
u8 *ram_file(u64 size, int *fd);         // zeros; NULL: there is none
