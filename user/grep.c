// SPDX-License-Identifier: MIT
//
// grep: print the lines that match a pattern.  In a pattern, `.` is any
// character, `[a-z]` one of these, `[^a-z]` none of them, `x*` any number of x, `x\+` one or
// more, `x\?` at most one, a leading `^` the start and a final `$` the end of the line, `x\|y`
// x or y, and a backslash makes any other character mean itself.  -E: `+`, `?` and `|` are
// written without their backslash, as in egrep; there are no groups.  -e PATTERN: this one
// too; -v: lines that do not; -n: with numbers; -i: upper and lower case alike; -c: only
// count them; -q: only the status.
// Status 0 if a line was selected, 1 if none, 2 after an error.

#include "user/ulib.h"
#include "user/user.h"

// A pattern is run as a machine with one state in front of each element and
// one behind the last, all followed at once: time is lines times elements,
// whatever the pattern.
struct element {
  bool many, optional;                 // any number more of it; none at all
  bool in[256];                        // the characters that fit
};

struct pattern {
  struct element *elements;
  size_t n;
  bool at_start, at_end;               // ^ and $
  bool *now, *next;                    // sets of states
};

static struct pattern *patterns;
static size_t n_patterns;

static bool extended, inverted, numbered, fold_case, count_only, quiet, names;
static long selected;

static unsigned char
fold(char c)
{
  return fold_case && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

// Behind a [: what is up to the ]; one that comes first means itself.
static const char *
compile_set(struct element *e, const char *p)
{
  bool but = *p == '^';
  const char *first = p += but;

  for(; *p && (*p != ']' || p == first); p++){
    unsigned char from = p[0], to = p[0];
    if(p[1] == '-' && p[2] && p[2] != ']'){
      to = p[2];
      p += 2;
    }
    for(int c = from; c <= to; c++)
      e->in[fold(c)] = true;
  }
  if(*p == 0){
    warn("a [ without its ]");
    exit(2);
  }
  for(int c = 0; but && c < 256; c++)
    e->in[c] = !e->in[c];
  return p + 1;
}

// Is the operator c at p, which has a backslash unless -E?
static bool
is_operator(const char *p, char c)
{
  return extended ? p[0] == c : p[0] == '\\' && p[1] == c;
}

// => behind the element at p
static const char *
compile_element(struct element *e, const char *p)
{
  if(*p == '[')
    return compile_set(e, p + 1);
  if(*p == '.'){
    memset(e->in, true, sizeof e->in);
    return p + 1;
  }
  if(extended && strchr("(){", *p)){
    warn("there are no groups and no counts: a %c is written \\%c", *p, *p);
    exit(2);
  }
  if(p[0] == '\\' && p[1])
    p++;
  e->in[fold(*p)] = true;
  return p + 1;
}

// How often, if that is said. => behind it
static const char *
compile_times(struct element *e, const char *p)
{
  bool any = *p == '*', some = is_operator(p, '+'), optional = is_operator(p, '?');
  e->many = any || some;
  e->optional = any || optional;
  return any ? p + 1 : some || optional ? p + 2 - extended : p;
}

// Where a pattern ends: with the text, or where the next one begins.
static bool
ends(const char *p)
{
  return p[0] == 0 || is_operator(p, '|');
}

static void
compile(const char *text)
{
  size_t most = strlen(text) + 1;
  struct pattern p = {
    .elements = must_malloc(most * sizeof(struct element)), .now = must_malloc(most),
    .next = must_malloc(most), .at_start = *text == '^',
  };

  for(text += p.at_start; !ends(text); ){
    if(text[0] == '$' && ends(text + 1)){
      p.at_end = true;
      text++;
      break;
    }
    struct element *e = &p.elements[p.n++];
    memset(e, 0, sizeof *e);
    text = compile_times(e, compile_element(e, text));
  }
  patterns = must_resize(patterns, (n_patterns + 1) * sizeof *patterns);
  patterns[n_patterns++] = p;
  if(*text)
    compile(text + 2 - extended);
}

// Enter a state, and those behind it that need no character.
static void
enter(const struct pattern *p, bool *states, size_t i)
{
  states[i] = true;
  while(i < p->n && p->elements[i].optional)
    states[++i] = true;
}

static void
step(struct pattern *p, char c)
{
  memset(p->next, 0, p->n + 1);
  for(size_t i = 0; i < p->n; i++){
    struct element *e = &p->elements[i];
    if(!p->now[i] || !e->in[fold(c)])
      continue;
    enter(p, p->next, i + 1);
    if(e->many)
      enter(p, p->next, i);
  }
  bool *swap = p->now;
  p->now = p->next;
  p->next = swap;
}

static bool
fits(struct pattern *p, const char *line, size_t n)
{
  memset(p->now, 0, p->n + 1);
  enter(p, p->now, 0);
  for(size_t i = 0; i < n; i++){
    if(p->now[p->n] && !p->at_end)
      return true;
    step(p, line[i]);
    if(!p->at_start)
      enter(p, p->now, 0);
  }
  return p->now[p->n];
}

static bool
matches(const char *line, size_t n)
{
  for(size_t i = 0; i < n_patterns; i++)
    if(fits(&patterns[i], line, n))
      return true;
  return false;
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
  struct options o = { argc, argv, "e:Evnicq",
                       "grep [-E] [-v] [-n] [-i] [-c] [-q] pattern | -e pattern ... [file ...]" };
  struct list given = { 0 };
  bool ok = true;

  for(int c; (c = option(&o)) != 0;){
    if(c == 'e')
      list_add(&given, o.value);
    extended |= c == 'E';
    inverted |= c == 'v';
    numbered |= c == 'n';
    fold_case |= c == 'i';
    count_only |= c == 'c';
    quiet |= c == 'q';
  }
  if(given.n == 0 && o.at == argc)
    usage(&o);
  if(given.n == 0)
    list_add(&given, argv[o.at++]);
  for(size_t i = 0; i < given.n; i++)      // by now -i is known
    compile(given.p[i]);
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
