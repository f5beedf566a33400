// SPDX-License-Identifier: MIT
//
// Linux's error numbers (asm-generic).  Kernel functions return them negated.

#pragma once

enum {
  EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, ENXIO = 6, E2BIG = 7,
  ENOEXEC = 8, EBADF = 9, ECHILD = 10, EAGAIN = 11, ENOMEM = 12, EACCES = 13,
  EFAULT = 14, ENOTBLK = 15, EBUSY = 16, EEXIST = 17, EXDEV = 18, ENODEV = 19,
  ENOTDIR = 20, EISDIR = 21, EINVAL = 22, ENFILE = 23, EMFILE = 24,
  ENOTTY = 25, ETXTBSY = 26, EFBIG = 27, ENOSPC = 28, ESPIPE = 29, EROFS = 30,
  EMLINK = 31, EPIPE = 32, EDOM = 33, ERANGE = 34, EDEADLK = 35,
  ENAMETOOLONG = 36, ENOLCK = 37, ENOSYS = 38, ENOTEMPTY = 39, ELOOP = 40,
  EOVERFLOW = 75, ELIBBAD = 80, EILSEQ = 84, EUSERS = 87, ENOTSOCK = 88, EOPNOTSUPP = 95,
  EAFNOSUPPORT = 97, ETIMEDOUT = 110, EUCLEAN = 117,
};

// A signal ended a system call, which is made again if no handler is to run.  With
// -EINTR, so it is after a handler that was installed with SA_RESTART; with these
// it is not.  No program sees them.
enum {
  ENOHANDLER = 514,        // ... with the same arguments
  ERESTART = 516,          // ... as current->restart says
};

// With NOTIFY_WHOLE: the call is to be made again, at once.  Not seen by programs either.
enum { EFRAME = 515 };
