// SPDX-License-Identifier: MIT
//
// The machine as a whole: bringing up its devices, the console of last resort,
// and switching it off.

#include <machine.h>
#include "mm/vmap.h"
#include "plic.h"
#include "sbi.h"
#include "trap.h"
#include "uart.h"

// SiFive's test device; QEMU ends with the exit status written to it.
enum { TEST_FAIL = 0x3333, TEST_PASS = 0x5555, TEST_STATUS_SHIFT = 16 };

static volatile u32 *test_device;      // NULL if there is none

void
machine_init(void)
{
  struct device test = { 0 };
  if(machine_device("sifive,test0", &test))
    test_device = vmap_device(test.base, test.size);
  hart_init();
  plic_init();
  uart_init();
}

void
machine_putc(char c)
{
  if(uart_ready())
    uart_putc(c);
  else
    sbi_putchar(c);
}

void
machine_poweroff(int status)
{
  if(test_device)
    *test_device = status ? (u32)status << TEST_STATUS_SHIFT | TEST_FAIL : TEST_PASS;
  sbi_shutdown(status != 0);
  machine_halt();
}

void
machine_halt(void)
{
  intr_save();
  for(;;)
    __asm__ volatile("wfi");
}
