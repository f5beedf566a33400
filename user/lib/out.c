// SPDX-License-Identifier: MIT
//
// Standard output for our tools, collected in a buffer.

#include "user/ulib.h"
#include "user/user.h"

static char buffer[4096];
static size_t used;

long
write_all(int fd, const void *buf, size_t n)
{
  const char *p = buf;
  while(n > 0){
    long r = sys_write(fd, p, n);
    if(r < 0)
      return r;
    p += r;
    n -= r;
  }
  return 0;
}

long
pwrite_all(int fd, const void *buf, size_t n, uint64 offset)
{
  const char *p = buf;
  while(n > 0){
    long r = sys_pwrite(fd, p, n, offset);
    if(r < 0)
      return r;
    p += r;
    n -= r;
    offset += r;
  }
  return 0;
}

void
out_flush(void)
{
  size_t n = used;
  used = 0;                    // once: the complaint below exits, and so flushes
  long r = write_all(1, buffer, n);
  if(r == -EPIPE)
    exit(1);
  if(r < 0)
    die("write error: %s", error_text(r));
}

void
out_bytes(const char *s, size_t n)
{
  ulib_at_exit = out_flush;
  while(n > 0){
    if(used == sizeof(buffer))
      out_flush();
    size_t k = sizeof(buffer) - used < n ? sizeof(buffer) - used : n;
    memcpy(buffer + used, s, k);
    used += k;
    s += k;
    n -= k;
  }
}

static void
put_out(struct ulib_sink *s, const char *text, size_t n)
{
  out_bytes(text, n);
}

void
out(const char *fmt, ...)
{
  struct ulib_sink s = { .put = put_out };
  va_list ap;
  va_start(ap, fmt);
  ulib_format(&s, fmt, ap);
  va_end(ap);
}
