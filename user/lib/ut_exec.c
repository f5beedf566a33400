// SPDX-License-Identifier: MIT
//
// usertests: exec.

#include "user/usertest.h"

// Run a program with its output into the file "out". => its status
static int
run(const char *path, char **argv)
{
  int status, pid = must_fork();

  if(pid == 0){
    close(1);
    if(open("out", O_CREATE | O_TRUNC | O_WRONLY) != 1)
      exit(99);
    long r = sys_execve(path, argv, ulib_environ);
    exit(r == -ENOENT ? 97 : 98);
  }
  require(wait(&status) == pid);
  return status;
}

static int
read_out(char *buf, int room)
{
  int fd = open_file("out", O_RDONLY), n = 0, r;
  while((r = read(fd, buf + n, room - n)) > 0)
    n += r;
  require(r == 0);
  close(fd);
  return n;
}

static void
test_exec_echo(void)
{
  char *argv[] = { "echo", "OK", "two words", "", NULL };
  char buf[100];

  require(run(program("echo"), argv) == 0);
  require(read_out(buf, sizeof(buf)) == 14);
  require(memcmp(buf, "OK two words \n", 14) == 0);
}

static void
test_exec_many(void)
{
  char *argv[] = { "true", NULL };
  for(int i = 0; i < 30; i++)
    require(run(program("true"), argv) == 0);
  char *argv_false[] = { "false", NULL };
  require(run(program("false"), argv_false) == 1);
}

static void
test_exec_missing(void)
{
  char *argv[] = { "x", NULL };

  require(sys_execve("missing", argv, argv + 1) == -ENOENT);
  require(sys_execve("", argv, argv + 1) == -ENOENT);
  require(sys_execve(".", argv, argv + 1) == -EACCES);
  make_file("f", "x", 1);
  require(sys_execve("f/x", argv, argv + 1) == -ENOTDIR);
  require(sys_execve("f", argv, argv + 1) == -EACCES);
}

static void
make_program(const char *path, const void *data, int n)
{
  make_file(path, data, n);
  require(sys_chmod(path, 0755) == 0);
}

// The first pages of a real program, damaged at each byte in turn.
static void
test_exec_damaged(void)
{
  static char image[2048];
  char *argv[] = { "p", NULL };
  int fd = open_file(program("true"), O_RDONLY), status;

  require(read(fd, image, sizeof(image)) > 1000);
  close(fd);
  make_program("p", "", 0);
  require(sys_execve("p", argv, argv + 1) == -ENOEXEC);
  make_program("p", image, 20);
  require(sys_execve("p", argv, argv + 1) == -ENOEXEC);
  for(int at = 0; at < 240; at++){
    char old = image[at];
    image[at] = old ^ 0xff;
    make_program("p", image, sizeof(image));
    image[at] = old;
    int pid = must_fork();
    if(pid == 0){
      close(1);
      close(2);
      sys_execve("p", argv, argv + 1);
      exit(0);
    }
    // It runs, it is refused, or it crashes: alone.
    require(wait(&status) == pid);
  }
}

// Many arguments arrive, whole and in order.
static void
test_exec_arguments(void)
{
  enum { N = 300, LENGTH = 100 };
  static char strings[N][LENGTH], *argv[N + 2];
  static char buf[N * LENGTH + 100];

  argv[0] = "echo";
  for(int i = 0; i < N; i++){
    memset(strings[i], 'a' + i % 26, LENGTH - 1);
    argv[i + 1] = strings[i];
  }
  require(run(program("echo"), argv) == 0);
  require(read_out(buf, sizeof(buf)) == N * LENGTH);
  for(int i = 0; i < N; i++)
    require(memcmp(buf + i * LENGTH, strings[i], LENGTH - 1) == 0);
}

static void
test_exec_too_big(void)
{
  enum { SIZE = 200 * 1024, N = 100 };
  char *big = malloc(SIZE), *argv[N + 1];

  require(big);
  memset(big, 'x', SIZE - 1);
  big[SIZE - 1] = 0;
  for(int i = 0; i < N; i++)
    argv[i] = big;
  argv[N] = NULL;
  for(int i = 0; i < 20; i++)
    require(sys_execve(program("echo"), argv, ulib_environ) == -E2BIG);
}

// xv6's own limits, which its exec() keeps.
static void
test_exec_xv6_limits(void)
{
  static char big[PGSIZE + 1];
  char *many[MAXARG + 2], *large[] = { "echo", big, NULL };

  for(int i = 0; i <= MAXARG; i++)
    many[i] = "x";
  many[MAXARG + 1] = NULL;
  require(exec(program("echo"), many) == -1);
  memset(big, 'x', PGSIZE);
  require(exec(program("echo"), large) == -1);
}

static void
test_exec_environment(void)
{
  char *argv[] = { "sh", "-c", "echo $UT_VALUE", NULL };
  char *environment[] = { "UT_VALUE=as given", "PATH=/:/bin:/usr/bin", NULL };
  char buf[100];
  int pid = must_fork();

  if(pid == 0){
    close(1);
    open("out", O_CREATE | O_TRUNC | O_WRONLY);
    sys_execve(program("sh"), argv, environment);
    exit(1);
  }
  wait_all(1);
  // A program may also say what it was started as.
  if(on_quire())
    require(read_out(buf, sizeof(buf)) == 9 && memcmp(buf, "as given\n", 9) == 0);
}

static void
test_exec_descriptors(void)
{
  char *argv[] = { "sh", "-c", "echo kept >&5", NULL };
  char *argv_closed[] = { "sh", "-c", "echo lost >&6", NULL };
  char buf[20];
  int fd = open_file("f", O_CREATE | O_RDWR);

  require(sys_dup3(fd, 5, 0) == 5);
  require(sys_dup3(fd, 6, O_CLOEXEC) == 6);
  require(run(program("sh"), argv) == 0);
  int err = dup(2);
  close(2);
  require(open("err", O_CREATE | O_WRONLY) == 2);
  require(run(program("sh"), argv_closed) == 1);
  sys_dup3(err, 2, 0);
  require(sys_pread(fd, buf, sizeof(buf), 0) == 5 && memcmp(buf, "kept\n", 5) == 0);
}

// A running program's file: not to be written, but to be removed and replaced.
static void
test_exec_replaced(void)
{
  static char image[200000];
  char *argv[] = { "p", "10", NULL };
  int fd = open_file(program("sleep"), O_RDONLY), status;
  int n = read(fd, image, sizeof(image)), pid;

  require(n > 1000);
  close(fd);
  make_program("p", image, n);
  pid = must_fork();
  if(pid == 0){
    sys_execve("p", argv, ulib_environ);
    exit(1);
  }
  pause(3);
  require(unlink("p") == 0);
  make_file("p", "new", 3);
  require(sys_wait(pid, &status, WNOHANG) == 0);
  require(kill(pid) == 0);
  require(wait(&status) == pid && status == -1);
}

const struct test exec_tests[] = {
  { "exec_echo", test_exec_echo },
  { "exec_many", test_exec_many },
  { "exec_missing", test_exec_missing },
  { "exec_damaged", test_exec_damaged },
  { "exec_arguments", test_exec_arguments },
  { "exec_too_big", test_exec_too_big },
  { "exec_xv6_limits", test_exec_xv6_limits },
  { "exec_environment", test_exec_environment },
  { "exec_descriptors", test_exec_descriptors },
  { "exec_replaced", test_exec_replaced },
  { 0 },
};
