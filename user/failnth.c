// SPDX-License-Identifier: MIT
//
// failnth: run a command again and again, each time with another of its memory
// allocations failing in the kernel (its own and those of the processes it
// makes), until one run ends before its turn comes.  Whatever the command makes
// of that, the kernel must have all its memory in order afterwards, and back.
//
//   -f N   begin with the Nth allocation      -s N   fail only every Nth
//   -n N   at most so many runs               -d     drop the caches before each
//   -v     let the command speak

#include "user/ulib.h"
#include "user/user.h"

static const char fail_nth[] = "/proc/sys/vm/fail_nth", check[] = "/proc/sys/vm/check";
static const char drop_caches[] = "/proc/sys/vm/drop_caches";

// KiB: slabs that are full of holes elsewhere than before, a page of this program.
enum { SLACK = 8 };

static long first = 1, step = 1, most = 1L << 40;
static bool cold, loud;

static void
set(const char *setting, long n)
{
  struct text t = { 0 };
  int fd = open(setting, O_WRONLY);

  text_format(&t, "%ld\n", n);
  if(fd < 0 || write(fd, t.s, t.n) != (int)t.n)
    die("%s cannot be set", setting);
  close(fd);
  text_free(&t);
}

static void
get(const char *path, struct text *t)
{
  text_clear(t);
  if(!read_file(path, t))
    die("%s cannot be read", path);
}

// ---- What the kernel has ----

struct holdings {
  struct text slabs;                     // slabinfo
  long unused;                           // MemFree, KiB
};

static const char *
line_after(const char *s)
{
  while(*s && *s++ != '\n')
    ;
  return s;
}

// The number behind the first word of a line.
static long
second_word(const char *s)
{
  long n = 0;
  while(*s && *s != ' ')
    s++;
  for(s = skip_blanks(s); *s >= '0' && *s <= '9'; s++)
    n = n * 10 + (*s - '0');
  return n;
}

static void
take_stock(struct holdings *h)
{
  struct text t = { 0 };

  sys_sync();
  for(int i = 0; i < 2; i++)             // names hold pages, and pages names
    set(drop_caches, 3);
  get("/proc/slabinfo", &h->slabs);
  get("/proc/meminfo", &t);
  h->unused = second_word(line_after(t.s));
  text_free(&t);
}

// The tree of process numbers grows by a node or two when these pass a power of 64.
static bool
may_have(const char *line, long has, long had)
{
  return has <= had || (starts_with(line, "radix_node ") && has <= had + 2);
}

// Places for kernel stacks are not given back: as many tasks at once as are likely.
static void
have_crowd(void)
{
  enum { CROWD = 64 };
  int fds[2], n = 0;
  char c;

  if(pipe(fds) < 0)
    die("no pipe");
  for(; n < CROWD; n++){
    int pid = fork();
    if(pid < 0)
      break;
    if(pid == 0){
      close(fds[1]);
      read(fds[0], &c, 1);
      sys_exit(0);
    }
  }
  close(fds[1]);
  close(fds[0]);
  while(n-- > 0)
    wait(NULL);
}

// => is anything missing? Says what.
static bool
compare(const struct holdings *before, const struct holdings *now)
{
  const char *a = before->slabs.s, *b = now->slabs.s;
  bool missing = false;

  for(; *a && *b; a = line_after(a), b = line_after(b)){
    long had = second_word(a), has = second_word(b);
    size_t n = 0;
    while(a[n] && a[n] != ' ')
      n++;
    if(compare_n(a, b, n) == 0 && may_have(b, has, had))
      continue;
    write_all(1, b, n);
    printf(": %ld objects, %ld before\n", has, had);
    missing = true;
  }
  printf("%ld KiB free, %ld before\n", now->unused, before->unused);
  return missing || now->unused + SLACK < before->unused;
}

// ---- Running ----

static void __attribute__((noreturn))
run_child(long k, char **argv)
{
  struct text path = { 0 };

  sys_setpgid(0, 0);
  if(!loud){
    int fd = open("/dev/null", O_RDWR);
    for(int i = 0; i < 3; i++)
      sys_dup3(fd, i, 0);
  }
  text_format(&path, "%s%s", argv[0][0] == '/' ? "" : "/", argv[0]);
  if(k > 0)
    set(fail_nth, k);
  sys_execve(path.s, argv, ulib_environ);
  sys_exit(127);
}

// Run with the kth failing; 0: with none. => did it come to that?
static bool
run(long k, char **argv)
{
  struct text t = { 0 };
  int status, pid = fork();

  if(pid < 0)
    die("no child");
  if(pid == 0)
    run_child(k, argv);
  sys_wait(pid, &status, 0);
  sys_kill(-pid, SIGKILL);
  get(fail_nth, &t);
  bool failed = t.s[0] == '0';
  get(check, &t);
  if(strcmp(t.s, "ok\n") != 0)
    die("allocation %ld: memory is not in order", k);
  text_free(&t);
  return failed;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "f:s:n:dv",
                       "failnth [-dv] [-f first] [-s step] [-n runs] command [argument ...]" };
  struct holdings before = { 0 }, now = { 0 };
  long runs = 0;

  for(int c; (c = option(&o)) != 0;){
    long *number = c == 'f' ? &first : c == 's' ? &step : c == 'n' ? &most : NULL;
    if(number && (!parse_long(o.value, number) || *number < 1))
      usage(&o);
    cold |= c == 'd';
    loud |= c == 'v';
  }
  if(o.at == argc)
    usage(&o);
  char **command = argv + o.at;
  have_crowd();
  run(0, command);
  take_stock(&now);                      // our own memory grows before it counts
  take_stock(&before);
  for(long k = first; runs < most && run(k, command); k += step, runs++)
    if(cold)
      set(drop_caches, 3);
  set(fail_nth, 0);
  take_stock(&now);
  bool missing = compare(&before, &now);
  printf("failnth: %ld runs, %s\n", runs, missing ? "LEAK" : "OK");
  return missing;
}
