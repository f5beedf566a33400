// SPDX-License-Identifier: MIT
//
// What kmap.c needs of tlb.c.

#pragma once

#include "kernel/types.h"

void tlb_probe_asids(void);                    // boot hart, before any space exists
