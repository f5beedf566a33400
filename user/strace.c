// SPDX-License-Identifier: MIT
//
// strace: the system calls of a program, from the kernel's trace.  The program is not
// stopped: the kernel notes each call, and what its arguments point to, as it goes by.
// -f: its children too; -p: of a process that runs already; -e: these calls only;
// -c: how many, in the end; -o: to a file; -t, -tt, -r: when; -T: how long; -s: so much of
// strings.

#include "user/strace.h"

static const char setting[] = "/proc/sys/kernel/trace", events[] = "/proc/trace";

struct watched {
  long tid;
  bool gone;
  struct call call;
};
static struct list tasks;
static bool wanted[CALLS], all_wanted = true;
static bool follow, count_only, relative, times;
static int clock_digits = -1;           // behind the second; -1: no clock
static uint64 before, boot;             // the last call; when time began, in ns
static int to = 2;
static long program = -1;               // nothing is shown before its execve
static volatile bool stop;
static int quiet;                       // so often nothing was heard of those watched

static struct { long calls, errors; uint64 ns; } totals[CALLS];

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

static uint64
now(void)
{
  struct timespec t;

  sys_clock(CLOCK_MONOTONIC, &t);
  return t.sec * 1000000000UL + t.nsec;
}

static void
attach(long tid)
{
  watch(tid);
  if(to == 2 && !count_only)
    warn("Process %ld attached", tid);
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

// -e [trace=][!]name,name...
static void
want(char *list)
{
  bool some[CALLS] = { 0 }, not;

  list += starts_with(list, "trace=") ? strlen("trace=") : starts_with(list, "t=") ? 2 : 0;
  not = *list == '!';
  for(char *s = list + not, *end; s; s = end ? end + 1 : NULL){
    end = strchr(s, ',');
    char *name = end ? must_copy_n(s, end - s) : must_copy(s);
    if(!calls_named(name, some) && strcmp(name, "none") != 0)
      die("there is no system call %s", name);
    free(name);
  }
  for(long nr = 0; nr < CALLS; nr++)
    wanted[nr] |= some[nr] != not;
  all_wanted = false;
}

static bool
is_wanted(long nr)
{
  return all_wanted || (nr >= 0 && nr < CALLS && wanted[nr]);
}

// Whose line it is, and of when.
static void
begin_line(struct text *t, const struct watched *w, uint64 ns)
{
  enum { SECOND = 1000000000, DAY = 86400 };
  uint64 then = relative ? ns - (before ? before : ns) : boot + ns, s = then / SECOND % DAY;

  if(follow && to != 2)
    text_format(t, "%-5ld ", w->tid);
  else if(tasks.n > 1)
    text_format(t, "[pid %5ld] ", w->tid);
  if(relative)
    text_format(t, "%6lu.%06lu ", then / SECOND, then % SECOND / 1000);
  else if(clock_digits >= 0)
    text_format(t, "%02lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
  if(!relative && clock_digits > 0)
    text_format(t, ".%06lu", then % SECOND / 1000);
  if(!relative && clock_digits >= 0)
    text_put(t, ' ');
  before = ns;
}

static void
end_line(struct text *t)
{
  text_put(t, '\n');
  write_all(to, t->s, t->n);
  text_free(t);
}

static void
count(const struct call *c)
{
  size_t i = c->nr < CALLS ? c->nr : CALLS - 1;

  if(!c->ended)
    return;
  totals[i].calls++;
  totals[i].errors += c->result < 0 && c->result > -512;
  totals[i].ns += c->ended - c->begun;
}

static void
finish(struct watched *w)
{
  struct text t = { 0 };
  struct call *c = &w->call;

  if(!c->running)
    return;
  c->running = false;
  if(program >= 0 || !is_wanted(c->nr))
    return;
  if(count_only){
    count(c);
    return;
  }
  begin_line(&t, w, c->begun);
  call_show(&t, c, c->begun_shown ? RESUMED : WHOLE);
  if(times && c->ended)
    text_format(&t, " <%lu.%06lu>", (c->ended - c->begun) / 1000000000,
                (c->ended - c->begun) % 1000000000 / 1000);
  end_line(&t);
}

// Calls that take long are shown before they end.
static void
show_waiting(void)
{
  for(size_t i = 0; i < tasks.n; i++){
    struct watched *w = tasks.p[i];
    struct text t = { 0 };
    if(!w->call.running || w->call.begun_shown || program >= 0 || count_only ||
       !is_wanted(w->call.nr))
      continue;
    begin_line(&t, w, w->call.begun);
    call_show(&t, &w->call, BEGUN);
    end_line(&t);
    w->call.begun_shown = true;
  }
}

static void
say_exit(struct watched *w, uint64 ns, const char *args)
{
  struct text t = { 0 };
  int status = hex(args);

  finish(w);
  w->gone = true;
  if(count_only)
    return;
  begin_line(&t, w, ns);
  if(status & 0x7f)
    text_format(&t, "+++ killed by %s +++", name_signal(status & 0x7f));
  else
    text_format(&t, "+++ exited with %d +++", status >> 8 & 0xff);
  end_line(&t);
}

// sig= code= addr= value=: of a fault the address, else the low halves are who sent it and,
// of a child, its status.
static void
say_signal(struct watched *w, uint64 ns, const char *args)
{
  enum { FAULTS = 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 11, CHILD = 17 };
  int sig = number(args + 4), code = number(strchr(args, 'c') + 5);
  uint64 addr = hex(strchr(args, 'a') + 5), value = hex(strchr(args, 'v') + 6);
  struct text t = { 0 };

  if(program >= 0 || count_only)
    return;
  begin_line(&t, w, ns);
  text_format(&t, "--- %s {si_signo=", name_signal(sig));
  text_format(&t, "%s, si_code=%s", name_signal(sig), name_signal_code(sig, code));
  if(code > 0 && code < 0x80 && sig < 12 && (FAULTS >> sig & 1))
    text_format(&t, addr ? ", si_addr=0x%lx" : ", si_addr=NULL", addr);
  else if(code < 0x80)
    text_format(&t, ", si_pid=%u, si_uid=%u", (uint)addr, (uint)(addr >> 32));
  if(sig == CHILD && code == 1)
    text_format(&t, ", si_status=%u", (uint)value);
  else if(sig == CHILD && code > 1)
    text_format(&t, ", si_status=%s", name_signal(value));
  text_format(&t, "} ---");
  end_line(&t);
}

static void
show_totals(void)
{
  static const char rule[] = "------ ----------- ----------- --------- --------- ----------------";
  long calls = 0, errors = 0;
  uint64 ns = 0, part;

  for(size_t i = 0; i < CALLS; i++)
    ns += totals[i].ns;
  fprintf(to, "%% time     seconds  usecs/call     calls    errors syscall\n%s\n", rule);
  for(;;){
    size_t most = 0;
    for(size_t i = 1; i < CALLS; i++)
      if(totals[i].calls && (!totals[most].calls || totals[i].ns > totals[most].ns))
        most = i;
    if(!totals[most].calls)
      break;
    part = ns ? totals[most].ns * 10000 / ns : 0;
    fprintf(to, "%3lu.%02lu %4lu.%06lu %11lu %9ld ", part / 100, part % 100,
            totals[most].ns / 1000000000, totals[most].ns % 1000000000 / 1000,
            totals[most].ns / 1000 / totals[most].calls, totals[most].calls);
    if(totals[most].errors)
      fprintf(to, "%9ld %s\n", totals[most].errors, call_name(most));
    else
      fprintf(to, "%9s %s\n", "", call_name(most));
    calls += totals[most].calls;
    errors += totals[most].errors;
    totals[most].calls = 0;
  }
  fprintf(to, "%s\n100.00 %4lu.%06lu %11lu %9ld %9ld total\n", rule, ns / 1000000000,
          ns % 1000000000 / 1000, calls ? ns / 1000 / calls : 0, calls, errors);
}

// ---- Events ----

static void
begin(struct watched *w, uint64 ns, const char *args)
{
  struct call *c = &w->call;

  finish(w);
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
  struct pointee *p = (at == 0 && c->data[i].n) || c->left[i].n ? &c->left[i] : &c->data[i];
  memcpy(p->bytes + at, chunk, n);
  p->n = at + n;
}

static void
event(long tid, uint64 ns, const char *name, const char *args)
{
  struct watched *w = find(tid);

  if(!w)
    return;
  quiet = 0;
  if(starts_with(name, "sys_enter")){
    begin(w, ns, args);
  } else if(starts_with(name, "arg_more")){
    more_arguments(&w->call, args);
  } else if(starts_with(name, "arg_data")){
    note_data(&w->call, args);
  } else if(starts_with(name, "fork") && follow){
    attach(number(strchr(args, '=') + 1));
  } else if(starts_with(name, "signal")){
    say_signal(w, ns, args);
  } else if(starts_with(name, "exit")){
    say_exit(w, ns, strchr(args, '=') + 1);
  } else if(starts_with(name, "sys_exit")){
    w->call.result = number(strchr(args, '=') + 2);
    w->call.ended = ns;
    finish(w);
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

// What it waits in by now, as far as that can be known: what pointers point to is gone.
static void
attach_waiting(long pid, long tid)
{
  struct text path = { 0 }, t = { 0 };
  struct call *c;

  attach(tid);
  c = &find(tid)->call;
  text_format(&path, "/proc/%ld/task/%ld/syscall", pid, tid);
  const char *s = read_file(path.s, &t) && t.n ? t.s : "";
  c->running = *s >= '0' && *s <= '9';
  c->begun = now();
  c->nr = number(s);
  for(int i = 0; c->running && i < CALL_ARGS; i++)
    c->args[i] = hex((s = next_word(s)) + 2);
  text_free(&path);
  text_free(&t);
}

// A process that runs already: its threads too, if they are to be followed.
static void
attach_running(long pid)
{
  struct list names = { 0 };
  struct text path = { 0 };
  long tid;

  attach_waiting(pid, pid);
  text_format(&path, "/proc/%ld/task", pid);
  if(follow && directory_names(path.s, &names) == 0)
    for(size_t i = 0; i < names.n; i++)
      if(parse_long(names.p[i], &tid) && tid != pid)
        attach_waiting(pid, tid);
  text_free(&path);
}

static void
watch_all(int fd, long pid, int *status)
{
  static const struct timespec while_ = { .nsec = 5000000 };
  enum { QUIET = 20 };               // of these: then it is waiting
  bool mine = *status == 0, over = false;

  while(!over && !stop){
    if(++quiet == QUIET)
      show_waiting();
    sys_nanosleep(&while_, NULL);
    if(mine && sys_wait4(pid, status, WNOHANG, NULL) == pid)
      mine = false;
    over = all_gone() || (!mine && !follow && !exists(pid));
    events_read(fd, event);
  }
  for(size_t i = 0; i < tasks.n; i++)
    finish(tasks.p[i]);
}

static void
set_option(int c, char *value)
{
  long n = 0;

  follow |= c == 'f';
  count_only |= c == 'c';
  relative |= c == 'r';
  times |= c == 'T';
  if(c == 't')
    clock_digits = clock_digits < 0 ? 0 : 6;
  if(c == 'e')
    want(value);
  if(c == 's' && (!parse_long(value, &n) || n < 0))
    die("%s is no size", value);
  if(c == 's')
    call_bytes_shown = n;
  if(c == 'o' && (to = sys_open(value, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) < 0)
    die("%s: %s", value, error_text(to));
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "cfrtTe:o:p:s:",
                       "strace [-cfrtT] [-e call,...] [-o file] [-s bytes] "
                       "(-p pid | program [argument ...])" };
  struct timespec today;
  long pid = 0;
  int status = 0;

  for(int c; (c = option(&o)) != 0; set_option(c, o.value))
    if(c == 'p' && (!parse_long(o.value, &pid) || !exists(pid)))
      die("there is no process %s", o.value);
  if((pid != 0) == (o.at < argc))
    usage(&o);
  struct sig_action act = { .handler = (uint64)on_signal };
  sys_sigaction(SIGINT, &act, NULL);
  sys_sigaction(SIGTERM, &act, NULL);
  sys_clock(CLOCK_REALTIME, &today);
  boot = today.sec * 1000000000UL + today.nsec - now();
  choose("sys,arg,fork,exit,signal");
  int fd = sys_open(events, O_RDONLY | O_CLOEXEC, 0);
  bool own = pid == 0;
  if(own)
    watch(program = pid = start(argv + o.at));
  else
    attach_running(pid);
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
