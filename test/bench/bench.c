// SPDX-License-Identifier: MIT
//
// bench: what the operations of a kernel cost.  The same program runs on quire
// and on Linux for riscv64; docs/bench.md says what its rows are.
//
//   bench [-d DIRECTORY] [-f CHILDREN] [-r FACTOR] [-s MIB] [-x PROGRAM] [ROW ...]
//     -d   where the files are made; bench must have been called by its full path
//     -r   do the short rows so many times as often
//     -s   size of the swap rows' region; these run only when asked for
//     -f   how many children are forked before swap_out is timed
//     -x   what fork_exec_exit executes instead of this program; it has to end with
//          status 7
//
// A line a row: name, figure, unit, `ok` or `BAD`, operations, ticks.  The figure
// is in nanoseconds, or instructions when those take one each.  The status is 1 if
// a row found that work was not done, 2 if it was called wrongly.

#include "user/ulib.h"
#include "user/user.h"
#include "bench.h"

uint64 scale = 1, swap_bytes, swap_children;
char *self;
struct clock clocks[2];
static int status;

// ---- Results ----

static void
print(const char *row, uint clock, uint64 ops, const char *unit, bool ok)
{
  enum { TENTHS_A_TICK = 1000 };
  uint64 tenths = clocks[clock].ticks * TENTHS_A_TICK / ops;
  printf("%-22s %8lu.%lu a %-10s %s ops=%lu ticks=%lu\n", row, tenths / 10, tenths % 10, unit,
         ok ? "ok " : "BAD", ops, clocks[clock].ticks);
  clocks[clock].ticks = 0;
  if(!ok)
    status = 1;
}

void
result(const char *row, uint64 ops, const char *unit, bool ok)
{
  print(row, 0, ops, unit, ok);
  MARK(MARK_RESULT, 0);
}

void
result2(const char *row, uint64 ops, const char *unit, bool ok)
{
  print(row, 1, ops, unit, ok);
  MARK(MARK_RESULT, 1);
}

void
cannot(const char *row, const char *call, long error)
{
  printf("%-22s - cannot %s: error %ld\n", row, call, -error);
}

void
measure(const char *row, const char *unit, bool (*pass)(uint64 n), uint64 n)
{
  bool ok = pass(n);
  CLOCK_RESET(0);
  CLOCK_RUN(0);
  ok &= pass(n);
  CLOCK_STOP(0);
  result(row, n, unit, ok);
}

// ---- Rows ----

// Some functions have two results; the name of either asks for both.
static const struct row {
  void (*run)(void);
  const char *name, *second;
  bool on_request;
} rows[] = {
  { null_syscall, "null_syscall" },
  { pipe_pingpong, "pipe_pingpong" },
  { ctx_yield, "ctx_yield" },
  { fork_exit_small, "fork_exit_small" },
  { fork_exit_16m, "fork_exit_16m" },
  { fork_exit_64m, "fork_exit_64m" },
  { fork_exec_exit, "fork_exec_exit" },
  { anon_fault, "anon_fault", "anon_unmap" },
  { anon_fault_read, "anon_fault_read" },
  { cow, "cow_fault", "cow_reuse" },
  { mmap_munmap, "mmap_munmap" },
  { brk_grow, "brk_grow" },
  { mprotect_cycle, "mprotect_cycle", "mprotect_cycle_touch" },
  { file_seq, "file_write_seq", "file_read_seq" },
  { file_mmap, "file_mmap_read", "file_mmap_write_msync" },
  { open_close, "open_close" },
  { stat_file, "stat" },
  { create_unlink, "create_unlink" },
  { swap_seq, "swap_seq", .on_request = true },
  { swap_rand, "swap_rand", "swap_rand_write", .on_request = true },
  { swap_out, "swap_out", .on_request = true },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static bool
called(const struct row *r, const char *name)
{
  return strcmp(r->name, name) == 0 || (r->second && strcmp(r->second, name) == 0);
}

static bool
is_asked_for(const struct row *r, char **names)
{
  if(!*names)
    return !r->on_request;
  while(*names && !called(r, *names))
    names++;
  return *names != NULL;
}

static bool
exists(const char *name)
{
  uint i = 0;
  while(i < ROWS && !called(&rows[i], name))
    i++;
  return i < ROWS;
}

// ---- Options ----

static void
complain(const char *what, const char *about)
{
  fprintf(2, "bench: %s: %s\n", about, what);
  exit(2);
}

int
main(int argc, char **argv)
{
  static const char help[] =
    "bench [-d DIRECTORY] [-f CHILDREN] [-r FACTOR] [-s MIB] [-x PROGRAM] [ROW ...]";
  struct options o = { argc, argv, "d:f:r:s:x:", help };
  if(argc == 2 && strcmp(argv[1], "nothing") == 0)
    return EXEC_STATUS;
  self = argv[0];
  for(int letter; (letter = option(&o)) != 0;){
    switch(letter){
    case 'r':
      scale = atoi(o.value);
      if(scale == 0)
        complain("not a factor", o.value);
      break;
    case 'x':
      self = o.value;
      break;
    case 's':
      swap_bytes = (uint64)atoi(o.value) * MIB;
      break;
    case 'f':
      swap_children = (uint64)atoi(o.value);
      break;
    case 'd':
      if(sys_chdir(o.value) != 0)
        complain("not a directory", o.value);
      break;
    }
  }
  for(char **name = argv + o.at; *name; name++)
    if(!exists(*name))
      complain("there is no such row", *name);
  for(uint i = 0; i < ROWS; i++)
    if(is_asked_for(&rows[i], argv + o.at))
      rows[i].run();
  return status;
}
