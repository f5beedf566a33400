// SPDX-License-Identifier: MIT
//
// Strings and numbers beyond what xv6's library has.

#include "user/ulib.h"
#include "user/user.h"

int
compare_n(const char *a, const char *b, size_t n)
{
  for(; n; n--, a++, b++){
    if(*a != *b)
      return (uchar)*a - (uchar)*b;
    if(!*a)
      break;
  }
  return 0;
}

bool
starts_with(const char *s, const char *prefix)
{
  return compare_n(s, prefix, strlen(prefix)) == 0;
}

char *
find_last(const char *s, char c)
{
  const char *last = NULL;
  for(; *s; s++)
    if(*s == c)
      last = s;
  return (char *)last;
}

const char *
skip_blanks(const char *s)
{
  while(*s == ' ' || *s == '\t')
    s++;
  return s;
}

const char *
path_base(const char *path)
{
  const char *base = path;
  for(const char *p = path; *p; p++)
    if(*p == '/' && p[1] && p[1] != '/')
      base = p + 1;
  return base;
}

// Digits of a base up to the first other character.
static const char *
parse_digits(const char *s, uint base, uint64 limit, uint64 *out)
{
  uint64 n = 0;
  const char *p = s;

  for(; *p >= '0' && *p < '0' + (char)base; p++){
    uint digit = *p - '0';
    if(n > (limit - digit) / base)
      return NULL;
    n = n * base + digit;
  }
  *out = n;
  return p > s ? p : NULL;
}

bool
parse_long(const char *s, long *out)
{
  bool negative = *s == '-';
  uint64 n;
  const char *end = parse_digits(s + (negative || *s == '+'), 10, ~0UL >> 1, &n);

  if(!end || *end)
    return false;
  *out = negative ? -(long)n : (long)n;
  return true;
}

bool
parse_octal(const char *s, uint *out)
{
  uint64 n;
  const char *end = parse_digits(s, 8, ~0U, &n);

  if(!end || *end)
    return false;
  *out = n;
  return true;
}

bool
parse_size(const char *s, long *out)
{
  static const char units[] = "kKMG";
  static const int shifts[] = { 10, 10, 20, 30 };
  uint64 n;
  int shift = 0;
  const char *end = parse_digits(s, 10, ~0UL >> 1, &n);

  if(!end)
    return false;
  if(*end){
    const char *unit = strchr(units, *end);
    if(!unit || end[1])
      return false;
    shift = shifts[unit - units];
  }
  if(n > (~0UL >> 1) >> shift)
    return false;
  *out = n << shift;
  return true;
}
