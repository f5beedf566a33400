// SPDX-License-Identifier: MIT
//
// What the unit tests see of the host layer.
//
// Every test runs in a process of its own: a fresh machine is booted there with
// the frames and harts it asks for, the test runs, and at its end every frame it
// took must be back and vm_check must find no lie.  A panic of the kernel, a
// failed assertion and a sanitizer's report all end that process.

#pragma once

#include <setjmp.h>
#include <stdint.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <machine.h>
#include <pmap.h>
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/check.h"
#include "mm/frame.h"
#include "mm/space.h"

// ---- Tests (boot.c) ----

struct host_test {
  void (*fn)(void);
  u64 frames;          // free at the start, about; 0 = 1024
  u32 harts;           // 0 = 1
  u32 asid_bits;       // that the hardware keeps; 0 = 16, NO_ASIDS = none
  u64 seed;            // 0 = 1
  u64 keeps;           // frames the kernel takes for good meanwhile
  bool bare;           // without frame table, page tables, caches
  bool reaper;         // start it
};
enum { NO_ASIDS = 255, HOST_HARTS = 8 };

#define TEST(f, ...) \
  { #f, host_run, NULL, NULL, &(struct host_test){ .fn = f, __VA_ARGS__ } }

void host_run(void **state);

// Run fn in a further process that must end by a panic (or another failure) that
// says `text`.  => only before other tasks have been started
void expect_death(void (*fn)(void), const char *text);

u64 host_random(void);                   // a sequence fixed by the test's seed
static inline u64 below(u64 n) { return host_random() % n; }
u64 host_rounds(u64 n);                  // n, or more if ROUNDS is in the environment

u64 free_frames(void);                   // in the buddy and in batches, nothing cached elsewhere

void expect_no_lies(void);               // vm_check

// => the lies that one part of the checker finds
static inline u64
lies_of(void (*part)(void))
{
  u64 before = lies_told;
  part();
  return lies_told - before;
}

// Messages of the kernel since the last host_log_clear.
bool host_log_has(const char *text);
void host_log_clear(void);
extern u32 oom_kills;                    // times the OOM killer was called
extern bool (*oom_killer)(void);         // what it does; NULL: finds nobody

// ---- Harts and tasks (tasks.c) ----

// The caller goes on as the task of that hart.  => only before host_spawn
void on_hart(u32 hart);
void run_space(struct space *s);         // on this hart; NULL: the kernel's map only
void leave_space(struct space *s);       // every hart that runs it; => only before host_spawn

// A task on a hart of its own that runs at the same time as the others: one of
// them goes on at a time, and hands over where it waits and, one time in
// `preemption`, before every atomic operation, lock, fence and user access.
void host_spawn(u32 hart, void (*fn)(void *), void *arg);
void host_join(void);                    // all that were spawned have ended
extern u32 preemption;                   // 0 = only where it waits
void preemption_point(void);
void switch_at(u64 n);                   // once, at the nth of these points from now on; 0 = never
bool switched(void);                     // has that come?
void holds_nothing(void);                // no lock held; else a panic

// ---- User memory (mmu.c) ----

// What a program's load or store does: TLB, walk, fault, and again. => FAULT_OK
// and where the bytes are, or how the fault ended
enum fault user_touch(va_t va, enum access how, void **kva);
enum fault user_load(va_t va, u64 *value);
enum fault user_store(va_t va, u64 value);
void set_user_sp(va_t va);               // 0 at first: no stack is too far to grow

// What the hardware makes of an access without the kernel's help. => NULL: it faults
void *mmu_translate(va_t va, enum access how, bool user);

struct mmu {
  bool cache_invalid;      // entries that are not valid are cached too
  bool speculate;          // walks for addresses nobody asked for
  bool svade;              // A and D are left to the kernel
  // What the hardware forgets to do: tests of the tests.
  bool skip_local, skip_remote, skip_asid, skip_upper;
  u64 fences, remote_fences, walks, exec_fences;
  u64 told;                    // harts that were in a remote fence's mask
};
extern struct mmu mmu;

// ---- Failing allocations (inject.c) ----

// The kth only, and the reaper is asked and it is tried again; or all from there on, for a
// task that is being killed, which does not wait.
enum { FAIL_ONCE, FAIL_ON };
void fail_allocation(u64 k, int how);    // counted from 1; 0 = none
bool allocation_failed(void);            // has one been refused since the last k > 0?
