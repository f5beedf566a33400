// SPDX-License-Identifier: MIT
//
// How sbrk may grow the heap.

#pragma once

#define SBRK_EAGER 1
#define SBRK_LAZY  2
