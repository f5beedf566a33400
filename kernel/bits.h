// SPDX-License-Identifier: MIT
//
// Bitmaps: arrays of 64-bit words, bit 0 of the first word first.

#pragma once

#include "kernel/types.h"

// The number of the lowest 1 in x, which is not 0.
static inline u32
lowest_one(u64 x)
{
  u32 n = 0;
  for(u32 half = 32; half > 0 && !(x & 1); half /= 2)
    if((x & ((1UL << half) - 1)) == 0){
      x >>= half;
      n += half;
    }
  return n;
}

// The first bit in [from, to) that is `value`.  => to if there is none
static inline u32
bits_find(const u64 *bits, u32 from, u32 to, bool value)
{
  for(u32 i = from; i < to; i = (i | 63) + 1){
    u64 found = (value ? bits[i / 64] : ~bits[i / 64]) >> (i % 64);
    if(found)
      return min(i + lowest_one(found), to);
  }
  return to;
}

static inline void
bits_set(u64 *bits, u32 i, bool value)
{
  u64 bit = 1UL << (i % 64);
  bits[i / 64] = value ? bits[i / 64] | bit : bits[i / 64] & ~bit;
}

static inline bool bits_get(const u64 *bits, u32 i) { return bits[i / 64] >> (i % 64) & 1; }
