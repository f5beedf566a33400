// SPDX-License-Identifier: MIT
//
// xv6's alarm lab over a timer and a signal.  The handler ends with sigreturn(),
// which goes back to where the program was, with all registers; meanwhile the
// signal is blocked, so the handler is not entered again.

#include "user/ulib.h"
#include "user/user.h"

enum { TICK_USEC = 100000, TICKS_PER_SECOND = 10 };

static void (*alarm_handler)(void);
static void *signal_frame;     // where the kernel put the interrupted registers

static void
on_alarm(int sig)
{
  // The frame lies where the stack pointer was when we were entered.
  signal_frame = __builtin_dwarf_cfa();
  alarm_handler();
}

int
sigreturn(void)
{
  __asm__ volatile("mv sp, %0\n"
                   "mv a7, %1\n"
                   "ecall"
                   :: "r"(signal_frame), "r"((long)NR_rt_sigreturn) : "memory");
  __builtin_unreachable();
}

// Every `ticks` call the handler; 0: no longer.
int
sigalarm(int ticks, void (*handler)(void))
{
  struct sig_action act = { .handler = (uint64)on_alarm };
  struct timer_value timer = {
    .interval_sec = ticks / TICKS_PER_SECOND,
    .interval_usec = (long)(ticks % TICKS_PER_SECOND) * TICK_USEC,
  };

  timer.value_sec = timer.interval_sec;
  timer.value_usec = timer.interval_usec;
  if(ticks < 0)
    return -1;
  alarm_handler = handler;
  if(ticks > 0 && sys_sigaction(SIGALRM, &act, NULL) < 0)
    return -1;
  return sys_setitimer(ITIMER_REAL, &timer) < 0 ? -1 : 0;
}
