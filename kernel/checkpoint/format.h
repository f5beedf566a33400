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
enum { CK_VERSION = 1, CK_PAGE = 4096, CK_NAME = 256, CK_FILES_MAX = 256 };

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
// start, of the file that is `file` steps before this one.  Ordered by address; zero pages
// of anonymous memory are in none.
struct ck_run { u64 va; u32 pages, file; u64 at; };

// ---- Records: what the kernel says of a process, and wants to hear again ----

enum { CK_PROCESS = 1, CK_TASK = 2, CK_AREA = 3, CK_FILE = 4, CK_SIGNAL = 5 };

// In front of each; `bytes` with itself and with the NUL-ended path that may be at the
// end, a multiple of 8.
struct ck_record { u32 type, bytes; };

enum { CK_LIMITS = 16, CK_ACTIONS = 64 };

struct ck_process {
  struct ck_record record;
  u32 pid, uid, gid, umask, threads, dumpable;
  u64 brk_start, brk, mmap_top, stack_limit, size_max, heap_max, trampoline;
  u64 arg_start, arg_end, env_start, env_end;
  u32 future, oom_adj;
  u64 ignored, handled;
  u64 limits[CK_LIMITS][2];
  u64 actions[CK_ACTIONS][3];      // handler, flags, mask
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
  u64 blocked, pending;
  u64 stack_sp, stack_flags, stack_size;
  u64 clear_tid, robust_list;
  u32 restarts, restart_value;     // it is in a call that goes on: see restart_syscall
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
  char path[];
};

enum { CK_REGULAR, CK_DIRECTORY, CK_TERMINAL, CK_NULL };

struct ck_file {
  struct ck_record record;
  u32 fd, same;                    // same: a lower descriptor of the same open file, or fd
  u32 kind, open, cloexec, pad;    // open: as for open(2)
  u64 pos;
  char path[];
};

struct ck_signal {                 // one that waits to be taken
  struct ck_record record;
  u32 tid, pad;                    // 0: by the process
  u64 info[6];                     // as the kernel keeps it
};

// ---- A frozen process as a file: pread(fd, buf, n, one of these + ...) ----

#define CK_RECORDS 0UL             // the records
#define CK_MAP     (1UL << 40)     // 8 * page number: entries as in /proc/<pid>/pagemap
#define CK_MEMORY  (1UL << 41)     // address: the memory

// Beside Linux's bits in a map: the page has changed since the process was last saved.
#define CK_CHANGED (1UL << 55)

// Of n bytes, a multiple of 8.  Each step is a bijection of what came before, so no
// single word can change unnoticed.
static inline u64
ck_sum(const void *data, u64 n)
{
  const u64 *p = data;
  u64 h = n;
  for(u64 i = 0; i < n / 8; i++){
    h = (h ^ p[i]) * 0x9e3779b97f4a7c15UL;
    h ^= h >> 29;
  }
  return h;
}
