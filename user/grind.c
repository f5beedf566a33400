// SPDX-License-Identifier: MIT
//
// grind: random system calls by several processes that get in each other's way,
// for the given number of rounds each (default: until stopped).  It finds what
// crashes or hangs the kernel; its own failures only show in pipelines whose
// outcome is known.

#include "kernel/riscv.h"
#include "user/ulib.h"
#include "user/user.h"

static uint64 seed;
static char *mapped;
static int fd = -1;

static uint
random_below(uint n)
{
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed % n;
}

static const char *
random_name(void)
{
  static const char *const names[] = {
    "a", "b", "c", "dir", "dir/a", "dir/b", "dir/sub", "dir/sub/c", "../grind.tmp/a", "dir/../b",
  };
  return names[random_below(sizeof(names) / sizeof(names[0]))];
}

// ---- Files ----

static void
do_open(void)
{
  static const int flags[] = { O_RDONLY, O_RDWR | O_CREATE, O_WRONLY | O_CREATE | O_TRUNC,
                               O_RDWR | O_CREATE | O_APPEND };
  if(fd >= 0)
    close(fd);
  fd = open(random_name(), flags[random_below(4)]);
}

static void
do_read_write(void)
{
  static char buf[3 * PGSIZE];
  uint n = random_below(sizeof(buf));

  switch(random_below(4)){
  case 0: write(fd, buf, n); break;
  case 1: read(fd, buf, n); break;
  case 2: sys_lseek(fd, random_below(1 << 20), SEEK_SET); break;
  default: sys_ftruncate(fd, random_below(1 << 17));
  }
}

static void
do_names(void)
{
  const char *a = random_name(), *b = random_name();

  switch(random_below(7)){
  case 0: mkdir(a); break;
  case 1: unlink(a); break;
  case 2: link(a, b); break;
  case 3: symlink(a, b); break;
  case 4: sys_rename(a, b); break;
  case 5: close(open(a, O_CREATE | O_RDWR)); break;
  default:
    if(chdir("dir") == 0){
      unlink("../dir");
      chdir("..");
    }
  }
}

// ---- Processes and memory ----

static void
do_fork(void)
{
  int pid = fork();
  if(pid == 0){
    if(random_below(2))
      fork();
    exit(0);
  }
  if(pid > 0)
    wait(0);
}

static void
do_kill(void)
{
  int pid = fork();
  if(pid == 0)
    for(;;)
      getpid();
  if(pid < 0)
    return;
  if(random_below(2))
    sys_yield();
  kill(pid);
  wait(0);
}

static void
do_heap(void)
{
  char *p;

  switch(random_below(4)){
  case 0:
    p = sbrk(random_below(10000));
    if(p != SBRK_ERROR)
      *(char *)(sbrk(0) - 1) = 1;
    break;
  case 1:
    sbrklazy(random_below(100000));
    break;
  default:
    if(sbrk(0) - mapped > 300000)
      sbrk(-(int)(sbrk(0) - mapped));
  }
}

static void
do_map(void)
{
  uint64 n = (1 + random_below(20)) * PGSIZE;
  int flags = (random_below(2) ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS;
  long r = sys_mmap(NULL, n, PROT_READ | PROT_WRITE, flags, -1, 0);

  if(r < 0)
    return;
  for(uint64 i = 0; i < n; i += PGSIZE)
    if(random_below(3))
      ((char *)r)[i] = 1;
  sys_mprotect((char *)r + n / 2 / PGSIZE * PGSIZE, PGSIZE,
               random_below(2) ? PROT_READ : PROT_NONE);
  if(random_below(2))
    do_fork();
  sys_munmap((char *)r, n);
}

// A child that says something through two pipes and a program.
static void
do_pipeline(void)
{
  char *echo_argv[] = { "echo", "hi", NULL }, *cat_argv[] = { "cat", NULL };
  char buf[8];
  int a[2], b[2], status, failures = 0, n;

  if(pipe(a) < 0)
    return;
  if(pipe(b) < 0){
    close(a[0]);
    close(a[1]);
    return;
  }
  int first = fork();
  if(first == 0){
    sys_dup3(a[1], 1, 0);
    for(int i = 0; i < 2; i++){
      close(a[i]);
      close(b[i]);
    }
    exec("/echo", echo_argv);
    exit(2);
  }
  int second = fork();
  if(second == 0){
    sys_dup3(a[0], 0, 0);
    sys_dup3(b[1], 1, 0);
    for(int i = 0; i < 2; i++){
      close(a[i]);
      close(b[i]);
    }
    exec("/cat", cat_argv);
    exit(2);
  }
  close(a[0]);
  close(a[1]);
  close(b[1]);
  n = read(b[0], buf, sizeof(buf));
  close(b[0]);
  for(int i = (first > 0) + (second > 0); i > 0; i--){
    wait(&status);
    failures += status != 0;
  }
  if(first > 0 && second > 0 && failures == 0 && (n != 3 || memcmp(buf, "hi\n", 3) != 0))
    die("a pipeline said something else");
}

static void
grind(long rounds)
{
  static void (*const calls[])(void) = {
    do_open, do_read_write, do_read_write, do_names, do_names, do_names, do_fork, do_kill,
    do_heap, do_heap, do_map, do_pipeline,
  };

  mapped = sbrk(0);
  for(long i = 0; rounds < 0 || i < rounds; i++){
    if(i > 0 && i % 500 == 0)
      printf("%c", 'A' + getpid() % 26);
    calls[random_below(sizeof(calls) / sizeof(calls[0]))]();
  }
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "grind [rounds]" };
  long rounds = -1;
  int status, failures = 0;

  option(&o);
  if(argc - o.at > 1 || (o.at < argc && (!parse_long(argv[o.at], &rounds) || rounds < 0)))
    usage(&o);
  mkdir("grind.tmp");
  if(chdir("grind.tmp") < 0)
    die("grind.tmp cannot be made");
  for(int k = 0; k < 3; k++){
    int pid = fork();
    if(pid < 0)
      die("no child");
    if(pid > 0)
      continue;
    seed = 7 + k * 31;
    grind(rounds);
    exit(0);
  }
  while(wait(&status) > 0)
    failures += status != 0;
  chdir("..");
  if(!remove_tree("grind.tmp"))
    failures++;
  printf(failures ? "\ngrind FAILED\n" : "\ngrind OK\n");
  return failures != 0;
}
