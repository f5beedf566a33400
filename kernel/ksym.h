// SPDX-License-Identifier: MIT
//
// What the image knows of its own functions.

#pragma once

#include "kernel/types.h"

// The function that an address is in, and how far from its beginning.
struct ksym { char name[64]; u64 off; };

// => false: va is not in the kernel's text, and the name is "?"
bool ksym(va_t va, struct ksym *k);

// Where it lies, and its stack frame in bytes: where from sp the return address is stored, 0 if
// it stays in its register, and the size.
struct code {
  va_t start, end;
  u32 ra, frame;
};

// => false: va is not in the kernel's text
bool code_at(va_t va, struct code *c);
