// SPDX-License-Identifier: MIT
//
// One formatter for all printing functions.  It allocates nothing and needs
// little stack: xv6's programs have one page of it.

#include "user/ulib.h"
#include "user/user.h"

// What stands between the % and the conversion.
struct spec {
  int width, precision;      // precision < 0: none
  bool left, zero, wide;
};

static void
put_repeated(struct ulib_sink *s, char c, int n)
{
  while(n-- > 0)
    s->put(s, &c, 1);
}

static void
put_field(struct ulib_sink *s, const char *text, int n, const struct spec *f)
{
  if(!f->left)
    put_repeated(s, ' ', f->width - n);
  s->put(s, text, n);
  if(f->left)
    put_repeated(s, ' ', f->width - n);
}

static void
put_number(struct ulib_sink *s, uint64 value, uint base, bool negative, bool capitals,
           const struct spec *f)
{
  const char *digits = capitals ? "0123456789ABCDEF" : "0123456789abcdef";
  char buf[24];
  int at = sizeof(buf);

  do {
    buf[--at] = digits[value % base];
    value /= base;
  } while(value);
  if(f->zero && !f->left){
    if(negative)
      s->put(s, "-", 1);
    put_repeated(s, '0', f->width - (int)(sizeof(buf) - at) - negative);
    s->put(s, buf + at, sizeof(buf) - at);
    return;
  }
  if(negative)
    buf[--at] = '-';
  put_field(s, buf + at, sizeof(buf) - at, f);
}

static void
put_pointer(struct ulib_sink *s, uint64 value, bool capitals)
{
  struct spec f = { .width = 16, .zero = true };
  s->put(s, "0x", 2);
  put_number(s, value, 16, false, capitals, &f);
}

static void
put_string(struct ulib_sink *s, const char *text, const struct spec *f)
{
  int n = 0;
  if(!text)
    text = "(null)";
  while((f->precision < 0 || n < f->precision) && text[n])
    n++;
  put_field(s, text, n, f);
}

static int
parse_number(const char **p, va_list *ap)
{
  int n = 0;
  if(**p == '*'){
    (*p)++;
    return va_arg(*ap, int);
  }
  for(; **p >= '0' && **p <= '9'; (*p)++)
    n = n * 10 + (**p - '0');
  return n;
}

static const char *
parse_spec(const char *p, struct spec *f, va_list *ap)
{
  *f = (struct spec){ .precision = -1 };
  for(; *p == '-' || *p == '0'; p++){
    f->left |= *p == '-';
    f->zero |= *p == '0';
  }
  f->width = parse_number(&p, ap);
  if(f->width < 0){
    f->left = true;
    f->width = -f->width;
  }
  if(*p == '.'){
    p++;
    f->precision = parse_number(&p, ap);
  }
  for(; *p == 'l'; p++)
    f->wide = true;
  return p;
}

static uint64
unsigned_arg(const struct spec *f, va_list *ap)
{
  return f->wide ? va_arg(*ap, uint64) : va_arg(*ap, uint);
}

static void
put_conversion(struct ulib_sink *s, char conversion, const struct spec *f, va_list *ap)
{
  char c;
  long n;

  switch(conversion){
  case 'd':
  case 'i':
    n = f->wide ? va_arg(*ap, long) : va_arg(*ap, int);
    put_number(s, n < 0 ? -(uint64)n : (uint64)n, 10, n < 0, false, f);
    break;
  case 'u':
    put_number(s, unsigned_arg(f, ap), 10, false, false, f);
    break;
  case 'o':
    put_number(s, unsigned_arg(f, ap), 8, false, false, f);
    break;
  case 'x':
    put_number(s, unsigned_arg(f, ap), 16, false, s->capitals, f);
    break;
  case 'p':
    put_pointer(s, va_arg(*ap, uint64), s->capitals);
    break;
  case 'c':
    c = va_arg(*ap, int);
    put_field(s, &c, 1, f);
    break;
  case 's':
    put_string(s, va_arg(*ap, char *), f);
    break;
  case '%':
    s->put(s, "%", 1);
    break;
  default:
    // Show what was not understood.
    s->put(s, "%", 1);
    s->put(s, &conversion, 1);
  }
}

void
ulib_format(struct ulib_sink *s, const char *fmt, va_list args)
{
  struct spec f;
  va_list ap;

  va_copy(ap, args);
  while(*fmt){
    const char *plain = fmt;
    while(*fmt && *fmt != '%')
      fmt++;
    if(fmt > plain)
      s->put(s, plain, fmt - plain);
    if(!*fmt)
      break;
    fmt = parse_spec(fmt + 1, &f, &ap);
    if(!*fmt)
      break;
    put_conversion(s, *fmt++, &f, &ap);
  }
  va_end(ap);
}
