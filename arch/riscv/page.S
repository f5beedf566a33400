// SPDX-License-Identifier: MIT
//
// Whole pages, aligned: zeroing and copying at one store a word and little else.

#define PAGE 4096
#define HALF 2048

  .text

// From the middle of a page all of it is within a load's or store's reach.

// void page_zero(void *kva)
  .globl page_zero
page_zero:
  li a1, HALF
  add a0, a0, a1
  .set .Lat, -HALF
  .rept PAGE / 8
  sd zero, .Lat(a0)
  .set .Lat, .Lat + 8
  .endr
  ret

// void page_copy(void *dst, const void *src)
  .globl page_copy
page_copy:
  li a2, HALF
  add a0, a0, a2
  add a1, a1, a2
  .set .Lat, -HALF
  .rept PAGE / 32
  ld a3, .Lat(a1)
  ld a4, .Lat + 8(a1)
  ld a5, .Lat + 16(a1)
  ld a6, .Lat + 24(a1)
  sd a3, .Lat(a0)
  sd a4, .Lat + 8(a0)
  sd a5, .Lat + 16(a0)
  sd a6, .Lat + 24(a0)
  .set .Lat, .Lat + 32
  .endr
  ret
