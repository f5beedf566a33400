// SPDX-License-Identifier: MIT
//
// What the tools have in common: exit statuses, messages, copying a host file in.
// The tools end with 0: done, 1: something failed, 2: wrong usage.

#pragma once

#include "kernel/types.h"

struct image;

enum { DONE = 0, FAILED = 1, USAGE = 2 };

extern const char *tool_name, *tool_help;

// --help prints to stdout and ends with DONE.
void tool_start(const char *name, const char *help, int argc, char **argv);
void tool_usage(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void tool_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

// A message about a file; e: -errno, may be 0.  => FAILED
int tool_error(int e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// An image, or the end with a message.
struct image *tool_open(const char *file, bool writable);
int tool_close(struct image *m, const char *file);      // => DONE or FAILED, with a message

// Copy a regular host file to a path of the image, in place of what is there.
// => DONE or FAILED, with a message
int tool_copy_in(struct image *m, const char *host, const char *path);

// "dir/name" in memory of its own; name: what follows the last slash.
char *tool_join(const char *dir, const char *host);

u64 tool_size(const char *text);         // "64M", "1G", "4096".  => 0 if it is none
