// SPDX-License-Identifier: MIT
//
// What stat() and fstat() tell an xv6 program; translated by user/lib/xv6_file.c.

#pragma once

#include "kernel/types.h"

#define T_DIR     1
#define T_FILE    2
#define T_DEVICE  3
#define T_SYMLINK 4

struct stat {
  int dev;
  uint ino;
  short type;      // T_*
  short nlink;
  uint64 size;     // bytes
};
