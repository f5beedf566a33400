// SPDX-License-Identifier: MIT
//
// What qfs asks of the rest of the kernel: no names are cached, nothing else is mounted,
// and a second goes by from one look at the clock to the next.

#include <stdarg.h>
#include "fs/dentry.h"
#include "fs/vfs.h"
#include "kernel/printk.h"

struct super *super_at(u32 i) { return NULL; }
void super_put(struct super *s) { }
struct inode *dentry_forget(struct inode *i) { return NULL; }

u64
time_now(struct timespec *ts)
{
  static i64 now;
  *ts = (struct timespec){ .sec = now++ };
  return 0;
}

int
snprintk(char *buf, size_t n, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  int len = vsnprintk(buf, n, fmt, ap);
  va_end(ap);
  return len;
}
