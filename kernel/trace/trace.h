// SPDX-License-Identifier: MIT
//
// Trace points: places in the kernel that write down what happens there, while
// somebody wants to know.  One that is off is one instruction that does nothing.
//
//   trace(WAKE, t, hart)     on as long as `wake` is among the events chosen
//
// A point gives what it has in registers anyway; trace_hit() looks up the rest.

#pragma once

#include <machine.h>
#include "kernel/types.h"

// What points give => how it is shown.  The part of a name before _ stands for all that
// begin with it.
#define TRACE_EVENTS(X) \
  X(SYS_ENTER, sys_enter, "NR %lu (%lx, %lx, %lx)")     /* see syscall_traced() */ \
  X(SYS_EXIT, sys_exit, "NR %lu = %ld") \
  X(ARG_MORE, arg_more, "%lx %lx %lx")                  /* of a call: the other arguments */ \
  X(ARG_DATA, arg_data, "%lx %lx %lx %lx")              /* see arguments_hit() */ \
  X(FAULT_ENTER, fault_enter, "addr=%lx access=%c")     /* address, enum access */ \
  X(FAULT_KIND, fault_kind, "addr=%lx kind=%s")         /* page, entry; more: vm_event */ \
  X(FAULT_EXIT, fault_exit, "addr=%lx result=%lu")      /* page, enum fault */ \
  X(MAP, map, "addr=%lx pages=%lu pfn=%lx")             /* page + their number, first */ \
  X(UNMAP, unmap, "from=%lx to=%lx pages=%lu pid=%lu")  /* gather */ \
  X(FRAME_ALLOC, frame_alloc, "pfn=%lx kind=%s")        /* frame, its kind */ \
  X(FRAME_FREE, frame_free, "pfn=%lx kind=%s")          /* frame, what its word was */ \
  X(EVICT, evict, "pfn=%lx slot=%lx")                   /* frame */ \
  X(SWAP_IN, swap_in, "slot=%lx pages=%lu") \
  X(SWAP_OUT, swap_out, "slot=%lx pages=%lu") \
  X(FORK, fork, "child=%lu flags=%lx") \
  X(EXEC, exec, "entry=%lx") \
  X(EXIT, exit, "status=%lx") \
  X(SIGNAL, signal, "sig=%lu code=%ld addr=%lx value=%lx")  /* siginfo; sender: uid pid */ \
  X(OOM_KILL, oom_kill, "pid=%lu score=%lu") \
  X(SUSPEND, suspend, "pid=%lu on=%lu") \
  X(SWITCH, switch, "state=%c next=%lu")                /* task, task */ \
  X(WAKE, wake, "tid=%lu hart=%lu")                     /* task, hart */ \
  X(BLOCK_ISSUE, block_issue, "%s %c sector=%lu bytes=%lu")  /* device, request */ \
  X(BLOCK_DONE, block_done, "%s %c sector=%lu error=%ld")    /* device, request */ \
  X(LOCK_WAIT, lock_wait, "%s %lx")                     /* name, lock */ \
  X(LOCK_GOT, lock_got, "%s %lx")

enum trace_event {
#define X(id, name, format) TRACE_##id,
  TRACE_EVENTS(X)
#undef X
  TRACE_EVENT_COUNT
};
#define TRACE_OF_CALLS (1U << TRACE_SYS_ENTER | 1U << TRACE_SYS_EXIT | \
                        1U << TRACE_ARG_MORE | 1U << TRACE_ARG_DATA)

#define trace(event, a, b) trace_with(event, 0, a, b)
#define trace_with(event, more, a, b) \
  machine_point(TRACE_##event | (more) << TRACE_MORE_SHIFT, (u64)(a), (u64)(b))
enum { TRACE_MORE_SHIFT = 8 };

// In place of syscall_dispatch while system calls are traced; trap.S.
i64 syscall_traced(u64 nr, const u64 *args);

// A file's text (/proc/trace): see struct proc_entry.
struct text;
bool next_trace(struct text *t, u64 *cursor);

// Which events, by name: "fault,switch", "all", "off"; "free" gives the memory back too.
// The other way round: all names, those chosen in brackets.
// => 0; -EINVAL: no such name; -ENOMEM: no memory for the rings
int trace_choose(const char *names);
void trace_chosen(struct text *t);

// The end of the trace, by printk, for a panic: takes no locks.
void trace_print_last(u32 lines);
