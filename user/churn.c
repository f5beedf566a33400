// SPDX-License-Identifier: MIT
//
// churn: so many rounds in which processes, programs, mappings and files come and
// go; what they do is checked.  `leaks churn 10000` tells whether all of it went.

#include "kernel/riscv.h"
#include "user/ulib.h"
#include "user/user.h"

enum { MAPPED = 16 * PGSIZE, NAMES = 3 };

static char *
map(int flags, int fd)
{
  long r = sys_mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, flags, fd, 0);
  if(r < 0)
    die("mmap: %s", error_text(r));
  return (char *)r;
}

// A child that writes to what it shares and what it does not, and ends as a program.
static void
processes(int round)
{
  char *argv[] = { round % 2 ? "true" : "false", NULL };
  char *shared = map(MAP_SHARED | MAP_ANONYMOUS, -1), *own = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  int status, pid;

  memset(own, round, MAPPED);
  pid = fork();
  if(pid < 0)
    die("no child");
  if(pid == 0){
    memset(own, round + 1, MAPPED / 2);
    shared[PGSIZE] = own[0];
    sys_execve(round % 2 ? "/true" : "/false", argv, ulib_environ);
    sys_exit(2);
  }
  wait(&status);
  if(status != (round % 2 ? 0 : 1) || shared[PGSIZE] != (char)(round + 1) || own[0] != (char)round)
    die("round %d: a child did something else", round);
  sys_munmap(shared, MAPPED);
  sys_munmap(own, MAPPED);
}

static void
files(int round)
{
  struct text name[NAMES] = { 0 };
  char *p;

  for(int i = 0; i < NAMES; i++){
    text_format(&name[i], "churn.%d.%d", i, round);
    int fd = open(name[i].s, O_CREATE | O_RDWR);
    if(fd < 0 || sys_ftruncate(fd, MAPPED) < 0 || sys_pwrite(fd, &round, sizeof(round), PGSIZE) < 0)
      die("%s cannot be written", name[i].s);
    p = map(MAP_SHARED, fd);
    close(fd);
    if(*(int *)(p + PGSIZE) != round)
      die("%s says something else", name[i].s);
    p[3 * PGSIZE] = 1;
    if(i % 2)
      sys_munmap(p, MAPPED);
    if(sys_unlink(name[i].s) < 0)
      die("%s cannot be removed", name[i].s);
    if(i % 2 == 0)
      sys_munmap(p, MAPPED);
    text_free(&name[i]);
  }
}

// Advice about memory with a hole at its end, behind which a file is mapped.
static void
advice(void)
{
  enum { WILLNEED = 3 };
  char *p = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  int fd = open("/true", O_RDONLY);

  if(sys_mmap(p + 2 * PGSIZE, PGSIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) < 0)
    die("/true cannot be mapped");
  close(fd);
  sys_munmap(p + PGSIZE, PGSIZE);
  if(sys_madvise(p, 2 * PGSIZE, WILLNEED) == 0)
    die("a hole was there");
  sys_munmap(p, MAPPED);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "churn rounds" };
  long rounds;

  option(&o);
  if(argc - o.at != 1 || !parse_long(argv[o.at], &rounds) || rounds < 0)
    usage(&o);
  for(int i = 0; i < rounds; i++){
    processes(i);
    files(i);
    advice();
  }
  return 0;
}
