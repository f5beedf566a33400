// SPDX-License-Identifier: MIT
//
// Names for the kernel's own code addresses.  The table is made by
// tools/ksyms.py from the first link of the image, in which it is empty.

#include "kernel/printk.h"

struct ksym {
  u32 offset;        // from __text_start
  u32 name;          // where it begins in the names
};

// kernel.ld.  Sorted; the last entry only marks where the text ends.  The names
// follow the entries.
extern const char __text_start[];
extern const struct ksym __ksyms_start[], __ksyms_end[];

const char *
ksym(va_t va, u64 *off)
{
  const struct ksym *low = __ksyms_start, *high = __ksyms_end;
  u64 at = va - (u64)__text_start;
  while(low < high){               // => low: the first symbol beyond va
    const struct ksym *mid = low + (high - low) / 2;
    if(mid->offset <= at)
      low = mid + 1;
    else
      high = mid;
  }
  if(low == __ksyms_start || low == __ksyms_end)
    return NULL;
  *off = at - low[-1].offset;
  return (const char *)__ksyms_end + low[-1].name;
}
