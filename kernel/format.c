// SPDX-License-Identifier: MIT
//
// printf-style formatting into memory.  Pure; no locks.

#include "kernel/printk.h"
#include "kernel/string.h"

// Where the text goes: what does not fit is only counted.
struct sink {
  char *buf;
  size_t size, len;
};

// One conversion: %[-0][width][.precision][l]letter
struct spec {
  bool left, zero;
  int width, precision;        // precision -1: none
  int longs;
};

static void
put(struct sink *s, char c)
{
  if(s->len + 1 < s->size)
    s->buf[s->len] = c;
  s->len++;
}

static void
fill(struct sink *s, char c, int n)
{
  for(; n > 0; n--)
    put(s, c);
}

static void
put_text(struct sink *s, const struct spec *spec, const char *text, int n)
{
  int pad = spec->width - n;
  if(!spec->left)
    fill(s, ' ', pad);
  for(int i = 0; i < n; i++)
    put(s, text[i]);
  if(spec->left)
    fill(s, ' ', pad);
}

static void
put_number(struct sink *s, const struct spec *spec, u64 v, u32 base, const char *prefix)
{
  char digits[24];
  int n = 0, prefix_len = (int)strlen(prefix);
  do
    digits[n++] = "0123456789abcdef"[v % base];
  while((v /= base) != 0);
  int pad = spec->width - n - prefix_len;
  if(!spec->left && !spec->zero)
    fill(s, ' ', pad);
  for(const char *p = prefix; *p; p++)
    put(s, *p);
  if(!spec->left && spec->zero)
    fill(s, '0', pad);
  while(n)
    put(s, digits[--n]);
  if(spec->left)
    fill(s, ' ', pad);
}

static const char *
parse_number(const char *fmt, int *n, va_list *ap)
{
  if(*fmt == '*'){
    *n = va_arg(*ap, int);
    return fmt + 1;
  }
  for(*n = 0; *fmt >= '0' && *fmt <= '9'; fmt++)
    *n = *n * 10 + (*fmt - '0');
  return fmt;
}

// => the conversion's letter
static const char *
parse_spec(const char *fmt, struct spec *spec, va_list *ap)
{
  *spec = (struct spec){ .precision = -1 };
  for(; *fmt == '-' || *fmt == '0'; fmt++){
    if(*fmt == '-')
      spec->left = true;
    else
      spec->zero = true;
  }
  fmt = parse_number(fmt, &spec->width, ap);
  if(*fmt == '.')
    fmt = parse_number(fmt + 1, &spec->precision, ap);
  for(; *fmt == 'l' || *fmt == 'z'; fmt++)
    spec->longs++;
  return fmt;
}

static void
put_signed(struct sink *s, const struct spec *spec, i64 v)
{
  put_number(s, spec, v < 0 ? -(u64)v : (u64)v, 10, v < 0 ? "-" : "");
}

static void
put_string(struct sink *s, const struct spec *spec, const char *text)
{
  if(text == NULL)
    text = "(null)";
  u64 n = spec->precision < 0 ? strlen(text) : strnlen(text, (size_t)spec->precision);
  put_text(s, spec, text, (int)n);
}

static void
convert(struct sink *s, char letter, const struct spec *spec, va_list *ap)
{
  char c;
  switch(letter){
  case 'd':
  case 'i':
    put_signed(s, spec, spec->longs ? va_arg(*ap, i64) : va_arg(*ap, int));
    break;
  case 'u':
    put_number(s, spec, spec->longs ? va_arg(*ap, u64) : va_arg(*ap, u32), 10, "");
    break;
  case 'x':
    put_number(s, spec, spec->longs ? va_arg(*ap, u64) : va_arg(*ap, u32), 16, "");
    break;
  case 'o':
    put_number(s, spec, spec->longs ? va_arg(*ap, u64) : va_arg(*ap, u32), 8, "");
    break;
  case 'p':
    put_number(s, spec, (u64)va_arg(*ap, void *), 16, "0x");
    break;
  case 's':
    put_string(s, spec, va_arg(*ap, const char *));
    break;
  case 'c':
    c = (char)va_arg(*ap, int);
    put_text(s, spec, &c, 1);
    break;
  default:
    put(s, letter);
  }
}

int
vsnprintk(char *buf, size_t n, const char *fmt, va_list ap)
{
  struct sink s = { buf, n, 0 };
  struct spec spec;
  va_list args;
  va_copy(args, ap);
  for(; *fmt; fmt++){
    if(*fmt != '%'){
      put(&s, *fmt);
      continue;
    }
    fmt = parse_spec(fmt + 1, &spec, &args);
    if(*fmt == 0)
      break;
    convert(&s, *fmt, &spec, &args);
  }
  va_end(args);
  if(n)
    buf[min(s.len, n - 1)] = 0;
  return (int)s.len;
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
