// SPDX-License-Identifier: MIT
//
// Between usertests and its tests (lib/ut_*.c).  A test is a function that
// returns if all is well; it runs in a process of its own, in an empty directory
// of its own.

#pragma once

#include "kernel/param.h"
#include "kernel/riscv.h"
#include "kernel/stat.h"
#include "user/require.h"
#include "user/ulib.h"
#include "user/user.h"

struct test {
  const char *name;
  void (*run)(void);
  bool slow;                   // left out by -q
};

// Ended by an entry without a name.
extern const struct test pointer_tests[], memory_tests[], process_tests[], exec_tests[],
                         file_tests[], directory_tests[], pipe_tests[], limit_tests[];

bool on_quire(void);           // or on another kernel with the same system calls
const char *program(const char *name);       // path of one of our programs; static

// Run fn in a child. => its status as wait() tells it: -1 if it was killed
int status_of(void (*fn)(void *), void *arg);

void make_file(const char *path, const void *data, int n);
int open_file(const char *path, int flags);  // must succeed
bool exists(const char *path);

// Bytes that depend on seed and place, to be recognized later.
void fill(void *p, size_t n, uint seed);
bool is_filled(const void *p, size_t n, uint seed);
bool is_zero(const void *p, size_t n);

// Addresses no program can use.
extern const uint64 bad_addresses[];
enum { BAD_ADDRESSES = 10 };
