// SPDX-License-Identifier: MIT
//
// grep: print the lines that match a pattern.  In a pattern, `.` is any
// character, `x*` any number of x, a leading `^` the start and a final `$` the
// end of the line, and a backslash makes the next character mean itself.
// -v: lines that do not; -n: with numbers; -i: upper and lower case alike;
// -c: only count them; -q: only the status.  Status 0 if a line was selected,
// 1 if none, 2 after an error.

#include "user/ulib.h"
#include "user/user.h"

// The pattern is run as a machine with one state in front of each element and
// one behind the last, all followed at once: time is lines times elements,
// whatever the pattern.
struct element {
  char c;
  bool any, star;
};

static struct element *elements;
static size_t n_elements;
static bool at_start, at_end;          // ^ and $
static bool *now, *next;               // sets of states

static bool inverted, numbered, fold_case, count_only, quiet, names;
static long selected;

static char
fold(char c)
{
  return fold_case && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static void
compile(const char *p)
{
  size_t most = strlen(p) + 1;

  elements = must_malloc(most * sizeof(*elements));
  now = must_malloc(most);
  next = must_malloc(most);
  at_start = *p == '^';
  for(p += at_start; *p; p++){
    struct element e = { 0 };
    if(p[0] == '$' && p[1] == 0){
      at_end = true;
      break;
    }
    e.any = *p == '.';
    if(p[0] == '\\' && p[1])
      p++;
    e.c = fold(*p);
    e.star = p[1] == '*';
    p += e.star;
    elements[n_elements++] = e;
  }
}

// Enter a state, and those behind it that need no character.
static void
enter(bool *states, size_t i)
{
  states[i] = true;
  while(i < n_elements && elements[i].star)
    states[++i] = true;
}

static void
step(char c)
{
  memset(next, 0, n_elements + 1);
  for(size_t i = 0; i < n_elements; i++){
    struct element *e = &elements[i];
    if(now[i] && (e->any || e->c == c))
      enter(next, e->star ? i : i + 1);
  }
  bool *swap = now;
  now = next;
  next = swap;
}

static bool
matches(const char *line, size_t n)
{
  memset(now, 0, n_elements + 1);
  enter(now, 0);
  for(size_t i = 0; i < n; i++){
    if(now[n_elements] && !at_end)
      return true;
    step(fold(line[i]));
    if(!at_start)
      enter(now, 0);
  }
  return now[n_elements];
}

// => false after a complaint
static bool
grep(int fd, const char *name)
{
  struct input in;
  char *line;
  size_t n;
  long number = 0, found = 0;

  input_init(&in, fd);
  while((line = input_line(&in, &n)) != NULL){
    number++;
    if(matches(line, n) == inverted)
      continue;
    found++;
    if(quiet)
      exit(0);
    if(count_only)
      continue;
    if(names)
      out("%s:", name);
    if(numbered)
      out("%ld:", number);
    out_bytes(line, n);
    out("\n");
  }
  if(count_only && !quiet)
    out(names ? "%s:%ld\n" : "%.0s%ld\n", name, found);
  if(in.error)
    warn_error(name, in.error);
  input_free(&in);
  selected += found;
  return in.error == 0;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "vnicq", "grep [-v] [-n] [-i] [-c] [-q] pattern [file ...]" };
  bool ok = true;

  for(int c; (c = option(&o)) != 0;){
    inverted |= c == 'v';
    numbered |= c == 'n';
    fold_case |= c == 'i';
    count_only |= c == 'c';
    quiet |= c == 'q';
  }
  if(o.at == argc)
    usage(&o);
  compile(argv[o.at++]);
  names = argc - o.at > 1;
  if(o.at == argc)
    ok = grep(0, "standard input");
  for(int i = o.at; i < argc; i++){
    int fd = open_operand(argv[i]);
    ok &= fd >= 0 && grep(fd, argv[i]);
    if(fd >= 0)
      close_operand(fd);
  }
  return !ok ? 2 : selected == 0;
}
