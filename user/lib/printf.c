// SPDX-License-Identifier: MIT
//
// xv6's printf family: straight to a descriptor, one write for a short message.

#include "user/ulib.h"
#include "user/user.h"

struct fd_sink {
  struct ulib_sink sink;
  int fd;
  uint n;
  char buf[128];
};

static void
flush(struct fd_sink *f)
{
  if(f->n > 0)
    sys_write(f->fd, f->buf, f->n);
  f->n = 0;
}

static void
put(struct ulib_sink *s, const char *text, size_t n)
{
  struct fd_sink *f = (struct fd_sink *)s;
  for(; n; n--){
    if(f->n == sizeof(f->buf))
      flush(f);
    f->buf[f->n++] = *text++;
  }
}

void
vprintf(int fd, const char *fmt, va_list ap)
{
  struct fd_sink f = { .sink = { .put = put, .capitals = true }, .fd = fd };
  ulib_format(&f.sink, fmt, ap);
  flush(&f);
}

void
fprintf(int fd, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  vprintf(fd, fmt, ap);
  va_end(ap);
}

void
printf(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  vprintf(1, fmt, ap);
  va_end(ap);
}
