// SPDX-License-Identifier: MIT
//
// ps: the processes, from /proc.  -o: the columns named, each perhaps with a heading of
// one's own behind a '='.  All are shown anyway, so -e and -A change nothing; -f, and BSD's
// letters without a '-', are columns that tell more, -l others.  --sort=[-]column: the least,
// or the most, first.

#include "user/ulib.h"
#include "user/user.h"

enum { TICKS = 100 };

// ---- Columns ----

struct column {
  const char *name, *heading;
  int width;                   // negative: text, to the left
  void (*put)(struct text *t, const struct process *p);
};

#define NUMBER(field)                                   \
  static void                                           \
  put_##field(struct text *t, const struct process *p)  \
  {                                                     \
    text_format(t, "%ld", p->field);                    \
  }
NUMBER(pid) NUMBER(ppid) NUMBER(pgid) NUMBER(sid) NUMBER(threads) NUMBER(minor) NUMBER(major)
NUMBER(vsize) NUMBER(rss) NUMBER(priority) NUMBER(nice)

static void
put_state(struct text *t, const struct process *p)
{
  text_put(t, p->state);
}

static void
put_time(struct text *t, const struct process *p)
{
  long ticks = p->user + p->system;

  text_format(t, "%ld.%02ld", ticks / TICKS, ticks % TICKS);
}

// The function of the kernel that it waits in.
static void
put_wchan(struct text *t, const struct process *p)
{
  struct text path = { 0 }, name = { 0 };

  text_format(&path, "/proc/%ld/wchan", p->pid);
  bool waits = read_file(path.s, &name) && name.n && name.s[0] != '0';
  text_format(t, "%s", waits ? name.s : "-");
  text_free(&path);
  text_free(&name);
}

static void
put_name(struct text *t, const struct process *p)
{
  text_format(t, "%s", p->name);
}

static void
put_command(struct text *t, const struct process *p)
{
  if(p->arguments)
    text_format(t, "%s", p->arguments);
  else
    text_format(t, "[%s]", p->name);
}

static const struct column columns[] = {
  { "pid", "PID", 5, put_pid }, { "ppid", "PPID", 5, put_ppid }, { "pgid", "PGID", 5, put_pgid },
  { "pgrp", "PGRP", 5, put_pgid }, { "sid", "SID", 5, put_sid }, { "sess", "SESS", 5, put_sid },
  { "nlwp", "NLWP", 4, put_threads }, { "thcount", "THCNT", 5, put_threads },
  { "s", "S", -1, put_state }, { "state", "S", -1, put_state }, { "stat", "STAT", -4, put_state },
  { "rss", "RSS", 8, put_rss }, { "rssize", "RSS", 8, put_rss },
  { "vsz", "VSZ", 8, put_vsize }, { "vsize", "VSZ", 8, put_vsize },
  { "min_flt", "MINFL", 6, put_minor }, { "minflt", "MINFL", 6, put_minor },
  { "maj_flt", "MAJFL", 6, put_major }, { "majflt", "MAJFL", 6, put_major },
  { "pri", "PRI", 3, put_priority }, { "ni", "NI", 3, put_nice }, { "nice", "NI", 3, put_nice },
  { "wchan", "WCHAN", -16, put_wchan },
  { "time", "TIME", 7, put_time }, { "cputime", "TIME", 7, put_time },
  { "name", "NAME", -15, put_name }, { "comm", "COMMAND", -15, put_name },
  { "ucmd", "CMD", -15, put_name }, { "cmd", "CMD", -27, put_command },
  { "args", "COMMAND", -27, put_command }, { "command", "COMMAND", -27, put_command },
};

static struct list chosen;     // struct column *
static const struct column *order;
static bool most_first;

static const struct column *
find_column(const char *name)
{
  for(size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
    if(strcmp(columns[i].name, name) == 0)
      return &columns[i];
  die("no column %s", name);
}

// "pid,rss,cmd", each perhaps with a heading behind it: "pid=NUMBER".
static void
choose(const char *names)
{
  for(char *word = must_copy(names), *next; word; word = next){
    if((next = strchr(word, ',')) != NULL)
      *next++ = 0;
    char *heading = strchr(word, '=');
    if(heading)
      *heading++ = 0;
    struct column *c = must_malloc(sizeof *c);
    *c = *find_column(word);
    if(heading)
      c->heading = heading;
    list_add(&chosen, c);
  }
}

// "rss", or "-rss": the most first.
static void
sort_by(const char *name)
{
  most_first = *name == '-';
  order = find_column(name + (*name == '-' || *name == '+'));
}

// As numbers, if their columns are.
static int
in_order(const void *a, const void *b)
{
  struct text x = { 0 }, y = { 0 };

  order->put(&x, a);
  order->put(&y, b);
  int by = order->width > 0 && strchr(x.s, '.') == NULL ?
           (atoi(x.s) > atoi(y.s)) - (atoi(x.s) < atoi(y.s)) : strcmp(x.s, y.s);
  text_free(&x);
  text_free(&y);
  return most_first ? -by : by;
}

// ---- Lines ----

// A line of all columns: those of p, or the headings.
static void
put_line(const struct process *p)
{
  struct text t = { 0 };

  for(size_t i = 0; i < chosen.n; i++){
    const struct column *c = chosen.p[i];
    bool last = i + 1 == chosen.n;
    text_clear(&t);
    if(p)
      c->put(&t, p);
    else
      text_format(&t, "%s", c->heading);
    int gap = (c->width < 0 ? -c->width : c->width) - (int)t.n;
    if(c->width > 0)
      out("%*s", gap > 0 ? gap : 0, "");
    out("%s", t.s);
    if(c->width < 0 && !last)
      out("%*s", gap > 0 ? gap : 0, "");
    out(last ? "\n" : " ");
  }
  text_free(&t);
}

static bool
has_headings(void)
{
  for(size_t i = 0; i < chosen.n; i++)
    if(*((struct column *)chosen.p[i])->heading)
      return true;
  return false;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "eAflo:-:",
                       "ps [-efl] [-o column[=heading],...] [--sort=[-]column] [aux]" };
  bool more = false, longer = false;
  struct list all = { 0 };

  for(int c; (c = option(&o)) != 0;)
    if(c == 'o')
      choose(o.value);
    else if(c == '-' && starts_with(o.value, "sort="))
      sort_by(o.value + strlen("sort="));
    else if(c == '-')
      usage(&o);
    else
      *(c == 'l' ? &longer : &more) |= c == 'l' || c == 'f';
  if(o.at + 1 == argc && (strcmp(argv[o.at], "aux") == 0 || strcmp(argv[o.at], "ax") == 0))
    more = argv[o.at++];
  if(o.at != argc)
    usage(&o);
  if(chosen.n == 0)
    choose(longer ? "s,pid,ppid,pri,ni,rss,vsz,wchan,time,name" :
           more ? "pid,ppid,s,rss,vsz,minflt,majflt,time,args" : "pid,ppid,s,rss,vsz,time,name");
  processes_read(&all);
  if(order)
    list_sort(&all, in_order);
  if(has_headings())
    put_line(NULL);
  for(size_t i = 0; i < all.n; i++)
    put_line(all.p[i]);
  return 0;
}
