// SPDX-License-Identifier: MIT
//
// Memory and string functions.  The compiler calls some of them on its own, so
// their loops must not be turned back into calls.  Pure; no locks.

#include "kernel/string.h"

#pragma GCC optimize("no-tree-loop-distribute-patterns")

// Words may alias anything here.
typedef u64 __attribute__((may_alias)) word;
enum { WORD = sizeof(word) };

static bool
aligned(const void *p)
{
  return (u64)p % WORD == 0;
}

void *
memset(void *d, int c, size_t n)
{
  u8 *p = d;
  for(; n && !aligned(p); n--)
    *p++ = (u8)c;
  u64 v = (u8)c * 0x0101010101010101UL;
  for(; n >= 8 * WORD; n -= 8 * WORD, p += 8 * WORD)
#pragma GCC unroll 8
    for(u32 k = 0; k < 8; k++)
      ((word *)p)[k] = v;
  for(; n >= WORD; n -= WORD, p += WORD)
    *(word *)p = v;
  for(; n; n--)
    *p++ = (u8)c;
  return d;
}

void *
memcpy(void *d, const void *s, size_t n)
{
  u8 *to = d;
  const u8 *from = s;
  if(((u64)to ^ (u64)from) % WORD == 0){
    for(; n && !aligned(to); n--)
      *to++ = *from++;
    for(; n >= 8 * WORD; n -= 8 * WORD, to += 8 * WORD, from += 8 * WORD){
      const word *f = (const word *)from;
      u64 w0 = f[0], w1 = f[1], w2 = f[2], w3 = f[3], w4 = f[4], w5 = f[5], w6 = f[6], w7 = f[7];
      word *t = (word *)to;
      t[0] = w0;
      t[1] = w1;
      t[2] = w2;
      t[3] = w3;
      t[4] = w4;
      t[5] = w5;
      t[6] = w6;
      t[7] = w7;
    }
    for(; n >= WORD; n -= WORD, to += WORD, from += WORD)
      *(word *)to = *(const word *)from;
  }
  for(; n; n--)
    *to++ = *from++;
  return d;
}

void *
memmove(void *d, const void *s, size_t n)
{
  u8 *to = d;
  const u8 *from = s;
  if(to <= from || to >= from + n)
    return to == from ? d : memcpy(d, s, n);
  to += n;
  from += n;
  if(((u64)to ^ (u64)from) % WORD == 0){
    for(; n && !aligned(to); n--)
      *--to = *--from;
    for(; n >= WORD; n -= WORD)
      *(word *)(to -= WORD) = *(const word *)(from -= WORD);
  }
  for(; n; n--)
    *--to = *--from;
  return d;
}

int
memcmp(const void *a, const void *b, size_t n)
{
  const u8 *p = a, *q = b;
  for(; n && *p == *q; n--, p++, q++)
    ;
  return n ? *p - *q : 0;
}

size_t
strlen(const char *s)
{
  const char *p = s;
  while(*p)
    p++;
  return (size_t)(p - s);
}

size_t
strnlen(const char *s, size_t n)
{
  size_t i = 0;
  while(i < n && s[i])
    i++;
  return i;
}

int
strcmp(const char *a, const char *b)
{
  for(; *a && *a == *b; a++, b++)
    ;
  return (u8)*a - (u8)*b;
}

int
strncmp(const char *a, const char *b, size_t n)
{
  for(; n && *a && *a == *b; n--, a++, b++)
    ;
  return n ? (u8)*a - (u8)*b : 0;
}

char *
strchr(const char *s, int c)
{
  for(; *s != (char)c; s++)
    if(*s == 0)
      return NULL;
  return (char *)s;
}

size_t
strlcpy(char *d, const char *s, size_t n)
{
  size_t len = strlen(s);
  if(n){
    size_t m = min(len, n - 1);
    memcpy(d, s, m);
    d[m] = 0;
  }
  return len;
}

// The digits at the start of s. => what follows them, or NULL if there are none or
// too many
static const char *
take_number(const char *s, u64 *n)
{
  const char *p = s;
  for(*n = 0; *p >= '0' && *p <= '9'; p++)
    if(__builtin_mul_overflow(*n, 10, n) || __builtin_add_overflow(*n, (u64)(*p - '0'), n))
      return NULL;
  return p > s ? p : NULL;
}

bool
parse_u64(const char *s, u64 *n)
{
  u64 v;
  const char *end = take_number(s, &v);
  if(end == NULL || *end)
    return false;
  *n = v;
  return true;
}

bool
parse_size(const char *s, u64 *n)
{
  static const char units[] = "KkMmGg";
  u64 v, shift = 0;
  const char *end = take_number(s, &v);
  const char *unit = end && *end ? strchr(units, *end) : NULL;
  if(unit){
    shift = 10 + (unit - units) / 2 * 10;
    end++;
  }
  if(end == NULL || *end || v > ~0UL >> shift)
    return false;
  *n = v << shift;
  return true;
}
