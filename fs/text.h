// SPDX-License-Identifier: MIT
//
// Text that grows while it is written.

#pragma once

#include "kernel/types.h"

struct text {
  char *s;             // kmalloc'd, or NULL
  u64 len, size;
  bool failed;         // memory ran out: the text is incomplete
};

void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_add_bytes(struct text *t, const void *s, u64 n);
void text_pad(struct text *t, u64 column);    // spaces to a column of the last line
void text_free(struct text *t);               // => empty again
