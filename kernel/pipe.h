// SPDX-License-Identifier: MIT
//
// Pipes and FIFOs.

#pragma once

#include "kernel/types.h"

struct file;
struct inode;
struct text;

enum { PIPE_SIZE = 1 << 16 };

// A pipe with both ends open.  flags: O_NONBLOCK.  => 0, or -ENOMEM
int pipe_create(struct file *end[2], u32 flags);

// Open a FIFO at the ends f->flags ask for; sleeps until the other end is open.
// => 0, -ENXIO, -ENOMEM, -EINTR
int fifo_open(struct file *f, struct inode *i);

// How much the pipe f holds is from now on the next power of two of pages; size 0: only
// tell. => how much, -EBADF: no pipe; -EBUSY: more is in it; -EPERM: more than PIPE_SIZE
i64 pipe_set_size(struct file *f, u32 size);

// All that is in an open pipe, which stays there, unless the visitor has been here last.
// => is he new?
bool pipe_peek(struct inode *i, u64 visitor, struct text *t);

void pipe_init(void);
