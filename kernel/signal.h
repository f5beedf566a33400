// SPDX-License-Identifier: MIT
//
// Linux's signal numbers and codes, and what the files about process life share
// of signals.  The calls for everybody are in task.h.

#pragma once

#include "kernel/types.h"

struct process;
struct task;

enum {
  SIGHUP = 1, SIGINT = 2, SIGQUIT = 3, SIGILL = 4, SIGTRAP = 5, SIGABRT = 6,
  SIGBUS = 7, SIGFPE = 8, SIGKILL = 9, SIGUSR1 = 10, SIGSEGV = 11, SIGUSR2 = 12,
  SIGPIPE = 13, SIGALRM = 14, SIGTERM = 15, SIGSTKFLT = 16, SIGCHLD = 17,
  SIGCONT = 18, SIGSTOP = 19, SIGTSTP = 20, SIGTTIN = 21, SIGTTOU = 22,
  SIGURG = 23, SIGXCPU = 24, SIGXFSZ = 25, SIGVTALRM = 26, SIGPROF = 27,
  SIGWINCH = 28, SIGIO = 29, SIGPWR = 30, SIGSYS = 31,
  SIGNALS = 64,             // the largest; from 32 on they have no names
};

// si_code
enum {
  ILL_ILLOPC = 1, ILL_ILLTRP = 4, SEGV_MAPERR = 1, SEGV_ACCERR = 2,
  BUS_ADRALN = 1, BUS_ADRERR = 2, TRAP_BRKPT = 1,
  CLD_EXITED = 1, CLD_KILLED = 2, CLD_STOPPED = 5, CLD_CONTINUED = 6,
};

// sigaction's handlers that are none
enum { SIG_DFL = 0, SIG_IGN = 1 };

// What a process is told with a signal: Linux's siginfo_t, of which the rest is
// zero (SIGINFO_SIZE).  Which fields mean something depends on signo and code.
struct siginfo {
  i32 signo, err, code, pad;
  union {
    struct {
      u32 pid, uid;                  // of the sender or child
      union { u64 value; i32 status; };
      u64 utime, stime;              // of a child, in clock ticks
    };
    va_t addr;                       // of a fault
  };
};
enum { SIGINFO_SIZE = 128 };

// SIGCHLD's, for a status as wait4 tells it.
void siginfo_child(struct siginfo *si, u32 pid, u32 uid, int status);

static inline u64 signal_bit(int sig) { return 1UL << (sig - 1); }

// => these with family_lock held
void signal_send_locked(struct process *p, int sig);
void signal_send_task_locked(struct task *t, int sig);
bool signal_permitted(const struct process *p);    // may the current task send to it?

// All threads but `spare` are to go; and with them the process, with this status
// for its parent, unless it is ending already.
void threads_kill_locked(struct process *p, const struct task *spare);
void process_kill_locked(struct process *p, int status, const struct task *spare);

void signal_block(u64 set);                        // the current task's mask
void signal_ignore(int sig, bool ignore);          // of the current process

// Signals whose default is to do nothing; that stop; that cannot be refused.
#define SIGNALS_HARMLESS \
  (signal_bit(SIGCHLD) | signal_bit(SIGCONT) | signal_bit(SIGURG) | signal_bit(SIGWINCH))
#define SIGNALS_STOP \
  (signal_bit(SIGSTOP) | signal_bit(SIGTSTP) | signal_bit(SIGTTIN) | signal_bit(SIGTTOU))
#define SIGNALS_FORCED (signal_bit(SIGKILL) | signal_bit(SIGSTOP))
