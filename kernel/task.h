// SPDX-License-Identifier: MIT
//
// Tasks and harts.  A task is a thread of control; what it may share with
// others (space, files, position in the file system, signal state) is reached
// through counted references, as clone(2)'s flags say.

#pragma once

#include "kernel/debug/fence_ledger.h"
#include "kernel/debug/lock_order.h"
#include "kernel/list.h"
#include "kernel/lock_types.h"
#include "kernel/signal_types.h"
#include "kernel/timer.h"
#include "kernel/types.h"

struct space;
struct trapframe;
struct files;
struct fs_pos;
struct hart;

// RUNNING      is some hart's current
// RUNNABLE     is on a run queue, or on its way to one
// SLEEPING     is on a wait queue, or was just taken off it to be woken
// STOPPED      the same, waiting for SIGCONT
// ZOMBIE       has exited; only its record is left, for wait4 and /proc
// Moving: it runs nowhere, and somebody is about to put it on a queue.
enum task_state {
  TASK_RUNNABLE, TASK_RUNNING, TASK_SLEEPING, TASK_STOPPED, TASK_ZOMBIE, TASK_MOVING
};

// What may end a sleep early.
enum sleep_kind { SLEEP_SURE, SLEEP_KILLABLE, SLEEP_SIGNALS };

// Linux's resource limits; those that bound something here have names.
enum {
  RLIMIT_CPU = 0, RLIMIT_FSIZE = 1, RLIMIT_DATA = 2, RLIMIT_STACK = 3, RLIMIT_CORE = 4,
  RLIMIT_RSS = 5, RLIMIT_NOFILE = 7, RLIMIT_AS = 9, RLIMITS = 16,
};
#define LIMIT_NONE (~0UL)
struct rlimit { u64 soft, hard; };

// Of the processor, in ns, in user mode and in the kernel; and faults.
struct used { u64 user, kernel, minor, major; };

static inline void
used_add(struct used *sum, struct used u)
{
  *sum = (struct used){ sum->user + u.user, sum->kernel + u.kernel, sum->minor + u.minor,
                        sum->major + u.major };
}

// What a process is beyond its threads: exit, wait and signals work on it.
struct process {
  u64 refs;
  u32 pid;
  u32 uid, gid;
  struct task *leader;              // the thread whose tid is pid; kept until the reaping
  u64 start_time;                   // ns since boot
  u64 clock_ahead;                  // its CLOCK_MONOTONIC minus that, after a restore
  struct rlimit limits[RLIMITS];    // NOFILE's soft one: files->limit
  struct waitq child_event;         // a child changed state, or stopped threads may go on

  // Under family_lock:
  struct process *parent;           // NULL: the kernel
  u32 ppid;                         // its pid; readable without the lock
  struct list children, sibling;    // those with news for wait4 come first
  struct list threads;
  u32 nthreads;
  u32 pgid, sid;
  struct list in_group;
  int exit_status;                  // as wait4 reports it
  bool exiting;                     // all threads are to go, exit_status is set
  bool zombie;                      // all threads have gone
  bool stopped;                     // threads wait for SIGCONT on the way to user mode
  bool frozen;                      // they wait there until somebody has had a look; and so
  u32 parked;                       // many do
  struct offer *offer;              // to go on in another one's place, or NULL
  bool execed;                      // has called execve since the fork
  int death_signal;                 // to be sent when the parent has gone, or 0
  bool adopts;                      // the orphans among its descendants become its children
  bool immune;                      // to signals: init and the kernel's own tasks
  int news;                         // wait status of a stop or continue not yet reported
  struct sigpending pending;        // to the process
  u64 sig_ignored, sig_handled;     // by SIG_IGN; by a handler.  Bit n-1 for signal n
  struct sig_action *actions;       // as they were set; NULL if none ever was
  struct itimers *itimers;          // NULL if none ever was set
  struct used gone;                 // by the threads that have gone
  struct used waited;               // by the children waited for, and theirs
};

// Times in ns that somebody was told: they never go back.
struct told { u64 user, kernel; };

// Offsets of the first fields are known to the assembly (arch/riscv/offsets.h).
struct task {
  void *stack;              // lowest address of the kernel stack, KSTACK_SIZE of it
  struct trapframe *tf;     // user registers, at the very top of the kernel stack
  struct hart *hart;        // where it runs, or ran last
  struct hart *fetched;     // whose instruction fetches are coherent for it (arch)
  u32 preempt;              // > 0: not preemptible (spinlocks held)
  u32 faults_off;           // > 0: user copies end at a fault instead of taking it
  u32 resched;              // a switch is due               } one word, not 0: there is
  u32 notify;               // NOTIFY_*: before user mode    } work before user mode
  u64 context[14];          // ra sp s0..s11 of a switched-out task
  u32 fp_used;              // fp[] holds its floating-point state
  u64 fp[33];               // f0..f31, fcsr

  u32 tid;
  enum task_state state;    // under hart->lock
  bool killed;              // dying: sleeps end, allocations do not wait
  bool vforked;             // the parent waits for exec or exit; family_lock
  bool oom_victim;          // its space is being waited for; family_lock
  enum sleep_kind sleep;
  struct process *process;
  struct space *space;      // NULL for kernel tasks; others use task_space()
  struct files *files;
  struct fs_pos *fs;
  char comm[16];

  struct list run;          // on a run queue, under its lock
  struct list wait;         // on a waitq, under its lock
  struct timer timer;       // of a timed sleep
  struct list in_process;   // process->threads, under family_lock

  // Under family_lock; the task itself may read the masks without it.
  struct sigpending pending;
  u64 sig_blocked;
  u64 sig_waited;           // what sigtimedwait waits for
  u64 sig_saved;            // the mask after this call, if sig_restore
  bool sig_restore;
  struct siginfo fault;     // of the current task's own making, before all others; or signo 0

  struct sig_stack sigstack; // alternate stack; size 0: none
  i32 interrupted;          // the result of the call a signal interrupted, or 0
  struct restart restart;   // for restart_syscall
  va_t clear_tid;           // set_tid_address
  va_t robust_list;         // set_robust_list
  u64 cpu_time, mark;       // ns it has run; when it began to run
  u64 harts;                // bit n: it may run on hart n; under hart->lock
  i64 slice;                // ns it may still run before it goes to the end of the queue
  i64 quantum;              // ns that a round of the queue gives it, as nice says
  int nice;                 // NICE_MIN to NICE_MAX
  u64 user_ticks, kernel_ticks;   // what timer interrupts found it doing
  struct told told;
  u64 minor, major;         // faults
  u64 switches, preempted;  // switched out; so often though it could have gone on
  u64 fail_nth;             // this many allocations from now one fails; see failnth.h
  u64 refs;
  struct lock_record locks;
  struct ledger_record ledger;
};

// task->notify.  Whoever makes a signal pending for a task sets NOTIFY_SIGNAL
// (atomic_or) so that the way back to user mode calls signal_deliver().
enum {
  NOTIFY_SIGNAL = 1,
  NOTIFY_FRAME = 2,         // tf was replaced as a whole (exec): reload every register
  NOTIFY_WHOLE = 16,        // the call is made again because it needs every register in tf
  NOTIFY_LOAD = 8,          // load control may have suspended it: load_wait()
  NOTIFY_MEMORY = 4,        // an allocation failed for want of memory: -ENOMEM may not be final
};

struct hart {
  u32 index;                // 0..nharts-1, dense
  u32 id;                   // the SBI's name for it
  struct task *current;
  struct task *idle;
  struct spinlock lock;     // run queue
  struct list runq;
  u32 nrunnable;
  struct task *gone;        // switched away from for ever, for schedule_tail
  u64 tick;                 // time of the next tick, ~0 when idle
  struct timers timers;
  u64 user_ticks, kernel_ticks;   // what timer interrupts found it doing
  struct told told;
  // Under `lock`: tasks in wait_io that went to sleep here; its idle time while there were,
  u64 io_waits, io_idle, io_mark;      // counted up to that much of all its idle time
  u64 switches;             // from one task to another
  u64 timer_interrupts, ipis;
  u64 stopped_pc, stopped_sp;     // where, once a panic has stopped it
  u64 asid_generation;      // see pmap.c
  u64 events[56];           // vm_count
  u64 taken[8], freed[8];   // frames, by kind; preemption off
  struct { u64 n; u32 pfn[64]; } batch;   // free frames of this hart, preemption off
};

extern struct hart *harts;
extern u32 nharts;
extern u64 harts_online;    // bit i: hart index i has entered hart_main (bit 0 from boot)
static inline u64 all_harts(void) { return ~0UL >> (64 - nharts); }

extern struct task boot_task;   // static: the boot hart's first and idle task; tp from entry on
extern struct hart boot_hart;   // static: harts[0] until task_init

register struct task *current asm("tp");

// => stays true while preemption is off
static inline struct hart *this_hart(void) { return current->hart; }

static inline void
preempt_off(void)
{
  current->preempt++;
  __asm__ volatile("" ::: "memory");
}

// A switch became due while preemption was off.  => nothing with interrupts off:
// the end of the interrupt, or of the section without them, sees to it
void preempt_resched(void);

static inline void
preempt_on(void)
{
  __asm__ volatile("" ::: "memory");
  if(--current->preempt == 0 && unlikely(current->resched))
    aside(preempt_resched);
}

// ---- Scheduling ----

void schedule(void);                     // let others run; state says if this task goes on
void schedule_tail(void);                // first call of a new task, by the arch code: what
                                         // schedule() does after context_switch()
void yield(void);
void task_wake(struct task *t);          // SLEEPING -> RUNNABLE, somewhere; any context

// A task of the kernel's own; init_task: pid 1, to end in exec_kernel(). => NULL without memory
struct task *kernel_task(const char *name, void (*fn)(void *), void *arg);
struct task *init_task(void (*fn)(void *), void *arg);

void task_init(void);                    // boot: harts[] and their idle tasks
void hart_main(void);                    // entry of every hart, on its idle task
void hart_timer(void);                   // timer interrupt
void hart_ipi(void);                     // IPI
void stop_machine(void (*fn)(void *), void *arg);  // run fn with every other hart parked at a
                                                   // preemption point (no spinlock held)

// ---- Tasks by number ----


// To get or put NULL is nothing, of tasks and all that they hold.
static inline struct task *
task_get(struct task *t)
{
  if(t)
    atomic_add(&t->refs, 1);
  return t;
}

void task_put(struct task *t);
struct task *task_find(u32 tid);         // => referenced, or NULL
struct task *task_next(u32 tid);         // the first with this tid or above; referenced, or NULL
struct space *task_space(struct task *t);     // => referenced, or NULL
struct files *task_files(struct task *t);     // => referenced, or NULL
struct fs_pos *task_fs(struct task *t);       // => referenced, or NULL
struct used task_used(struct task *t);
// ns since boot: => busy; idle while no task that slept here was in wait_io, and while some was
u64 hart_busy(struct hart *h, u64 *idle, u64 *waiting);
void hart_io(struct hart *h, u64 by);                // so many more tasks are
// Of `busy` ns, how many in user mode, if so many ticks were: more than was told before.
struct told time_split(struct told *told, u64 busy, u64 user_ticks, u64 kernel_ticks);
struct used process_used(struct process *p);         // all threads
char task_letter(const struct task *t);  // R S T Z, as in /proc/<pid>/stat
void task_dump(void);                    // every task in a line of its own, by printk
extern struct spinlock family_lock;      // the process tree; taken with spin_lock_irq

// ---- Signals; see signal.c ----
//
// => any context but interrupts
void signal_raise(int sig);                        // to the current task, as from itself
bool signal_pending(void);                         // for the current task
bool signal_ignored(int sig);                      // or blocked, by the current task
void signal_deliver(void);                         // on the way to user mode; may not return
void task_exit(int status) __attribute__((noreturn));        // one thread
void process_exit(int status) __attribute__((noreturn));     // all; status as wait4 reports it

// The init task's last act: become the program at path.  => -errno, or never
int exec_kernel(const char *path, const char *const *argv, const char *const *envp);

// ---- What a trap calls ----
i64 syscall_dispatch(u64 nr, const u64 *args);     // => a0
void user_fault_signal(int sig, int code, va_t addr);   // SIGSEGV &c. to the current task

#include "kernel/lock.h"    // its inline functions need struct task
