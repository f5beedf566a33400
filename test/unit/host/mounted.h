// SPDX-License-Identifier: MIT
//
// A qfs mounted from the disk in memory, and a program's buffer to write from.

#pragma once

#include "fs/qfs.h"
#include "host.h"
#include "disk.h"

extern struct super *super;
extern va_t buffer;

int mount_disk(void);                    // => 0 or -errno
void unmount_disk(void);                 // all is written, as far as that goes
void finish_disk(void);                  // and the disk is consistent
void buffer_make(u64 bytes);             // in a space of its own, which runs
void buffer_drop(void);

int punch(struct inode *i, u64 page, u64 n);     // holes
int write_back(struct inode *i);         // pages and attributes

// read or write at off, from and to the buffer.  => how much; *e: why not all of it, or 0
typedef int transfer_fn(struct object *o, u64 off, va_t buf, u64 n, u64 *done);
u64 transfer(transfer_fn *once, struct inode *i, u64 off, u64 n, int *e);
