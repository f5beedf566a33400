// SPDX-License-Identifier: MIT
//
// Strings on their way from one address space to another: execve's arguments
// and environment.

#pragma once

#include "kernel/types.h"

struct args_page;

struct args {
  struct args_page *first, *last;
  u64 count;                 // strings
  u64 bytes;                 // with their NULs
  u64 bytes_max;
};

void args_init(struct args *a, u64 bytes_max);
void args_free(struct args *a);

// => 0, -E2BIG, -ENOMEM, -EFAULT
int args_push(struct args *a, const char *s);
int args_push_user(struct args *a, va_t s);

// Every string of a NULL-ended array of user pointers (array 0: none), but the
// first `skip` of them.
int args_push_user_array(struct args *a, va_t array, u32 skip);

// All of the strings, one after another, at va of the current space. => 0 or -EFAULT
int args_copy_out(const struct args *a, va_t va);

// Calls fn(arg, va) for each, with the address it got. => 0 or what fn returned
int args_each(const struct args *a, va_t va, int (*fn)(void *arg, va_t s), void *arg);
