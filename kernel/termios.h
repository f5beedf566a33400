// SPDX-License-Identifier: MIT
//
// Terminal settings and ioctl numbers: Linux's asm-generic termbits.h and
// ioctls.h, as far as the terminal knows them.

#pragma once

#include "kernel/types.h"

enum { NCCS = 19 };

struct termios {
  u32 iflag, oflag, cflag, lflag;
  u8 line;
  u8 cc[NCCS];
};
_Static_assert(sizeof(struct termios) == 36, "termios");

struct winsize { u16 rows, columns, xpixel, ypixel; };

// cc[]
enum {
  VINTR = 0, VQUIT = 1, VERASE = 2, VKILL = 3, VEOF = 4, VTIME = 5, VMIN = 6, VSTART = 8,
  VSTOP = 9, VSUSP = 10, VEOL = 11, VREPRINT = 12, VWERASE = 14, VLNEXT = 15, VEOL2 = 16,
};

// iflag, oflag, cflag, lflag
enum { INLCR = 0100, IGNCR = 0200, ICRNL = 0400, IUTF8 = 040000 };
enum { OPOST = 1, ONLCR = 4 };
enum { B38400 = 017, CS8 = 060, CREAD = 0200 };
enum {
  ISIG = 1, ICANON = 2, ECHO = 010, ECHOE = 020, ECHOK = 040, ECHONL = 0100, NOFLSH = 0200,
  TOSTOP = 0400,
  ECHOCTL = 01000, ECHOKE = 04000, IEXTEN = 0100000,
};

enum {
  TCGETS = 0x5401, TCSETS = 0x5402, TCSETSW = 0x5403, TCSETSF = 0x5404, TCFLSH = 0x540b,
  TIOCSCTTY = 0x540e, TIOCGPGRP = 0x540f, TIOCSPGRP = 0x5410, TIOCGWINSZ = 0x5413,
  TIOCSWINSZ = 0x5414, FIONREAD = 0x541b, TIOCGSID = 0x5429,
  FICLONE = 0x40049409, FICLONERANGE = 0x4020940d,   // of files
  FIONBIO = 0x5421, FIONCLEX = 0x5450, FIOCLEX = 0x5451,
};
enum { TCIFLUSH = 0, TCOFLUSH = 1, TCIOFLUSH = 2 };
