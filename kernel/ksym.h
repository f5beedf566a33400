// SPDX-License-Identifier: MIT
//
// What the image knows of its own functions.

#pragma once

#include "kernel/types.h"

// The name of the function that va is in, and how far from its beginning. => NULL: none
const char *ksym(va_t va, u64 *off);

// Where it lies, and its stack frame in bytes: where from sp the return address is
// stored, and the size.  Both 0: it calls nobody, or is written in assembly.
struct code {
  va_t start, end;
  u32 ra, frame;
};

// => false: va is not in the kernel's text
bool code_at(va_t va, struct code *c);
