// SPDX-License-Identifier: MIT
//
// What qfs on the host, in tools and in unit tests, asks of the rest of the kernel: no names
// are cached, nothing else is mounted, and nobody waits for a flusher.

#include "fs/dentry.h"
#include "fs/flusher.h"
#include "fs/vfs.h"
#include "kernel/printk.h"
#include "mkfs/host.h"

struct inode *dentry_forget(struct inode *i) { return NULL; }
struct super *super_at(u32 i) { return NULL; }
void super_put(struct super *s) {}

u64 flusher_background = ~0UL;
int flusher_admit_slow(struct object *o) { return 0; }

u64
time_now(struct timespec *ts)
{
  host_clock(&ts->sec, &ts->nsec);
  return ts->sec * 1000000000UL + ts->nsec;
}

int
snprintk(char *buf, size_t n, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  int len = __builtin_vsnprintf(buf, n, fmt, ap);
  va_end(ap);
  return len;
}
