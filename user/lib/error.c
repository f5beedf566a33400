// SPDX-License-Identifier: MIT
//
// Complaints and what error and signal numbers mean.

#include "user/ulib.h"
#include "user/user.h"

const char *
error_text(long error)
{
  static const char *const texts[] = {
    [EPERM] = "Operation not permitted", [ENOENT] = "No such file or directory",
    [ESRCH] = "No such process", [EINTR] = "Interrupted", [EIO] = "Input/output error",
    [ENXIO] = "No such device or address", [E2BIG] = "Argument list too long",
    [ENOEXEC] = "Not an executable", [EBADF] = "Bad file descriptor",
    [ECHILD] = "No child processes", [EAGAIN] = "Resource temporarily unavailable",
    [ENOMEM] = "Out of memory", [EACCES] = "Permission denied", [EFAULT] = "Bad address",
    [EBUSY] = "Device or resource busy", [EEXIST] = "File exists",
    [EXDEV] = "Not on the same file system", [ENODEV] = "No such device",
    [ENOTDIR] = "Not a directory", [EISDIR] = "Is a directory",
    [EINVAL] = "Invalid argument", [ENFILE] = "Too many open files in the system",
    [EMFILE] = "Too many open files", [ENOTTY] = "Not a terminal",
    [ETXTBSY] = "Text file busy", [EFBIG] = "File too large",
    [ENOSPC] = "No space left on device", [ESPIPE] = "Cannot seek",
    [EROFS] = "Read-only file system", [EMLINK] = "Too many links", [EPIPE] = "Broken pipe",
    [ERANGE] = "Out of range", [ENAMETOOLONG] = "File name too long",
    [EOPNOTSUPP] = "Operation not supported", [EOVERFLOW] = "Value too large for its type",
    [EAFNOSUPPORT] = "Address family not supported", [ETIMEDOUT] = "Timed out",
    [ENOSYS] = "Function not implemented", [ENOTEMPTY] = "Directory not empty",
    [ELOOP] = "Too many symbolic links", [ELIBBAD] = "Not a dynamic linker",
  };
  uint64 n = error < 0 ? -error : error;
  return n < sizeof(texts) / sizeof(texts[0]) && texts[n] ? texts[n] : "Unknown error";
}

const char *
signal_text(int sig)
{
  static const char *const texts[] = {
    [SIGHUP] = "Hangup", [SIGINT] = "Interrupt", [SIGQUIT] = "Quit",
    [SIGILL] = "Illegal instruction", [SIGTRAP] = "Breakpoint", [SIGABRT] = "Aborted",
    [SIGBUS] = "Bus error", [SIGFPE] = "Arithmetic error", [SIGKILL] = "Killed",
    [SIGUSR1] = "User signal 1", [SIGSEGV] = "Segmentation fault",
    [SIGUSR2] = "User signal 2", [SIGPIPE] = "Broken pipe", [SIGALRM] = "Alarm clock",
    [SIGTERM] = "Terminated", [SIGSTOP] = "Stopped by SIGSTOP", [SIGTSTP] = "Stopped",
    [SIGTTIN] = "Stopped to read", [SIGTTOU] = "Stopped to write",
  };
  return sig > 0 && sig < (int)(sizeof(texts) / sizeof(texts[0])) && texts[sig]
         ? texts[sig] : "Killed by a signal";
}

// A complaint is collected here: one write, so that the lines of several
// processes do not mix.  What does not fit is cut.
struct line {
  struct ulib_sink sink;
  size_t n;
  char buf[PATH_MAX + 256];
};

static void
put_line(struct ulib_sink *s, const char *text, size_t n)
{
  struct line *line = (struct line *)s;
  size_t room = sizeof(line->buf) - 1 - line->n;
  size_t k = n < room ? n : room;

  memcpy(line->buf + line->n, text, k);
  line->n += k;
}

static void
complain(const char *fmt, va_list ap)
{
  struct line line = { .sink = { .put = put_line } };

  if(ulib_at_exit)
    ulib_at_exit();            // what was printed before comes first
  put_line(&line.sink, ulib_name, strlen(ulib_name));
  put_line(&line.sink, ": ", 2);
  ulib_format(&line.sink, fmt, ap);
  line.buf[line.n++] = '\n';
  sys_write(2, line.buf, line.n);
}

void
warn(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  complain(fmt, ap);
  va_end(ap);
}

void
warn_error(const char *what, long error)
{
  warn("%s: %s", what, error_text(error));
}

void
die(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  complain(fmt, ap);
  va_end(ap);
  exit(1);
}
