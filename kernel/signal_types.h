// SPDX-License-Identifier: MIT
//
// What tasks and processes remember of signals.  The calls are in task.h, and
// for the files about signals in signal.h.

#pragma once

#include "kernel/list.h"
#include "kernel/types.h"

// What a program is told with a signal: Linux's siginfo_t, of which the rest is
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

// As rt_sigaction has it.
struct sig_action { u64 handler, flags, mask; };

// As sigaltstack has it.
struct sig_stack {
  va_t sp;
  u32 flags;
  u64 size;
};

// Signals that wait to be taken.
enum { SIGQUEUE_MAX = 1024 };    // real-time signals that may wait in one set
struct sigpending {
  u64 set;                 // bit n-1 for signal n
  struct list queue;       // what is known of them, in the order they came
  u32 n;                   // entries in it
};

// How a system call goes on that a signal interrupted, if no handler ran.
struct restart {
  i64 (*fn)(const struct restart *);
  u64 deadline;            // ns since boot
  va_t va;                 // nanosleep: where the rest goes; sigtimedwait: the siginfo; futex:
  u32 value;               // the word, and what it was
  u64 bits;                // futex: private; sigtimedwait: the set
};
