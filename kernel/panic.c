// SPDX-License-Identifier: MIT
//
// The end, when an invariant is broken: every other hart is stopped, what each was
// doing is printed, and the machine halts, or with `panic=exit` powers off with a
// failure status.  Takes no locks and allocates nothing.

#include <machine.h>
#include "kernel/bootargs.h"
#include "kernel/printk.h"
#include "kernel/task.h"

enum { EXIT_STATUS = 1, LAST_EVENTS = 24 };

static u32 panics;                 // begun, all harts together

bool
panicking(void)
{
  return atomic_load(&panics) != 0;
}

static void __attribute__((noreturn))
end(void)
{
  if(machine.bootargs && bootarg_is("panic", "exit"))
    machine_poweroff(EXIT_STATUS);
  printk("halted\n");
  machine_halt();
}

// The first hart to get here prints; a later one waits to be stopped, unless it
// is the same hart, whose report went wrong.
static void
begin(void)
{
  static struct hart *first;
  intr_save();
  if(atomic_add_full(&panics, 1) == 0){
    first = this_hart();
    machine_ipi_nmi_stop();
    return;
  }
  if(atomic_load(&first) != this_hart())
    machine_halt();
}

static void
report_task(const struct task *t)
{
  printk("hart %u, %s %u \"%s\", preemption %s (%u)\n", t->hart ? t->hart->id : 0,
         t->space ? "process" : "kernel task", t->tid, t->comm, t->preempt ? "off" : "on",
         t->preempt);
  lock_print_held(t);
}

static void
report_others(void)
{
  for(u32 i = 0; i < nharts; i++){
    if(&harts[i] == this_hart() || !(harts_online >> i & 1))
      continue;
    report_task(harts[i].current);
    if(!machine_backtrace_stopped(&harts[i]))
      printk("did not stop\n");
  }
}

static void __attribute__((noreturn, format(printf, 2, 0)))
die(const struct trapframe *tf, const char *fmt, va_list ap)
{
  char message[256];
  begin();
  if(panics > 2)
    end();                         // not even this works: no more words
  vsnprintk(message, sizeof message, fmt, ap);
  printk("\npanic: %s\n", message);
  report_task(current);
  if(tf)
    machine_registers(tf);
  machine_backtrace(tf);
  report_others();
  trace_print_last(LAST_EVENTS);
  end();
}

void
assert_failed(const char *what)
{
  panic("%s", what);
}

void
panic(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  die(NULL, fmt, ap);
}

void
panic_trap(const struct trapframe *tf, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  die(tf, fmt, ap);
}
