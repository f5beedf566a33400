// SPDX-License-Identifier: MIT
//
// strace: the system calls of a program, from the kernel's trace.  The program is not
// stopped: the kernel notes each call, and what its arguments point to, as it goes by.
// -f: its children too; -p: of a process that runs already; -e: these calls only;
// -c: how many, in the end; -o: to a file.

#include "user/strace.h"

static const char setting[] = "/proc/sys/kernel/trace", events[] = "/proc/trace";

struct watched {
  long tid;
  bool gone;
  struct call call;
};
static struct list tasks, wanted;
static bool follow, count_only;
static int to = 2;
static long program = -1;               // nothing is shown before its execve
static volatile bool stop;

static struct { long calls, errors; uint64 ns; } totals[512];

// ---- Numbers and words of a line ----

static long
number(const char *s)
{
  long n = 0;

  for(const char *p = s + (*s == '-'); *p >= '0' && *p <= '9'; p++)
    n = n * 10 + (*p - '0');
  return *s == '-' ? -n : n;
}

static uint64
hex(const char *s)
{
  uint64 n = 0;

  for(s = skip_blanks(s);; s++)
    if(*s >= '0' && *s <= '9')
      n = n * 16 + (*s - '0');
    else if(*s >= 'a' && *s <= 'f')
      n = n * 16 + (*s - 'a' + 10);
    else
      return n;
}

static const char *
next_word(const char *s)
{
  while(*s && *s != ' ')
    s++;
  return skip_blanks(s);
}

// ---- Who is watched ----

static struct watched *
find(long tid)
{
  for(size_t i = 0; i < tasks.n; i++){
    struct watched *w = tasks.p[i];
    if(w->tid == tid)
      return w;
  }
  return NULL;
}

static void
watch(long tid)
{
  struct watched *w = must_malloc(sizeof *w);

  memset(w, 0, sizeof *w);
  w->tid = tid;
  list_add(&tasks, w);
}

static bool
all_gone(void)
{
  for(size_t i = 0; i < tasks.n; i++)
    if(!((struct watched *)tasks.p[i])->gone)
      return false;
  return true;
}

// ---- What is shown ----

// -e name,name...
static void
want(char *list)
{
  for(char *s = list, *end; s; s = end ? end + 1 : NULL){
    end = strchr(s, ',');
    char *name = end ? must_copy_n(s, end - s) : must_copy(s);
    if(!call_exists(name))
      die("there is no system call %s", name);
    list_add(&wanted, name);
  }
}

static bool
is_wanted(long nr)
{
  for(size_t i = 0; i < wanted.n; i++)
    if(strcmp(wanted.p[i], call_name(nr)) == 0)
      return true;
  return wanted.n == 0;
}

static void
put_line(const struct watched *w, const struct text *t)
{
  struct text line = { 0 };

  if(tasks.n > 1)
    text_format(&line, "[pid %5ld] ", w->tid);
  text_format(&line, "%s\n", t->s);
  write_all(to, line.s, line.n);
  text_free(&line);
}

static void
count(const struct call *c, bool ended)
{
  size_t i = c->nr < 512 ? c->nr : 511;

  totals[i].calls++;
  totals[i].errors += ended && c->result < 0 && c->result > -512;
  totals[i].ns += ended ? c->ended - c->begun : 0;
}

static void
finish(struct watched *w, bool ended)
{
  struct text t = { 0 };

  if(!w->call.running)
    return;
  w->call.running = false;
  if(program >= 0 || !is_wanted(w->call.nr))
    return;
  if(count_only){
    count(&w->call, ended);
    return;
  }
  call_show(&t, &w->call, ended);
  put_line(w, &t);
  text_free(&t);
}

static void
say_exit(struct watched *w, const char *args)
{
  struct text t = { 0 };
  int status = hex(args);

  finish(w, false);
  w->gone = true;
  if(count_only)
    return;
  if(status & 0x7f)
    text_format(&t, "+++ killed by signal %d +++", status & 0x7f);
  else
    text_format(&t, "+++ exited with %d +++", status >> 8 & 0xff);
  put_line(w, &t);
  text_free(&t);
}

static void
show_totals(void)
{
  long calls = 0, errors = 0;

  fprintf(to, "%10s %9s %9s %s\n", "usecs", "calls", "errors", "syscall");
  for(;;){
    size_t most = 0;
    for(size_t i = 1; i < 512; i++)
      if(totals[i].calls && (!totals[most].calls || totals[i].ns > totals[most].ns))
        most = i;
    if(!totals[most].calls)
      break;
    fprintf(to, "%10lu %9ld %9ld %s\n", totals[most].ns / 1000, totals[most].calls,
            totals[most].errors, call_name(most));
    calls += totals[most].calls;
    errors += totals[most].errors;
    totals[most].calls = 0;
  }
  fprintf(to, "%10s %9ld %9ld total\n", "", calls, errors);
}

// ---- Events ----

static void
begin(struct watched *w, uint64 ns, const char *args)
{
  struct call *c = &w->call;

  finish(w, false);
  memset(c, 0, sizeof *c);
  c->nr = number(next_word(args));
  const char *s = strchr(args, '(');
  for(int i = 0; s && i < 3; i++){
    c->args[i] = hex(s + 1);
    s = strchr(s + 1, ',');
    if(s)
      s++;
  }
  c->begun = ns;
  c->running = true;
  if(w->tid == program && strcmp(call_name(c->nr), "execve") == 0)
    program = -1;
}

static void
more_arguments(struct call *c, const char *s)
{
  for(int i = 3; i < CALL_ARGS; i++){
    c->args[i] = hex(s);
    s = next_word(s);
  }
}

// Which argument, from which byte on and how many, then the bytes.
static void
note_data(struct call *c, const char *s)
{
  uint64 what = hex(s), chunk[3];
  size_t i = what & 0xff, at = what >> 8 & 0xff, n = what >> 16;

  for(int k = 0; k < 3; k++){
    s = next_word(s);
    chunk[k] = hex(s);
  }
  if(i >= CALL_ARGS || n > sizeof chunk || at + n > CALL_DATA)
    return;
  memcpy(c->data[i].bytes + at, chunk, n);
  c->data[i].n = at + n;
}

static void
event(long tid, uint64 ns, const char *name, const char *args)
{
  struct watched *w = find(tid);

  if(!w)
    return;
  if(starts_with(name, "sys_enter")){
    begin(w, ns, args);
  } else if(starts_with(name, "arg_more")){
    more_arguments(&w->call, args);
  } else if(starts_with(name, "arg_data")){
    note_data(&w->call, args);
  } else if(starts_with(name, "fork") && follow){
    watch(number(strchr(args, '=') + 1));
  } else if(starts_with(name, "exit")){
    say_exit(w, strchr(args, '=') + 1);
  } else if(starts_with(name, "sys_exit")){
    w->call.result = number(strchr(args, '=') + 2);
    w->call.ended = ns;
    finish(w, true);
  }
}

// ---- The program ----

static void
choose(const char *names)
{
  long fd = sys_open(setting, O_WRONLY, 0);
  long r = fd < 0 ? fd : write_all(fd, names, strlen(names));

  if(r < 0)
    die("%s: %s", setting, error_text(r));
  sys_close(fd);
}

static void
on_signal(int sig)
{
  stop = true;
}

static long
start(char **argv)
{
  long pid = sys_fork();

  if(pid == 0){
    long r = program_run(argv);
    warn_error(argv[0], r);
    exit(127);
  }
  if(pid < 0)
    warn_error("fork", pid);
  return pid;
}

static bool
exists(long pid)
{
  struct process *p = process_read(pid);
  bool yes = p && p->state != 'Z';

  if(p)
    process_free(p);
  return yes;
}

static void
watch_all(int fd, long pid, int *status)
{
  static const struct timespec while_ = { .nsec = 5000000 };
  bool mine = *status == 0, over = false;

  while(!over && !stop){
    sys_nanosleep(&while_, NULL);
    if(mine && sys_wait4(pid, status, WNOHANG, NULL) == pid)
      mine = false;
    over = all_gone() || (!mine && !follow && !exists(pid));
    events_read(fd, event);
  }
  for(size_t i = 0; i < tasks.n; i++)
    finish(tasks.p[i], false);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "cfe:o:p:",
                       "strace [-cf] [-e call,...] [-o file] (-p pid | program [argument ...])" };
  long pid = 0;
  int status = 0;

  for(int c; (c = option(&o)) != 0;){
    follow |= c == 'f';
    count_only |= c == 'c';
    if(c == 'e')
      want(starts_with(o.value, "trace=") ? o.value + 6 : o.value);
    if(c == 'p' && (!parse_long(o.value, &pid) || !exists(pid)))
      die("there is no process %s", o.value);
    if(c == 'o' && (to = sys_open(o.value, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) < 0)
      die("%s: %s", o.value, error_text(to));
  }
  if((pid != 0) == (o.at < argc))
    usage(&o);
  struct sig_action act = { .handler = (uint64)on_signal };
  sys_sigaction(SIGINT, &act, NULL);
  sys_sigaction(SIGTERM, &act, NULL);
  choose("sys,arg,fork,exit");
  int fd = sys_open(events, O_RDONLY | O_CLOEXEC, 0);
  bool own = pid == 0;
  if(own)
    program = pid = start(argv + o.at);
  watch(pid);
  status = own ? 0 : -1;
  if(fd >= 0 && pid > 0)
    watch_all(fd, pid, &status);
  choose("off");
  long lost = events_lost(fd);
  if(lost)
    warn("%ld events were lost", lost);
  if(count_only)
    show_totals();
  choose("free");
  return !own || stop ? 0 : wait_signal(status) ? 128 + wait_signal(status) : wait_code(status);
}
