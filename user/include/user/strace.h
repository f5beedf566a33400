// SPDX-License-Identifier: MIT
//
// strace: what a system call was given, and how it is shown.

#pragma once

#include "user/ulib.h"
#include "user/user.h"

enum { CALL_ARGS = 6, CALL_DATA = 96 };

// What an argument pointed to, as far as it was in memory: n bytes.
struct pointee {
  size_t n;
  unsigned char bytes[CALL_DATA];
};

struct call {
  bool running;
  long nr, result;
  uint64 args[CALL_ARGS], begun, ended;       // ns
  struct pointee data[CALL_ARGS];
};

bool call_exists(const char *name);
const char *call_name(long nr);               // "call 999" for an unknown one, until the next
void call_show(struct text *t, const struct call *c, bool ended);
