// SPDX-License-Identifier: MIT
//
// The SBI firmware.  Our sets of harts are masks of indexes; the firmware wants
// masks of its own hart ids, 64 at a time from a base.  No locks.

#include <machine.h>
#include "kernel/debug/fence_ledger.h"
#include "fence.h"
#include "sbi.h"

enum {
  EXT_PUTCHAR = 1,            // legacy
  EXT_BASE = 0x10,
  EXT_TIME = 0x54494d45,
  EXT_IPI = 0x735049,
  EXT_RFENCE = 0x52464e43,
  EXT_HSM = 0x48534d,
  EXT_SRST = 0x53525354,
  EXT_DBCN = 0x4442434e,      // 2.0: the debug console
};
enum { BASE_PROBE = 3, RFENCE_I = 0, RFENCE_VMA = 1, HSM_START = 0, DBCN_WRITE_BYTE = 2 };

struct sbi_result { i64 error; u64 value; };

static struct sbi_result
sbi_call(u64 extension, u64 function, u64 x0, u64 x1, u64 x2, u64 x3)
{
  register u64 a0 asm("a0") = x0;
  register u64 a1 asm("a1") = x1;
  register u64 a2 asm("a2") = x2;
  register u64 a3 asm("a3") = x3;
  register u64 a6 asm("a6") = function;
  register u64 a7 asm("a7") = extension;
  __asm__ volatile("ecall" : "+r"(a0), "+r"(a1)
                   : "r"(a2), "r"(a3), "r"(a6), "r"(a7) : "memory");
  return (struct sbi_result){ (i64)a0, a1 };
}

static bool
sbi_has(u64 extension)
{
  return sbi_call(EXT_BASE, BASE_PROBE, extension, 0, 0, 0).value != 0;
}

void
sbi_set_timer(u64 ticks)
{
  sbi_call(EXT_TIME, 0, ticks, 0, 0, 0);
}

// Take out of *harts those whose ids fit into one firmware mask with the first.
static u64
next_mask(u64 *harts, u64 *base)
{
  u64 mask = 0;
  *base = 0;
  for(u32 i = 0; i < machine.nharts; i++){
    u64 id = machine.hart_ids[i];
    if(!(*harts >> i & 1))
      continue;
    if(mask == 0)
      *base = id;
    if(id - *base < 64){
      mask |= 1UL << (id - *base);
      *harts &= ~(1UL << i);
    }
  }
  return mask;
}

static void
for_harts(u64 harts, u64 extension, u64 function, u64 x2, u64 x3)
{
  while(harts){
    u64 base, mask = next_mask(&harts, &base);
    sbi_call(extension, function, mask, base, x2, x3);
  }
}

void
sbi_send_ipi(u64 harts)
{
  for_harts(harts, EXT_IPI, 0, 0, 0);
}

void
fence_remote(u64 harts, va_t start, u64 size)
{
  for_harts(harts, EXT_RFENCE, RFENCE_VMA, start, size);
  ledger_fenced_remote(harts, start, size);
}

void
fence_remote_instructions(u64 harts)
{
  for_harts(harts, EXT_RFENCE, RFENCE_I, 0, 0);
}

i64
sbi_hart_start(u32 id, pa_t entry)
{
  return sbi_call(EXT_HSM, HSM_START, id, entry, 0, 0).error;
}

void
sbi_putchar(char c)
{
  static enum { UNKNOWN, LEGACY, DEBUG_CONSOLE } how;
  if(how == UNKNOWN)
    how = sbi_has(EXT_DBCN) ? DEBUG_CONSOLE : LEGACY;
  if(how == DEBUG_CONSOLE)
    sbi_call(EXT_DBCN, DBCN_WRITE_BYTE, (u8)c, 0, 0, 0);
  else
    sbi_call(EXT_PUTCHAR, 0, (u8)c, 0, 0, 0);
}

void
sbi_shutdown(bool failure)
{
  sbi_call(EXT_SRST, 0, 0, failure, 0, 0);
}
