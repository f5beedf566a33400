// SPDX-License-Identifier: MIT
//
// execall DIRECTORY: execute every file there, in a child; says how many were
// refused, were killed, and ran.  What runs too long is killed.  Status 1 for an
// error that execve must not give.

#include "user/ulib.h"
#include "user/user.h"

enum { TICK_MS = 5, PATIENCE = 60 };

static long refused, killed, ran, wrong;

// => the status of the child, in the end
static int
wait_for(long pid)
{
  static const struct timespec tick = { 0, TICK_MS * 1000000 };
  int status;

  for(int i = 0; sys_wait(pid, &status, WNOHANG) == 0; i++){
    if(i == PATIENCE)
      sys_kill(pid, SIGKILL);
    sys_nanosleep(&tick, NULL);
  }
  return status;
}

// The child tells the error by its status; programs of the corpus end with 0.
static void
try(const char *path)
{
  char *argv[] = { (char *)path, NULL };
  long pid = sys_fork();

  if(pid == 0)
    sys_exit(-sys_execve(path, argv, argv + 1));
  if(pid < 0)
    die("no child");
  int status = wait_for(pid), code = status >> 8;
  if(status & 0x7f)
    killed++;
  else if(code == 0)
    ran++;
  else if(strchr((char[]){ E2BIG, ENOEXEC, ENOMEM, ENOENT, ENOTDIR, EACCES, ENAMETOOLONG,
                           ELIBBAD, 0 }, code))
    refused++;
  else {
    printf("%s: status %d\n", path, code);
    wrong++;
  }
}

int
main(int argc, char **argv)
{
  struct list names = { 0 };

  if(argc != 2 || directory_names(argv[1], &names) < 0)
    die("execall DIRECTORY");
  for(size_t i = 0; i < names.n; i++){
    char *path = path_join(argv[1], names.p[i]);
    try(path);
    free(path);
  }
  printf("execall: %ld refused, %ld killed, %ld ran\n", refused, killed, ran);
  return wrong > 0;
}
