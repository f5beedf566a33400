// SPDX-License-Identifier: MIT
//
// What a trap means: system calls and most page faults have gone their own way in
// trap.S; here are interrupts, the other page faults and the program errors that
// become signals.  A fault of the kernel itself is legal in one place only, the user
// copies of uaccess.S.

#include <machine.h>
#include "kernel/ksym.h"
#include "kernel/printk.h"
#include "kernel/errno.h"
#include "kernel/load.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "mm/reaper.h"
#include "mm/space.h"
#include "mm/vmap.h"
#include "csr.h"
#include "harts.h"
#include "plic.h"
#include "trap.h"

// ---- Interrupts ----

static void
interrupt(u64 cause)
{
  lock_interrupt(true);
  switch(cause & ~CAUSE_INTERRUPT){
  case INTERRUPT_TIMER:
    this_hart()->timer_interrupts++;
    hart_timer();                  // sets the next one: that ends this one
    break;
  case INTERRUPT_EXTERNAL:
    plic_interrupt();
    break;
  case INTERRUPT_SOFTWARE:
    csr_clear(sip, SIE_SSIE);
    this_hart()->ipis++;
    machine_stop_check();
    hart_ipi();
    break;
  default:
    panic("interrupt %lu, which was never enabled", cause & ~CAUSE_INTERRUPT);
  }
  lock_interrupt(false);
}

bool
machine_interrupted_user(void)
{
  return !(csr_read(sstatus) & SSTATUS_SPP);
}

// ---- Page faults ----

static inline bool
is_page_fault(u64 cause)
{
  return cause == CAUSE_STORE_PAGE || cause == CAUSE_LOAD_PAGE || cause == CAUSE_FETCH_PAGE;
}

static inline enum access
access_of(u64 cause)
{
  if(cause == CAUSE_STORE_PAGE)
    return ACCESS_WRITE;
  return cause == CAUSE_FETCH_PAGE ? ACCESS_EXEC : ACCESS_READ;
}

static void
fault_signal(enum fault result, va_t va)
{
  static const struct { int signal, code; } signals[] = {
    [FAULT_MAPERR] = { SIGSEGV, SEGV_MAPERR },
    [FAULT_ACCERR] = { SIGSEGV, SEGV_ACCERR },
    [FAULT_ADRERR] = { SIGBUS, BUS_ADRERR },
    [FAULT_IO] = { SIGBUS, BUS_ADRERR },
    [FAULT_OOM] = { SIGKILL, 0 },
  };
  user_fault_signal(signals[result].signal, signals[result].code, va);
}

// ---- From user mode ----

static __attribute__((noinline)) void    // off the path of page faults
user_exception(struct trapframe *tf, u64 cause, va_t stval)
{
  switch(cause){
  case CAUSE_ILLEGAL:
    if(!fp_enable())
      user_fault_signal(SIGILL, ILL_ILLOPC, tf->pc);
    break;
  case CAUSE_BREAKPOINT:
    user_fault_signal(SIGTRAP, TRAP_BRKPT, tf->pc);
    break;
  case CAUSE_FETCH_MISALIGNED:
  case CAUSE_LOAD_MISALIGNED:
  case CAUSE_STORE_MISALIGNED:
    user_fault_signal(SIGBUS, BUS_ADRALN, stval);
    break;
  case CAUSE_FETCH_ACCESS:
  case CAUSE_LOAD_ACCESS:
  case CAUSE_STORE_ACCESS:
    user_fault_signal(SIGSEGV, SEGV_ACCERR, stval);
    break;
  default:
    user_fault_signal(SIGILL, ILL_ILLTRP, tf->pc);
  }
}

#ifdef DEBUG
bool
fault_at_once_checked(struct space *s, va_t va, enum access access)
{
  bool done = vm_fault_at_once(s, va, access);
  lock_none_held();
  ledger_settle();
  return done;
}
#endif

// Of page faults those that vm_fault_at_once() has had.
void
trap_user(struct trapframe *tf, u64 cause, va_t stval)
{
  if(is_page_fault(cause)){
    intr_restore(true);
    enum fault result = vm_fault_rest(current->space, stval, access_of(cause));
    lock_none_held();
    ledger_settle();
    if(unlikely(result != FAULT_OK))
      fault_signal(result, stval);
    intr_save();
  } else if(cause & CAUSE_INTERRUPT){
    interrupt(cause);
  } else {
    intr_restore(true);
    user_exception(tf, cause, stval);
    intr_save();
  }
}

// All that has to happen before user mode.  What a pass finds to do may leave
// more behind.
void
trap_user_work(void)
{
  while(current->resched | current->notify){
    intr_restore(true);
    if(current->resched)
      schedule();
    u32 notify = atomic_swap(&current->notify, 0);
    if(notify & NOTIFY_LOAD)
      load_wait();
    if(notify & NOTIFY_SIGNAL && signal_pending())
      signal_deliver();
    intr_save();
  }
}

// A system call ended with this result; the arguments are still in the frame.
// => the number of the call to make now in its place, or -1: on to user mode
i64
trap_interrupted(struct trapframe *tf, i64 result)
{
  struct task *t = current;
  if(result == -EFRAME)
    return (i64)tf->a[7];
  if(result == -ENOMEM && atomic_and(&t->notify, ~(u32)NOTIFY_MEMORY) & NOTIFY_MEMORY){
    intr_restore(true);
    bool again = !t->killed && memory_reclaim();
    intr_save();
    if(again)
      return (i64)tf->a[7];          // nothing was done, so it can be made again
  }
  if(result != -EINTR && result != -ENOHANDLER && result != -ERESTART){
    tf->a[0] = (u64)result;
    trap_user_work();
    return -1;
  }
  tf->pc -= 4;                     // as if it had not been made
  t->interrupted = (i32)result;
  trap_user_work();
  if(t->interrupted == 0)
    return -1;                     // a handler comes first, and settled it
  t->interrupted = 0;
  tf->pc += 4;
  return result == -ERESTART ? SYS_restart_syscall : (i64)tf->a[7];
}

// ---- From the kernel ----

// One range of uaccess.S.
struct fixup { va_t from, to, where; };

// Where to go on after a fault in a user copy. => 0 if pc is in none
static va_t
fixup_find(va_t pc)
{
  extern const struct fixup __fixups_start[], __fixups_end[];
  for(const struct fixup *f = __fixups_start; f < __fixups_end; f++)
    if(pc >= f->from && pc < f->to)
      return f->where;
  return 0;
}

// => true if the fault was a user copy's: tf says where to go on.
static bool
user_copy_fault(struct trapframe *tf, u64 cause, va_t stval)
{
  va_t fixup = fixup_find(tf->pc);
  if(fixup == 0 || stval >= USER_MAX)
    return false;
  if(current->faults_off == 0 && is_page_fault(cause)){
    assert(current->preempt == 0 && current->space != NULL);
    intr_restore(tf->status & SSTATUS_SPIE);
    enum fault result = vm_fault(current->space, stval, access_of(cause));
    intr_save();
    if(likely(result == FAULT_OK))
      return true;
    if(result == FAULT_OOM)
      fault_signal(result, stval);
  }
  tf->pc = fixup;
  return true;
}

void
trap_kernel(struct trapframe *tf, u64 cause, va_t stval)
{
#ifdef DEBUG
  csr_clear(sstatus, SSTATUS_SUM);
#endif
  if(cause & CAUSE_INTERRUPT){
    interrupt(cause);
    if(current->preempt == 0 && current->resched)
      schedule();
  } else if(!user_copy_fault(tf, cause, stval)){
    trap_panic(tf, cause, stval);
  }
}

void
trap_stack_overflow(struct trapframe *tf, va_t stval)
{
  struct ksym in;
  ksym(tf->pc, &in);
  panic_trap(tf, "kernel stack overflow in %s: sp %lx is below the stack at %p%s",
             in.name, tf->sp, current->stack,
             kstack_guard_hit(stval) ? " (guard page hit)" : "");
}
