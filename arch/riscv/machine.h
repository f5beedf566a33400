// SPDX-License-Identifier: MIT
//
// The machine, as everything above arch/ sees it.  Page tables are in pmap.h.
// Include it as <machine.h>: the host unit tests put their own in its place.

#pragma once

#include "kernel/types.h"

struct hart;
struct task;
struct trapframe;

// ---- What the device tree said (valid once kmain runs) ----

struct mem_range { pa_t start, end; };

struct device {          // a memory-mapped device with one interrupt
  pa_t base;
  u64 size;
  u32 irq;
};

struct machine {
  struct mem_range *ram;      // sorted, as is the next; whole pages
  u32 nram;
  struct mem_range *reserved; // inside ram: firmware, kernel image, device tree, initrd
  u32 nreserved;
  struct mem_range initrd;    // empty when there is none
  u32 nharts;
  u32 *hart_ids;              // the SBI's names; [0] is the boot hart
  bool sstc, fpu;             // of every hart
  u64 timebase;               // ticks a second
  const char *bootargs;
  u8 rng_seed[32];
};
extern struct machine machine;

// The next device that is compatible with that name, in order of addresses behind
// *d, which is all zero for the first one. => false past the last
bool machine_device(const char *compatible, struct device *d);

// Boot, in this order: read the device tree; (frames, page tables, slab, tasks);
// then traps' devices: PLIC, UART, test device, this hart's timer.
void machine_discover(u32 boot_hart, pa_t fdt);
void machine_init(void);

// ---- Interrupts and the hart ----

enum { INTR_ON = 1 << 1 };         // sstatus.SIE

// Disable interrupts on this hart. => were they enabled?
static inline bool
intr_save(void)
{
  u64 old;
  __asm__ volatile("csrrci %0, sstatus, %1" : "=r"(old) : "i"(INTR_ON) : "memory");
  return old & INTR_ON;
}

static inline void
intr_restore(bool were_on)
{
  if(were_on)
    __asm__ volatile("csrsi sstatus, %0" :: "i"(INTR_ON) : "memory");
}

static inline bool
intr_enabled(void)
{
  u64 status;
  __asm__ volatile("csrr %0, sstatus" : "=r"(status) :: "memory");
  return status & INTR_ON;
}

void machine_idle(void);           // wait for an interrupt; called and returns with interrupts off
void machine_relax(void);          // in a spin: let another hart run

void machine_start_harts(void);    // each enters hart_main() on its idle task's stack
void machine_ipi(u64 harts);       // bit i = hart index i; calls hart_ipi() there
void machine_ipi_nmi_stop(void);   // for panic: stop every other hart, whatever it does, or soon
bool machine_interrupted_user(void);  // in an interrupt handler: did it come from user mode?

// Call fn(arg), interrupts off, whenever irq is raised; from now on, for ever.
// Before plic_init() nothing can be registered.
// => 0, -EINVAL (no such line) or -EBUSY (taken)
int irq_register(u32 irq, const char *name, void (*fn)(void *), void *arg);

// The k-th kind of interrupt, for /proc: a line of a device, which always interrupts the
// boot hart, or one that each hart counts for itself. => false: there are no more
struct irq_info {
  const char *label, *name;
  u32 line;                        // 0: `label` stands for it
  u64 (*count)(const struct irq_info *i, u32 hart);
};
bool irq_info(u32 k, struct irq_info *i);

// ---- Time ----

extern u64 machine_boot_ticks;     // of the counter all harts share, at the first question
extern u64 machine_tick_ns;        // of one tick; 0: not a whole number, or not known yet
u64 machine_ticks(void);           // since boot, monotone over harts
u64 machine_slow_time_ns(void);

// The same in nanoseconds.
static inline u64
machine_time_ns(void)
{
  u64 now;
  if(unlikely(machine_tick_ns == 0))
    return machine_slow_time_ns();
  __asm__ volatile("csrr %0, time" : "=r"(now));
  return (now - machine_boot_ticks) * machine_tick_ns;
}

void machine_timer_set(u64 ns);    // next hart_timer() on this hart; ~0 = never

// ---- Points ----
//
// A place in the code that is one instruction without effect, until it is switched on:
// then trace_hit(code, a, b) is called, which costs the code around it no register.
// `code` is a constant, its lowest 8 bits the number to be switched by.  See point.c.
static inline __attribute__((always_inline)) void
machine_point(const u32 code, u64 a, u64 b)
{
  __asm__ inline volatile("1: .option push; .option norvc; nop; .option pop\n"
                   ".pushsection .text.points, \"ax\"\n"
                   "2: addi sp, sp, -32; sd ra, 0(sp); sd a0, 8(sp); sd %z1, 16(sp)\n"
                   "sd %z2, 24(sp); li a0, %0; jal point_hit\n"
                   "ld ra, 0(sp); addi sp, sp, 32; j 1b + 4\n"
                   ".popsection; .pushsection .points, \"a\"\n"
                   ".balign 4; .word 1b - ., 0, 2b - ., %0 & 0xff; .popsection"
                   :: "i"(code), "rJ"(a), "rJ"(b));
}

void machine_points_set(u64 on);       // by number; the other harts are parked

// ---- Tasks ----

// Save the running task's context and run `to`.  Interrupts off, run-queue lock held.
void context_switch(struct task *from, struct task *to);

// Build t's kernel stack (t->stack; t->tf is set here) so that its first run
// calls schedule_tail() and then, interrupts on, fn(arg), which never returns.
void context_init_kernel(struct task *t, void (*fn)(void *), void *arg);

// ... so that after schedule_tail() it goes to user mode from a copy of tf.
void context_init_user(struct task *t, const struct trapframe *tf);

// Leave the kernel for user mode as current->tf says; a kernel task's last act.
void user_enter(void) __attribute__((noreturn));

// Floating-point state: the child of fork gets a copy, exec forgets it.
void fp_fork(struct task *child);
void fp_reset(void);
void fp_keep(void);                // task->fp of the current task says what they are

// ---- Console of last resort, and the end ----

void machine_putc(char c);         // polled; usable before and after everything else
void machine_backtrace(const struct trapframe *tf);   // printk: of the caller, or from tf
void machine_registers(const struct trapframe *tf);

// The call chain of another hart. => false: it did not stop, and may still run
bool machine_backtrace_stopped(const struct hart *h);

// Return addresses of the caller and its callers, nearest first, then a 0.
// => how many, up to `most` (then without the 0)
u32 machine_callers(u64 *pc, u32 most);

// The same of another task, which is switched out and stays so; 0: it runs, or has gone.
u32 machine_callers_of(const struct task *t, u64 *pc, u32 most);
void machine_print_callers(const u64 *pc, u32 n);     // printk; ends at a 0 too
void machine_poweroff(int status) __attribute__((noreturn));  // QEMU exits with it
void machine_halt(void) __attribute__((noreturn));            // this hart, for good

// ---- User memory ----
//
// The current task's lower half.  Faults taken inside go the ordinary fault
// path and may sleep, except with faults off (task->faults_off > 0), where they
// end the copy.  A user range that leaves the lower half counts as bad.
// => the number of bytes NOT copied (0 = all)
u64 copy_from_user(void *dst, va_t src, u64 n);
u64 copy_to_user(va_t dst, const void *src, u64 n);
u64 zero_user(va_t dst, u64 n);

// => length without the NUL, -EFAULT, or -ENAMETOOLONG if there is none in n bytes
i64 copy_str_from_user(char *dst, va_t src, u64 n);

// Loads, stores and compare-and-swaps of one aligned u32 (futexes). => 0 or -EFAULT
int load_user_u32(u32 *v, va_t src);
int store_user_u32(va_t dst, u32 v);
int cas_user_u32(va_t dst, u32 old, u32 new, u32 *seen);   // seen == old: it is new now

va_t user_sp(void);                // the current task's stack pointer in user mode

// ---- Page primitives: as fast as the machine can ----

#ifdef __riscv
void page_zero_millicode(void);
void page_copy_millicode(void);

// They return by way of t0 and leave most registers alone, so that who does nothing else
// need not save any.
static inline void
page_zero(void *kva)
{
  register void *a0 asm("a0") = kva;
  __asm__ volatile("call t0, page_zero_millicode" : "+r"(a0) : : "t0", "t1", "memory");
}

static inline void
page_copy(void *dst, const void *src)
{
  register void *a0 asm("a0") = dst;
  register const void *a1 asm("a1") = src;
  __asm__ volatile("call t0, page_copy_millicode" : "+r"(a0), "+r"(a1) : :
                   "t0", "t1", "t2", "t3", "t4", "memory");
}
#else
void page_zero(void *kva);
void page_copy(void *dst, const void *src);
#endif
