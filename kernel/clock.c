// SPDX-License-Identifier: MIT
//
// The wall clock: what the board's real-time clock (Goldfish RTC) said at boot,
// and the time since.  Without one, time begins with 1970; with the boot setting
// seed=, which asks for the same run again, always at one moment of 2001.

#include <machine.h>
#include "kernel/bootargs.h"
#include "kernel/clock.h"
#include "kernel/printk.h"
#include "fs/vfs.h"
#include "mm/vmap.h"

// Nanoseconds since 1970.  Reading the low half latches the high one.
enum { RTC_TIME_LOW = 0x00, RTC_TIME_HIGH = 0x04 };

#define TIME_OF_SEEDED_BOOT 1000000000000000000UL

u64 time_at_boot;

void
clock_init(void)
{
  u32 len;
  if(bootarg("seed", &len)){
    time_at_boot = TIME_OF_SEEDED_BOOT;
    return;
  }
  struct device d = { 0 };
  volatile u8 *rtc = NULL;
  if(machine_device("google,goldfish-rtc", &d))
    rtc = vmap_device(d.base, d.size);
  if(!rtc){
    printk("no real-time clock: it is 1970\n");
    return;
  }
  u64 low = *(volatile u32 *)(rtc + RTC_TIME_LOW);
  u64 high = *(volatile u32 *)(rtc + RTC_TIME_HIGH);
  time_at_boot = (high << 32 | low) - machine_time_ns();
}

u64
time_now(struct timespec *ts)
{
  u64 ns = time_at_boot + machine_time_ns();
  ts->sec = (i64)(ns / 1000000000);
  ts->nsec = (i64)(ns % 1000000000);
  return ns;
}
