// SPDX-License-Identifier: MIT
//
// What the program loads while it runs: it needs the private library, and calls
// the program back.

#include <stdio.h>
#include "private.h"

int twice(int x);                      // the program's

int plugin_version = 3;
static __thread int calls;

int
plugin_run(int x)
{
  calls++;
  shared_counter += 100;
  return twice(x) + calls;
}

static void __attribute__((constructor)) hello(void) { printf("plugin begins\n"); }
static void __attribute__((destructor)) bye(void) { printf("plugin ends\n"); }
