// SPDX-License-Identifier: MIT
//
// ps: the processes, from /proc: number, parent, state, memory in use (KiB,
// resident and mapped), processor time, name.

#include "user/ulib.h"
#include "user/user.h"

enum { STAT_STATE = 0, STAT_PPID = 1, STAT_UTIME = 11, STAT_STIME = 12, STAT_VSIZE = 20,
       STAT_RSS = 21, TICKS = 100, PAGE_KIB = 4 };

// Field i of what follows the name in /proc/<pid>/stat.
static const char *
field(const char *s, int i)
{
  s = skip_blanks(s);
  for(; i > 0 && *s; i--){
    while(*s && *s != ' ')
      s++;
    s = skip_blanks(s);
  }
  return s;
}

static long
number(const char *s, int i)
{
  long n = 0;
  for(s = field(s, i); *s >= '0' && *s <= '9'; s++)
    n = n * 10 + (*s - '0');
  return n;
}

// The name stands in parentheses and may hold some itself.
static void
put(const char *pid, char *text)
{
  char *name = strchr(text, '('), *end = find_last(text, ')');

  if(!name || !end || end < name)
    return;
  *end = 0;
  const char *rest = end + 1;
  long ticks = number(rest, STAT_UTIME) + number(rest, STAT_STIME);
  out("%5s %5ld %c %8ld %8ld %4ld.%02ld %s\n", pid, number(rest, STAT_PPID),
      *field(rest, STAT_STATE), number(rest, STAT_RSS) * PAGE_KIB,
      number(rest, STAT_VSIZE) / 1024, ticks / TICKS, ticks % TICKS, name + 1);
}

static int
compare_pids(const void *a, const void *b)
{
  return (int)strlen(a) - (int)strlen(b) ?: strcmp(a, b);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "ps" };
  struct list names = { 0 };
  struct text path = { 0 }, text = { 0 };
  long pid;

  option(&o);
  if(o.at != argc)
    usage(&o);
  long r = directory_names("/proc", &names);
  if(r < 0)
    die("/proc: %s", error_text(r));
  list_sort(&names, compare_pids);
  out("  PID  PPID S      RSS      VSZ    TIME NAME\n");
  for(size_t i = 0; i < names.n; i++){
    if(!parse_long(names.p[i], &pid))
      continue;
    text_clear(&path);
    text_format(&path, "/proc/%ld/stat", pid);
    if(read_file(path.s, &text))       // or it has ended meanwhile
      put(names.p[i], text.s);
  }
  return 0;
}
