// SPDX-License-Identifier: MIT
//
// sort: the lines of files in order; -r: backwards; -n: by the number they
// begin with; -u: equal ones once.

#include "user/ulib.h"
#include "user/user.h"

static bool reverse, numeric, unique;

// A number of any length: sign, digits, fraction.
struct number {
  bool negative;
  const char *digits, *fraction;
  size_t n_digits, n_fraction;
};

static size_t
count_digits(const char *s)
{
  size_t n = 0;
  while(s[n] >= '0' && s[n] <= '9')
    n++;
  return n;
}

static struct number
parse(const char *s)
{
  struct number x = { 0 };

  s = skip_blanks(s);
  if(*s == '-')
    x.negative = true, s++;
  while(*s == '0')
    s++;
  x.digits = s;
  x.n_digits = count_digits(s);
  s += x.n_digits;
  x.fraction = *s == '.' ? s + 1 : s;
  x.n_fraction = *s == '.' ? count_digits(x.fraction) : 0;
  while(x.n_fraction > 0 && x.fraction[x.n_fraction - 1] == '0')
    x.n_fraction--;
  if(x.n_digits == 0 && x.n_fraction == 0)
    x.negative = false;
  return x;
}

static int
compare_magnitudes(const struct number *x, const struct number *y)
{
  if(x->n_digits != y->n_digits)
    return x->n_digits < y->n_digits ? -1 : 1;
  int c = memcmp(x->digits, y->digits, x->n_digits);
  if(c)
    return c;
  size_t n = x->n_fraction < y->n_fraction ? x->n_fraction : y->n_fraction;
  c = memcmp(x->fraction, y->fraction, n);
  if(c || x->n_fraction == y->n_fraction)
    return c;
  return x->n_fraction < y->n_fraction ? -1 : 1;
}

static int
compare_numbers(const char *a, const char *b)
{
  struct number x = parse(a), y = parse(b);

  if(x.negative != y.negative)
    return x.negative ? -1 : 1;
  int c = compare_magnitudes(&x, &y);
  return x.negative ? -c : c;
}

static int
compare_keys(const void *a, const void *b)
{
  return numeric ? compare_numbers(a, b) : strcmp(a, b);
}

static int
compare(const void *a, const void *b)
{
  int c = compare_keys(a, b);
  if(c == 0 && numeric && !unique)
    c = strcmp(a, b);
  return reverse ? -c : c;
}

static bool
collect(const char *path, struct list *lines)
{
  struct input in;
  char *line;
  size_t n;
  int fd = open_operand(path);

  if(fd < 0)
    return false;
  input_init(&in, fd);
  while((line = input_line(&in, &n)) != NULL)
    list_add(lines, must_copy_n(line, n));
  if(in.error)
    warn_error(path, in.error);
  input_free(&in);
  close_operand(fd);
  return in.error == 0;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "rnu", "sort [-r] [-n] [-u] [file ...]" };
  struct list lines = { 0 };
  bool ok = true;

  for(int c; (c = option(&o)) != 0;){
    reverse |= c == 'r';
    numeric |= c == 'n';
    unique |= c == 'u';
  }
  if(o.at == argc)
    ok = collect("-", &lines);
  for(int i = o.at; i < argc; i++)
    ok &= collect(argv[i], &lines);
  list_sort(&lines, compare);
  for(size_t i = 0; i < lines.n; i++)
    if(i == 0 || !unique || compare_keys(lines.p[i - 1], lines.p[i]) != 0)
      out("%s\n", (char *)lines.p[i]);
  return !ok;
}
