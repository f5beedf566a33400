// SPDX-License-Identifier: MIT
//
// Linux's signal numbers and codes, and what the files about process life share
// of signals.  The calls for everybody are in task.h.

#pragma once

#include "kernel/task.h"
#include "kernel/types.h"

enum {
  SIGHUP = 1, SIGINT = 2, SIGQUIT = 3, SIGILL = 4, SIGTRAP = 5, SIGABRT = 6,
  SIGBUS = 7, SIGFPE = 8, SIGKILL = 9, SIGUSR1 = 10, SIGSEGV = 11, SIGUSR2 = 12,
  SIGPIPE = 13, SIGALRM = 14, SIGTERM = 15, SIGSTKFLT = 16, SIGCHLD = 17,
  SIGCONT = 18, SIGSTOP = 19, SIGTSTP = 20, SIGTTIN = 21, SIGTTOU = 22,
  SIGURG = 23, SIGXCPU = 24, SIGXFSZ = 25, SIGVTALRM = 26, SIGPROF = 27,
  SIGWINCH = 28, SIGIO = 29, SIGPWR = 30, SIGSYS = 31,
  SIGRTMIN = 32, SIGNALS = 64,      // real-time signals: none is lost; the largest
};

// si_code
enum {
  ILL_ILLOPC = 1, ILL_ILLTRP = 4, SEGV_MAPERR = 1, SEGV_ACCERR = 2,
  BUS_ADRALN = 1, BUS_ADRERR = 2, TRAP_BRKPT = 1,
  SI_USER = 0, SI_KERNEL = 0x80, SI_QUEUE = -1, SI_TKILL = -6,
  CLD_EXITED = 1, CLD_KILLED = 2, CLD_STOPPED = 5, CLD_CONTINUED = 6,
};

// sigaction's handlers that are none
enum { SIG_DFL = 0, SIG_IGN = 1 };

// SIGCHLD's, for a status as wait4 tells it.
void siginfo_child(struct siginfo *si, u32 pid, u32 uid, int status);

// sigaction's flags
enum {
  SA_NOCLDSTOP = 1, SA_NOCLDWAIT = 2, SA_SIGINFO = 4, SA_EXPOSE_TAGBITS = 0x800,
  SA_ONSTACK = 0x08000000, SA_RESTART = 0x10000000, SA_NODEFER = 0x40000000,
};
#define SA_RESETHAND 0x80000000UL
#define SA_KNOWN (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_EXPOSE_TAGBITS | SA_ONSTACK | \
                  SA_RESTART | SA_NODEFER | SA_RESETHAND)

// sigaltstack's flags
enum { SS_ONSTACK = 1, SS_DISABLE = 2, SIGSTACK_MIN = 2048 };
#define SS_AUTODISARM (1U << 31)

static inline u64 signal_bit(int sig) { return 1UL << (sig - 1); }

// ---- signal.c: sending.  All with family_lock held ----

// To thread t of p, or if that is NULL, to any. => 0, or -EAGAIN: no room for a
// real-time signal that a program sends
int signal_send_locked(struct process *p, struct task *t, const struct siginfo *si);
void signal_send_kernel(struct process *p, int sig);
int signal_send_group_locked(u32 pgid, int sig);   // => 0, -ESRCH for an empty group
bool signal_permitted(const struct process *p);    // may the current task send to it?

// All threads but `spare` are to go; and with them the process, with this status
// for its parent, unless it is ending already.
void threads_kill_locked(struct process *p, const struct task *spare);
void process_kill_locked(struct process *p, int status, const struct task *spare);

// Threads have to look at what is pending for the process: who should have taken
// it has gone, or blocks it now.
void signals_retell(struct process *p);

// What is pending of the set is forgotten, for the process and its threads.
void signals_flush(struct process *p, u64 set);

void signal_tell(struct task *t, enum sleep_kind kind);   // look at your signals

// ---- sigdeliver.c: receiving; of the current task ----

u64 signals_deliverable(const struct task *t);     // family_lock
void signal_block(u64 set);                        // the mask

// Another mask for the time of one system call, which gives its result to
// signal_mask_back(): if a signal ended it, the handler runs under that mask still.
int signal_mask_for_call(va_t set, u64 size);
i64 signal_mask_back(i64 result);

// ---- sigaction.c ----

// As rt_sigaction; of the current process. => 0 or -ENOMEM
int signal_set_action(int sig, const struct sig_action *act, struct sig_action *old);
int signal_fork(struct process *child, const struct process *parent);  // => 0 or -ENOMEM
void signal_exec(struct task *t);                  // handlers are no more
u64 signals_dropped(const struct process *p);      // which do nothing when they come
bool signal_has_flag(const struct process *p, int sig, u64 flag);      // SA_*

// ---- How calls go on: sys_time.c, futex.c ----

i64 sleep_on(const struct restart *r);
i64 wait_on_until(const struct restart *r);
i64 sigwait_on(const struct restart *r);

// ---- sys_signal.c ----

void signal_start(void);                           // boot
int signal_map_trampoline(struct space *s, va_t va);  // va 0: anywhere. => 0 or as vm_map

// ---- sigpending.c ----

struct queued {            // what is known of a signal that waits
  struct list link;
  struct siginfo info;
};

void sigpending_init(struct sigpending *q);
int sigpending_add(struct sigpending *q, const struct siginfo *si);    // => 0 or -EAGAIN
bool sigpending_take(struct sigpending *q, u64 set, struct siginfo *si);
void sigpending_flush(struct sigpending *q, u64 set);

// ---- arch: sigframe.c ----

// Make the frame of the current task enter act's handler, its old state, and mask
// to return to, on the user's stack. => 0 or -EFAULT, nothing changed
int sigframe_push(const struct siginfo *si, const struct sig_action *act, u64 mask);

// Back from a handler. => 0, *mask to be set; or -EFAULT, nothing changed
int sigframe_pop(u64 *mask);

// The call that was interrupted is not made again: it returns this.
void tf_end_call(struct trapframe *tf, i64 result);

// Code that makes the call rt_sigreturn, for handlers to return to.
extern const u32 sigframe_trampoline[2];

// ---- sigstack.c: of the current task, whose stack pointer is sp ----

va_t sigstack_top(const struct sig_action *act, va_t sp);  // where a handler's frame goes below
bool sigstack_overflows(va_t sp, va_t frame);      // the frame leaves the alternate stack
void sigstack_disarm(void);                        // a handler begins
struct sig_stack sigstack_get(va_t sp);             // as sigaltstack tells it
int sigstack_set(const struct sig_stack *new, va_t sp);    // => 0, -EPERM, -EINVAL, -ENOMEM

// Signals whose default is to do nothing; that stop; that cannot be refused.
#define SIGNALS_HARMLESS \
  (signal_bit(SIGCHLD) | signal_bit(SIGCONT) | signal_bit(SIGURG) | signal_bit(SIGWINCH))
#define SIGNALS_STOP \
  (signal_bit(SIGSTOP) | signal_bit(SIGTSTP) | signal_bit(SIGTTIN) | signal_bit(SIGTTOU))
#define SIGNALS_FORCED (signal_bit(SIGKILL) | signal_bit(SIGSTOP))

// What a program's own error makes; taken before the others.
#define SIGNALS_SYNCHRONOUS \
  (signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGILL) | signal_bit(SIGTRAP) | \
   signal_bit(SIGFPE) | signal_bit(SIGSYS))
