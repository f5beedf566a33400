// SPDX-License-Identifier: MIT
//
// Character devices: what their numbers stand for.

#pragma once

#include "kernel/list.h"
#include "kernel/types.h"

struct file;
struct file_ops;
struct inode;

// The terminal of the session, if it has one; and the one that there is.
enum { DEV_TTY = 0x500, DEV_CONSOLE = 0x501 };

struct chardev {
  u32 major, minor, mode;       // mode: permissions in /dev
  const char *name;             // there
  const struct file_ops *ops;
  struct list link;
};

// => NULL past the last; entries stay for good
struct chardev *chardev_at(u32 k);

// Give f the operations of the device i stands for. => 0 or -ENXIO
int chardev_open(struct file *f, struct inode *i);

void memory_devices_init(void);  // null, zero, full, random, urandom
