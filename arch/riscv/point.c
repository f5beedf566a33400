// SPDX-License-Identifier: MIT
//
// Points: single instructions of the kernel's text that are changed while it runs.
// No hart is about to execute one then: the others are parked.

#include <machine.h>
#include <pmap.h>
#include <fence.h>
#include "kernel/task.h"
#include "mm/frame.h"
#include "discover.h"

// In section .points, made by machine_point() and trap.S.  Distances in bytes, each
// from where it is written; `off`: to the function that is called otherwise, or 0.
struct point {
  i32 at, off, on;
  u32 number;
};

enum { NOP = 0x13, JAL = 0x6f, LINK_RA = 1 << 7 };

// (Unprivileged specification, "Immediate Encoding Variants", type J.)
static u32
jump(va_t from, va_t to, u32 link)
{
  u32 d = (u32)(to - from);
  return (d >> 20 & 1) << 31 | (d >> 1 & 0x3ff) << 21 | (d >> 11 & 1) << 20 |
         (d >> 12 & 0xff) << 12 | link | JAL;
}

static u32
instruction(const struct point *p, va_t at, u64 on)
{
  u32 link = p->off ? LINK_RA : 0;
  if(on >> p->number & 1)
    return jump(at, (va_t)&p->on + p->on, link);
  return p->off ? jump(at, (va_t)&p->off + p->off, link) : NOP;
}

// Written through the direct map, where the text cannot be written otherwise.
void
machine_points_set(u64 on)
{
  extern const struct point __points_start[], __points_end[];
  kmap_text(KMAP_RW);
  for(const struct point *p = __points_start; p < __points_end; p++){
    va_t at = (va_t)&p->at + p->at;
    u32 insn = instruction(p, at, on);
    u16 *text = pa_kva(image_pa((const void *)at));
    text[0] = (u16)insn;             // perhaps across a word's end
    text[1] = (u16)(insn >> 16);
  }
  kmap_text(KMAP_RO);
  fence_remote_instructions(atomic_load(&harts_online));
}
