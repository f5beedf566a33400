// SPDX-License-Identifier: MIT
//
// The shared library of the tests: what a dynamic linker has to get right.

#pragma once

struct shape {
  const char *name;
  double (*area)(double);
};

extern const struct shape shapes[2];   // pointers in data: relocations
extern int shared_counter;             // one for the library and its users
extern __thread int per_thread;

int library_count(void);               // adds to shared_counter
int library_per_thread(void);          // adds to per_thread
const char *who(void);                 // the program's own one comes first
const char *ask_who(void);             // what the library sees as who()
int apply(int (*fn)(int), int x);
