// SPDX-License-Identifier: MIT
//
// Host memory at a given address.

#pragma once

#include "kernel/types.h"

bool ram_map(u64 at, u64 size);          // => false if something else is there
void ram_unmap(u64 at, u64 size);
