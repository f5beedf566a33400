// SPDX-License-Identifier: MIT
//
// Strings and memory: exactly the names of xv6's library, so that a program may
// define any other itself.

#include "user/user.h"

// The compiler must not turn these loops into calls of themselves.
#pragma GCC optimize("no-tree-loop-distribute-patterns")

typedef uint64 __attribute__((may_alias)) word;
enum { WORD = sizeof(word) };

void *
memset(void *to, int byte, uint n)
{
  uchar *p = to;
  uchar *last = p + n;
  word pattern = 0x0101010101010101UL * (uchar)byte;

  for(; p < last && (uint64)p % WORD; p++)
    *p = byte;
  for(; last - p >= WORD; p += WORD)
    *(word *)p = pattern;
  for(; p < last; p++)
    *p = byte;
  return to;
}

static void
copy_up(uchar *to, const uchar *from, uint64 n)
{
  if(((uint64)to ^ (uint64)from) % WORD == 0){
    for(; n && (uint64)to % WORD; n--)
      *to++ = *from++;
    for(; n >= WORD; n -= WORD, to += WORD, from += WORD)
      *(word *)to = *(const word *)from;
  }
  for(; n; n--)
    *to++ = *from++;
}

void *
memcpy(void *to, const void *from, uint n)
{
  copy_up(to, from, n);
  return to;
}

void *
memmove(void *to, const void *from, int n)
{
  uchar *t = to;
  const uchar *f = from;

  if(n <= 0)
    return to;
  if(t <= f || t >= f + n){
    copy_up(t, f, n);
  } else {
    while(n-- > 0)
      t[n] = f[n];
  }
  return to;
}

int
memcmp(const void *a, const void *b, uint n)
{
  const uchar *p = a, *q = b;

  for(; n; n--, p++, q++)
    if(*p != *q)
      return *p - *q;
  return 0;
}

uint
strlen(const char *s)
{
  const char *p = s;
  while(*p)
    p++;
  return p - s;
}

char *
strcpy(char *to, const char *from)
{
  char *p = to;
  while((*p++ = *from++))
    ;
  return to;
}

int
strcmp(const char *a, const char *b)
{
  while(*a && *a == *b)
    a++, b++;
  return (uchar)*a - (uchar)*b;
}

char *
strchr(const char *s, char c)
{
  for(; *s; s++)
    if(*s == c)
      return (char *)s;
  return NULL;
}

int
atoi(const char *s)
{
  uint n = 0;
  while(*s >= '0' && *s <= '9')
    n = n * 10 + (*s++ - '0');
  return n;
}

// Reads a line with its end, byte by byte: what follows stays for others.
char *
gets(char *buf, int max)
{
  int n = 0;
  char c;

  while(n + 1 < max && read(0, &c, 1) == 1){
    buf[n++] = c;
    if(c == '\n' || c == '\r')
      break;
  }
  buf[n] = 0;
  return buf;
}
