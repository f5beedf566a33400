// SPDX-License-Identifier: MIT
//
// What the host gives to the kernel's file system sources: a disk that is a file,
// memory, a clock.  host.c is on the C library's side of it, pages.c on the
// kernel's: few headers of the two go together.

#pragma once

#include "kernel/types.h"

struct block_device;

// A disk image as a block device.  => 0 or -errno
int host_disk_open(const char *file, bool writable, struct block_device **out);
int host_disk_close(struct block_device *d);      // => 0 or -errno: what was written may be lost

// Keep others off an open image: QEMU and these tools all hold such locks.
// => 0, or -EBUSY: somebody has it open for writing, or we want to and it is in use
int host_lock(int fd, bool writable);

void *host_pages(u64 bytes);      // zeroed address space, memory when touched
void host_clock(i64 *sec, i64 *nsec);
