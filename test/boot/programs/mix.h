// SPDX-License-Identifier: MIT
//
// Each bit of what comes out depends on all of what goes in.

#pragma once

#include "kernel/types.h"

static inline uint64
mix(uint64 x)
{
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9UL;
  x = (x ^ x >> 27) * 0x94d049bb133111ebUL;
  return x ^ x >> 31;
}
