// SPDX-License-Identifier: MIT
//
// Names for the kernel's own code addresses.  The table is made by
// tools/ksyms.py from the first link of the image, in which it is empty.

#include "kernel/printk.h"
#include "kernel/string.h"

// kernel.ld.  The length of each function, in units of an instruction's least; they
// follow one another from __text_start.  Behind the lengths are the names, in the
// same order.
enum { UNIT = 2 };
extern const char __text_start[];
extern const u16 __ksyms_start[], __ksyms_end[];

const char *
ksym(va_t va, u64 *off)
{
  const char *name = (const char *)__ksyms_end;
  va_t start = (va_t)__text_start;
  for(const u16 *length = __ksyms_start; length < __ksyms_end; length++) {
    u64 size = *length * UNIT;
    if(va - start < size) {
      *off = va - start;
      return name;
    }
    start += size;
    name += strlen(name) + 1;
  }
  return NULL;
}
