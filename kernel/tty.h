// SPDX-License-Identifier: MIT
//
// The terminal: line discipline and device.  There is one, on the serial port.

#pragma once

#include "kernel/lock.h"
#include "kernel/poll.h"
#include "kernel/termios.h"
#include "kernel/types.h"

enum { TTY_CELLS = 4096, TTY_RAW = 4096 };     // powers of two

// A cell of the input: a byte, or the mark that ^D leaves.
enum { CELL_EOF = 0x100 };

// [read, ready) may be read; [ready, edit) is the line being typed.  Positions
// only grow; cell[pos % TTY_CELLS].
struct tty {
  struct spinlock lock;          // interrupts off; below
  u16 *cell;
  u64 read, ready, edit;
  struct termios termios;
  struct winsize winsize;
  u8 *raw;                       // [TTY_RAW], as it came from the line, for the tty task
  u64 raw_in, raw_out;
  bool literal;                  // ^V came before

  struct waitq arrived;          // something raw
  struct waitq readable;
  struct poll_source news;
  struct task *writer;           // whose write() is going out
  struct waitq turn;             // to be that
  struct sleeplock output;       // one stretch of output at a time
};

// What a byte of input has to lead to, once the lock is released.
struct tty_effect {
  u32 rubout;                    // columns to erase
  char echo[4];
  u32 echo_len;
  int signal;                    // to the foreground group; 0: none
  bool dump;                     // a list of all tasks
};

static inline bool
ends_line(const struct termios *m, u16 c)
{
  return c == '\n' || (c && (c == m->cc[VEOL] || c == m->cc[VEOL2]));
}

// The line discipline: take one byte of input; lock held.
struct tty_effect tty_line_take(struct tty *t, u8 c);
void tty_line_flush(struct tty *t);            // forget all input
void tty_line_reset(struct tty *t);            // the usual settings

void tty_init(void);
