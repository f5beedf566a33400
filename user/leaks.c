// SPDX-License-Identifier: MIT
//
// leaks: run a command and tell what the kernel has not got back at its end:
// objects of its caches, counted one by one, and free memory.  Status 1 if
// anything is missing.
//
//   -w   run it once before, so that tables which only grow have grown

#include "user/ulib.h"
#include "user/user.h"

static const char drop_caches[] = "/proc/sys/vm/drop_caches";

// KiB: pages of this program.
enum { SLACK = 8 };

// What may be more: caches are used for the first time; metadata that the journal has not
// sent home yet stays in memory, with nodes for its part of the disk.
static const struct { const char *name; int most; } growing[] = {
  { "hart_cache ", 4 }, { "radix_node ", 16 },
};

struct holdings {
  struct text slabs;                     // slabinfo
  long unused;                           // KiB: free, or with an owner that is counted
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

// The number in a line of /proc/meminfo; its name ends with a colon.
static long
amount(const char *s, const char *name)
{
  while(*s && !starts_with(s, name))
    s = line_after(s);
  return second_word(s);
}

static void
take_stock(struct holdings *h)
{
  struct text t = { 0 };

  sys_sync();
  for(int i = 0; i < 2; i++)             // names hold pages, and pages names
    setting_write(drop_caches, 3);
  setting_read("/proc/slabinfo", &h->slabs);
  setting_read("/proc/meminfo", &t);
  h->unused = amount(t.s, "MemFree:") + amount(t.s, "Slab:") + amount(t.s, "Cached:");
  text_free(&t);
}

static bool
may_have(const char *line, long has, long had)
{
  for(int i = 0; i < 2; i++)
    if(starts_with(line, growing[i].name))
      had += growing[i].most;
  return has <= had;
}

// The kernel keeps the page tables of its tasks' stacks: as many tasks at once as are likely,
// with those of a run before that have not gone yet.
static void
have_crowd(void)
{
  enum { CROWD = 160 };
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
  printf("%ld KiB free, in slabs or files' pages, %ld before\n", now->unused, before->unused);
  return missing || now->unused + SLACK < before->unused;
}

// => its status
static int
run(char **argv)
{
  struct text path = { 0 };
  int status, pid = fork();

  if(pid < 0)
    die("no child");
  if(pid == 0){
    text_format(&path, "%s%s", argv[0][0] == '/' ? "" : "/", argv[0]);
    warn_error(path.s, sys_execve(path.s, argv, ulib_environ));
    exit(127);
  }
  sys_wait(pid, &status, 0);
  return status;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "w", "leaks [-w] command [argument ...]" };
  struct holdings before = { 0 }, now = { 0 };
  bool warm_up = false;

  for(int c; (c = option(&o)) != 0;)
    warm_up |= c == 'w';
  if(o.at == argc)
    usage(&o);
  have_crowd();
  if(warm_up)
    run(argv + o.at);
  take_stock(&now);                      // our own memory grows before it counts
  take_stock(&before);
  bool failed = run(argv + o.at) != 0;
  take_stock(&now);
  bool missing = compare(&before, &now);
  printf("leaks: %s\n", missing ? "FOUND" : "none");
  return missing || failed;
}
