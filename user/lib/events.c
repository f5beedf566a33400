// SPDX-License-Identifier: MIT
//
// The text of /proc/trace, event by event.

#include "user/ulib.h"
#include "user/user.h"

static uint64 events;

static uint64
decimal(const char *s)
{
  uint64 n = 0;

  for(; *s >= '0' && *s <= '9'; s++)
    n = n * 10 + (*s - '0');
  return n;
}

// task-tid [hart] seconds: event: arguments; the task has 16 columns.
static void
line(const char *s, void (*each)(long tid, uint64 ns, const char *name, const char *args))
{
  enum { TASK = 16 };
  const char *time, *name, *args;

  if(s[0] == '#' || strlen(s) < TASK || !(time = strchr(s + TASK, ']')))
    return;
  time = skip_blanks(time + 1);
  name = strchr(time, ':');
  args = name ? strchr(name + 1, ':') : NULL;
  events++;
  if(args)
    each(decimal(s + TASK + 1), decimal(time) * 1000000000 + decimal(strchr(time, '.') + 1),
         skip_blanks(name + 1), skip_blanks(args + 1));
}

void
events_read(int fd, void (*each)(long tid, uint64 ns, const char *name, const char *args))
{
  static struct text rest;
  static char buf[16384];
  long n;

  while((n = sys_read(fd, buf, sizeof buf)) > 0)
    for(long i = 0; i < n; i++)
      if(buf[i] != '\n'){
        text_put(&rest, buf[i]);
      } else if(rest.n){
        line(rest.s, each);
        text_clear(&rest);
      }
}

static void
skip(long tid, uint64 ns, const char *name, const char *args)
{
}

long
events_lost(int fd)
{
  struct text t = { 0 };
  uint64 seen = 0;

  events_read(fd, skip);
  setting_read("/proc/trace", &t);
  for(const char *s = t.s; (s = strchr(s, '#')) != NULL && starts_with(s, "# "); s++)
    if(starts_with(s, "# hart"))
      seen += decimal(skip_blanks(strchr(s, ':') + 1));
  text_free(&t);
  return seen > events ? seen - events : 0;
}
