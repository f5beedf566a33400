// SPDX-License-Identifier: MIT
//
// Processes as /proc tells of them.

#include "user/ulib.h"
#include "user/user.h"

// Fields of /proc/<pid>/stat behind the name.
enum { STATE, PPID, PGID, SID, MINOR = 7, MAJOR = 9, UTIME = 11, STIME, PRIORITY = 15, NICE,
       THREADS, START = 19,
       VSIZE, RSS, FIELDS };

static void
parse_fields(struct process *p, const char *s)
{
  long field[FIELDS] = { 0 };

  p->state = *(s = skip_blanks(s));
  for(int i = 0; i < FIELDS && *s; i++){
    bool negative = *s == '-';
    for(s += negative; *s >= '0' && *s <= '9'; s++)
      field[i] = field[i] * 10 + (*s - '0');
    field[i] = negative ? -field[i] : field[i];
    while(*s && *s != ' ')
      s++;
    s = skip_blanks(s);
  }
  p->ppid = field[PPID];
  p->pgid = field[PGID];
  p->sid = field[SID];
  p->minor = field[MINOR];
  p->major = field[MAJOR];
  p->user = field[UTIME];
  p->system = field[STIME];
  p->priority = field[PRIORITY];
  p->nice = field[NICE];
  p->threads = field[THREADS];
  p->start = field[START];
  p->vsize = field[VSIZE] / 1024;
  p->rss = field[RSS] * 4;
}

// The strings of a command line with blanks between them.
static char *
arguments(long pid)
{
  struct text path = { 0 }, t = { 0 };

  text_format(&path, "/proc/%ld/cmdline", pid);
  bool there = read_file(path.s, &t) && t.n > 0;
  for(size_t i = 0; there && i + 1 < t.n; i++)
    if(!t.s[i])
      t.s[i] = ' ';
  text_free(&path);
  if(there)
    return t.s;
  text_free(&t);
  return NULL;
}

struct process *
process_read(long pid)
{
  struct text path = { 0 }, t = { 0 };
  struct process *p = NULL;
  char *name, *end;

  text_format(&path, "/proc/%ld/stat", pid);
  // The name stands in parentheses and may hold some itself.
  if(read_file(path.s, &t) && (name = strchr(t.s, '(')) && (end = find_last(t.s, ')')) > name){
    p = must_malloc(sizeof *p);
    *p = (struct process){ .pid = pid, .name = must_copy_n(name + 1, end - name - 1) };
    parse_fields(p, end + 1);
    p->arguments = arguments(pid);
  }
  text_free(&t);
  text_free(&path);
  return p;
}

void
process_free(struct process *p)
{
  free(p->name);
  free(p->arguments);
  free(p);
}

static int
compare_pids(const void *a, const void *b)
{
  const struct process *x = a, *y = b;

  return x->pid < y->pid ? -1 : x->pid > y->pid;
}

void
processes_read(struct list *l)
{
  struct list names = { 0 };
  long pid, r = directory_names("/proc", &names);

  if(r < 0)
    die("/proc: %s", error_text(r));
  for(size_t i = 0; i < names.n; i++){
    struct process *p = parse_long(names.p[i], &pid) ? process_read(pid) : NULL;
    if(p)                            // or it has ended meanwhile
      list_add(l, p);
  }
  list_free(&names, true);
  list_sort(l, compare_pids);
}

void
processes_free(struct list *l)
{
  for(size_t i = 0; i < l->n; i++)
    process_free(l->p[i]);
  list_free(l, false);
}
