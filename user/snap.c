// SPDX-License-Identifier: MIT
//
// snap: run a program and show all of memory several times meanwhile, with what was traced
// in between: what `make viz` draws.  The program and its children are stopped while memory
// is looked at, so that what the files of /proc say belongs together.
//
//   snap [-n snapshots] [-t milliseconds] program [argument ...]
//
// After the last snapshot the program is ended.

#include "user/ulib.h"
#include "user/user.h"

static const char events[] = "frame,map,unmap,evict,swap,fork,exit";
static char buffer[16384];
static uint64 entries[2048];

static void
choose(const char *names)
{
  long fd = sys_open("/proc/sys/kernel/trace", O_WRONLY, 0);
  long r = fd < 0 ? fd : write_all(fd, names, strlen(names));

  if(r < 0)
    die("the trace cannot be switched: %s", error_text(r));
  sys_close(fd);
}

static void
pause_for(long ms)
{
  struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

  while(sys_nanosleep(&t, &t) == -EINTR)
    ;
}

// The kernel may lack a block of memory for its text for a moment: then it makes one.
static long
read_on(long fd)
{
  long n;

  for(int tries = 0; (n = sys_read(fd, buffer, sizeof buffer)) == -ENOMEM && tries < 500; tries++)
    pause_for(10);
  return n;
}

// What is no longer there is left out.
static void
show(const char *path)
{
  long fd = sys_open(path, O_RDONLY, 0), n = 0;

  fprintf(1, "==== %s\n", path);
  while(fd >= 0 && (n = read_on(fd)) > 0)
    if(write_all(1, buffer, n) < 0)
      exit(1);
  if(n < 0 && n != -ESRCH)
    die("%s: %s", path, error_text(n));
  if(fd >= 0)
    sys_close(fd);
}

// Of [page, end), those that name something.
static void
show_entries(int fd, uint64 page, uint64 end)
{
  while(page < end){
    uint64 want = end - page < sizeof entries / 8 ? end - page : sizeof entries / 8;
    long n = sys_pread(fd, entries, want * 8, (long)page * 8) / 8;
    for(long i = 0; i < n; i++)
      if(entries[i])
        fprintf(1, "%lx %lx\n", page + i, entries[i]);
    if(n <= 0)
      return;
    page += n;
  }
}

static uint64
hexadecimal(const char **s)
{
  uint64 n = 0;

  for(;; (*s)++){
    const char *digits = "0123456789abcdef", *d = strchr(digits, **s);
    if(**s == 0 || d == NULL)
      return n;
    n = n * 16 + (d - digits);
  }
}

static void
show_table(long pid)
{
  static struct text path, maps;

  text_clear(&path);
  text_format(&path, "/proc/%ld/maps", pid);
  show(path.s);
  if(!read_file(path.s, &maps))
    return;
  text_clear(&path);
  text_format(&path, "/proc/%ld/pagemap", pid);
  long fd = sys_open(path.s, O_RDONLY, 0);
  fprintf(1, "==== %s\n", path.s);
  for(const char *s = maps.s; fd >= 0 && *s; s++){
    uint64 from = hexadecimal(&s), to = (s++, hexadecimal(&s));
    show_entries(fd, from / 4096, to / 4096);
    s = strchr(s, '\n');
  }
  if(fd >= 0)
    sys_close(fd);
}

static void
show_all(void)
{
  static const char *const files[] = {
    "/proc/uptime", "/proc/trace", "/proc/frames", "/proc/vmstat", "/proc/buddyinfo", "/proc/swaps",
  };
  struct list l = { 0 };

  choose("off");
  fprintf(1, "==== snapshot\n");
  for(size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    show(files[i]);
  processes_read(&l);
  for(size_t i = 0; i < l.n; i++){
    struct process *p = l.p[i];
    fprintf(1, "==== process %ld %s\n", p->pid, p->name);
    if(p->arguments)
      show_table(p->pid);
  }
  processes_free(&l);
}

static long
start(char **argv)
{
  long pid = sys_fork();

  if(pid < 0)
    die("fork: %s", error_text(pid));
  if(pid > 0)
    return pid;
  sys_setpgid(0, 0);
  sys_kill(sys_getpid(), SIGSTOP);
  warn_error(argv[0], program_run(argv));
  exit(127);
}

// Has every task of the program come to a stop?
static bool
stopped(long pgid)
{
  struct list l = { 0 };
  bool all = true;

  processes_read(&l);
  for(size_t i = 0; i < l.n; i++){
    struct process *p = l.p[i];
    all &= p->pgid != pgid || p->state == 'T' || p->state == 'Z';
  }
  processes_free(&l);
  return all;
}

// => false: it has ended
static bool
go_on(long pid, long ms)
{
  int status;

  choose(events);
  sys_kill(-pid, SIGCONT);
  pause_for(ms);
  sys_kill(-pid, SIGSTOP);
  for(int tries = 0; !stopped(pid) && tries < 200; tries++)
    pause_for(10);
  return sys_wait4(pid, &status, WUNTRACED, NULL) == pid && wait_stopped(status);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "n:t:",
                       "snap [-n snapshots] [-t milliseconds] program [argument ...]" };
  long n = 6, ms = 200;
  int status;

  for(int c; (c = option(&o)) != 0;)
    if(!parse_long(o.value, c == 'n' ? &n : &ms) || n < 1 || ms < 1)
      usage(&o);
  if(o.at == argc)
    usage(&o);
  long pid = start(argv + o.at);
  sys_wait4(pid, &status, WUNTRACED, NULL);
  choose(events);                    // the trace has its memory before the first snapshot
  show_all();
  for(bool there = true; there && n > 1; n--){
    there = go_on(pid, ms);
    show_all();
  }
  fprintf(1, "==== end\n");
  choose("free");
  sys_kill(-pid, SIGKILL);
  return 0;
}
