// SPDX-License-Identifier: MIT
//
// execve, below the system call.  exec_kernel() is in task.h.

#pragma once

#include "kernel/types.h"

struct args;
struct elf;
struct space;

// Become the program at path, a kernel string; argv and envp are the user's.
// => 0, and the way to user mode starts the new program; or -errno and nothing
// has changed
int exec_user(const char *path, va_t argv, va_t envp);

// The current task's user memory is that of s from now on. => what it was before
struct space *space_adopt(struct space *s);

// Write the start of the current space's stack.  linker: where the program's dynamic
// linker is, or 0.  => 0 and *sp, -E2BIG, -EFAULT
int exec_stack(const struct args *argv, const struct args *envp, const char *path,
               const struct elf *e, va_t linker, va_t *sp);
