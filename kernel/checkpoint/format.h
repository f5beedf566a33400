// SPDX-License-Identifier: MIT
//
// What is in a checkpoint file; docs/checkpoint.md says it in words.  Little endian.
// Known to the kernel and, by user/checkpoint.h, to programs; it knows nothing but u32
// and u64.
//
//   page 0      the header, written last
//   page 1 ...  the pages of memory that this file holds
//   then        a checksum of each of these, the runs, the records

#pragma once

#define CK_MAGIC "quireCKP"
enum { CK_VERSION = 4, CK_PAGE = 4096, CK_NAME = 256, CK_FILES_MAX = 256 };

// Where something is in the file, and its checksum.
struct ck_part { u64 offset, bytes, sum; };

struct ck_header {
  char magic[8];
  u32 version, bytes;              // of this structure
  u64 id, parent_id;               // drawn at random; of the file before this one, or 0
  u64 size, pages;                 // bytes of the file; pages of memory in it
  struct ck_part sums, runs, records;
  u64 time;                        // when it was taken, ns since 1970
  u32 pid, depth;                  // depth: how many files it needs besides
  char name[16];                   // the program's
  char parent[CK_NAME];            // the file before this one, from the directory of this one
  u64 sum;                         // of all above
};

// Pages of memory that are neighbours in a file too: page `at`, counted from the file's
// start, of the file that is `file` steps before this one.  Those of a process stand
// together, ordered by address; zero pages of anonymous memory are in none.
struct ck_run { u64 va; u32 pages, file; u64 at; };

// ---- Records: what the kernel says of processes, and wants to hear again ----
//
// A process's own is followed by all others about it; parents come before their children.
// Things that processes may share have numbers, which say nothing but that two are the same.

enum {
  CK_PROCESS = 1, CK_TASK = 2, CK_AREA = 3, CK_FILE = 4, CK_SIGNAL = 5, CK_PIPE = 6, CK_LOCK = 7,
};

// In front of each; `bytes` with itself and with the NUL-ended path that may be at the
// end, a multiple of 8.
struct ck_record { u32 type, bytes; };

enum { CK_LIMITS = 16, CK_ACTIONS = 64, CK_TIMERS = 3 };
enum { CK_RUNS, CK_STOPPED, CK_ZOMBIE };

struct ck_process {
  struct ck_record record;
  u32 pid, ppid, pgid, sid;
  u32 state, status;               // status: for wait4, of a zombie or a stop not told yet; or 0
  u32 uid, gid, umask, threads;
  u64 brk_start, brk, mmap_top, stack_limit, size_max, heap_max, trampoline;
  u64 stack_start, arg_start, arg_end, env_start, env_end;
  u32 future, oom_adj;
  u64 ignored, handled;
  u64 limits[CK_LIMITS][2];
  u64 actions[CK_ACTIONS][3];      // handler, flags, mask
  u64 timers[CK_TIMERS][2];        // of setitimer: ns left, 0: off; interval
  u64 clock;                       // CLOCK_MONOTONIC, as it sees it
  u64 first_run, nruns;            // its pages, among the file's runs; the kernel leaves that open
  u64 frozen_ns;                   // how long it stood still for this
  u64 exe, last;                   // offsets in `path`
  char path[];                     // the current directory; at exe its program's file; at last
                                   // the file where it was last saved.  Each may be empty
};

struct ck_task {
  struct ck_record record;
  u32 tid, fp_used;
  u64 regs[32];                    // pc, x1 .. x31
  u64 fp[33];                      // f0 .. f31, fcsr
  u64 blocked, pending, saved;     // saved: what it blocks after the call, if `masked`
  u64 stack_sp, stack_flags, stack_size;
  u64 clear_tid, robust_list;
  u32 interrupted, masked;         // the error of the call it is in, or 0; with a mask for that
  u32 restart_value;               // how that goes on after ERESTART: see restart_syscall
  u32 nice;                        // -20 to 19
  u64 restart_left, restart_va, restart_bits;   // left: ns until it would end; ~0: for ever
  char name[16];
};

enum { CK_ANONYMOUS, CK_OF_FILE, CK_TRAMPOLINE };

struct ck_area {
  struct ck_record record;
  u64 start, end, offset;
  u32 prot, flags;                 // PROT_, the kernel's AREA_
  u32 kind, open;                  // open: as for ck_file
  u64 size, mtime;                 // of a file that is mapped privately: it must be the same
  u64 shared;                      // number of the anonymous memory it shares, or 0
  char path[];
};

enum { CK_REGULAR, CK_DIRECTORY, CK_TERMINAL, CK_NULL, CK_END_OF_PIPE };

struct ck_file {
  struct ck_record record;
  u32 fd, kind, open, cloexec;     // open: as for open(2)
  u64 number;                      // of the open file
  u64 pos;                         // of a pipe: its number, as in /proc
  char path[];
};

struct ck_pipe {                   // what is in a pipe; once for all who have it
  struct ck_record record;
  u64 number, bytes;
  char data[];
};

struct ck_lock {                   // on bytes, by the process or the open file; or on a whole file
  struct ck_record record;
  u32 fd, kind, type, pad;         // the kernel's LOCK_, F_RDLCK or F_WRLCK
  u64 first, last;
};

struct ck_signal {                 // one that waits to be taken
  struct ck_record record;
  u32 tid, pad;                    // 0: by the process
  u64 info[6];                     // as the kernel keeps it
};

// ---- freeze(pid, why, room, flags) ----

#define CK_REMEMBER 1UL            // an increment may follow
#define CK_TREE     2UL            // with all its descendants
#define CK_STAY     4UL            // until the descriptor is closed they stand still; without
                                   // CK_REMEMBER changes count no more
#define CK_LOOK     8UL            // only look: they run on, and there are but records; with
                                   // CK_STAY they stand still, and there is nothing

// ---- Frozen processes as a file: pread(fd, buf, n, process * CK_NEXT + one of these + ...) ----

#define CK_RECORDS 0UL             // the records
#define CK_MAP     (1UL << 40)     // 8 * page number: entries as in /proc/<pid>/pagemap
#define CK_MEMORY  (1UL << 41)     // address: the memory
#define CK_NEXT    (1UL << 42)

// Beside Linux's bits in a map: the page has changed since the process was last saved.
#define CK_CHANGED (1UL << 55)

// ---- restore(plan) => a descriptor for become(descriptor, keep, how) ----

#define CK_STOP 1UL                // it waits for SIGCONT before it goes on
#define CK_TELL 2UL                // and its parent is told so

struct ck_shared { u64 number, at; };  // memory to be shared, where the caller has it

struct ck_plan {
  u64 files;                       // int[]: of a chain, the newest first
  u64 name, name_bytes;            // what is said of the newest when it is written, or 0
  u64 why, room;                   // for a reason
  u64 shared;                      // struct ck_shared[]
  u64 clock;                       // of the caller: then theirs went on
  u32 nfiles, nshared;
  u32 process, pad;                // which one: as many are before it
};

// Of n bytes, a multiple of 8.  Each step is a bijection of what came before, so no
// single word can change unnoticed.
static inline u64
ck_sum_on(u64 h, const void *data, u64 n)
{
  const u64 *p = data;
  for(u64 i = 0; i < n / 8; i++){
    h = (h ^ p[i]) * 0x9e3779b97f4a7c15UL;
    h ^= h >> 29;
  }
  return h;
}

static inline u64 ck_sum(const void *data, u64 n) { return ck_sum_on(n, data, n); }
