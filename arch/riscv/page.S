// SPDX-License-Identifier: MIT
//
// Whole pages, aligned: zeroing and copying at one store a word and little else.  See
// page_zero() and page_copy() in machine.h, which call these.

#define PAGE 4096
#define REACH 2047

  .text

// From there all words of a page are within a load's or store's reach.

// a0: the page
  .globl page_zero_millicode
page_zero_millicode:
  addi a0, a0, REACH
  .set .Lat, -REACH
  .rept PAGE / 8
  sd zero, .Lat(a0)
  .set .Lat, .Lat + 8
  .endr
  jr t0

// a0: to, a1: from
  .globl page_copy_millicode
page_copy_millicode:
  addi a0, a0, REACH
  addi a1, a1, REACH
  .set .Lat, -REACH
  .rept PAGE / 32
  ld t1, .Lat(a1)
  ld t2, .Lat + 8(a1)
  ld t3, .Lat + 16(a1)
  ld t4, .Lat + 24(a1)
  sd t1, .Lat(a0)
  sd t2, .Lat + 8(a0)
  sd t3, .Lat + 16(a0)
  sd t4, .Lat + 24(a0)
  .set .Lat, .Lat + 32
  .endr
  jr t0
