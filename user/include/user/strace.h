// SPDX-License-Identifier: MIT
//
// strace: what a system call was given, and how it is shown.

#pragma once

#include "user/ulib.h"
#include "user/user.h"

enum { CALL_ARGS = 6, CALL_DATA = 96, CALLS = 512 };

// What an argument pointed to, as far as it was in memory: n bytes.
struct pointee {
  size_t n;
  unsigned char bytes[CALL_DATA];
};

struct call {
  bool running, begun_shown;                  // it waits, and as much was said
  long nr, result;
  uint64 args[CALL_ARGS], begun, ended;       // ns; 0: it did not end
  struct pointee data[CALL_ARGS], left[CALL_ARGS];      // before the call and behind it
};

// ---- Which there are: st_table.c ----

bool calls_named(const char *name, bool set[CALLS]);  // also %file ... => false: there is none
const char *call_name(long nr);                       // "syscall_0x3e7" for an unknown one
const char *call_letters(long nr);                    // for each argument one

// ---- Names of numbers: st_name.c ----

const char *name_error(long error);                   // or NULL; likewise
const char *name_signal(int sig);
const char *name_signal_code(int sig, int code);
bool show_named(struct text *t, char letter, uint64 v);   // => false: the letter has no table
void show_signals(struct text *t, uint64 set);

// ---- As text: st_call.c ----

extern size_t call_bytes_shown;        // of buffers and strings; paths are shown as they are
enum call_part { WHOLE, BEGUN, RESUMED };
void call_show(struct text *t, const struct call *c, enum call_part part);
