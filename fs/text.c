// SPDX-License-Identifier: MIT
//
// Text that grows while it is written.

#include "fs/text.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "mm/slab.h"

enum { TEXT_FIRST = 512 };

// Room for n more bytes and a NUL. => false without memory
static bool
reserve(struct text *t, u64 n)
{
  if(t->failed)
    return false;
  if(t->len + n < t->size)
    return true;
  u64 size = max(2 * t->size, (u64)TEXT_FIRST);
  while(size <= t->len + n)
    size *= 2;
  char *s = krealloc(t->s, size);
  t->failed = s == NULL;
  if(t->failed)
    return false;
  t->s = s;
  t->size = size;
  return true;
}

void
text_add(struct text *t, const char *fmt, ...)
{
  va_list ap;
  u64 n, room;
  do {
    room = t->size - t->len;
    va_start(ap, fmt);
    n = (u64)vsnprintk(t->s + t->len, room, fmt, ap);
    va_end(ap);
  } while(n >= room && reserve(t, n));
  if(n < room)
    t->len += n;
}

void
text_add_bytes(struct text *t, const void *s, u64 n)
{
  if(!reserve(t, n))
    return;
  memcpy(t->s + t->len, s, n);
  t->len += n;
}

void
text_pad(struct text *t, u64 column)
{
  u64 start = t->len;
  while(start > 0 && t->s[start - 1] != '\n')
    start--;
  u64 n = column - min(t->len - start, column);
  if(!reserve(t, n))
    return;
  memset(t->s + t->len, ' ', n);
  t->len += n;
}

void
text_free(struct text *t)
{
  kfree(t->s);
  *t = (struct text){ 0 };
}
