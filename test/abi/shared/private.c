// SPDX-License-Identifier: MIT
//
// A private shared library: data, thread-local data, functions that others may
// replace, and code that runs when it is loaded and at the end.

#include <math.h>
#include <stdio.h>
#include "private.h"

static double circle(double r) { return M_PI * pow(r, 2); }
static double square(double a) { return a * a; }

const struct shape shapes[2] = { { "circle", circle }, { "square", square } };
int shared_counter = 40;
__thread int per_thread = 7;
static char zeroed[3 * 4096];          // beyond the file's part

int library_count(void) { return ++shared_counter + zeroed[sizeof zeroed - 1]; }
int library_per_thread(void) { return ++per_thread; }
const char *who(void) { return "the library"; }
const char *ask_who(void) { return who(); }
int apply(int (*fn)(int), int x) { return fn(x); }

static void __attribute__((constructor)) hello(void) { printf("library begins\n"); }
static void __attribute__((destructor)) bye(void) { printf("library ends\n"); }
