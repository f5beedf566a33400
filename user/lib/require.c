// SPDX-License-Identifier: MIT
//
// For programs that are tests: what has to be so.

#include "user/require.h"
#include "user/ulib.h"
#include "user/user.h"

void
test_failed(const char *file, int line, const char *what)
{
  printf("FAILED\n  %s:%d: not so: %s\n", path_base(file), line, what);
  exit(1);
}

int
must_fork(void)
{
  int pid = (int)sys_fork();
  if(pid < 0)
    printf("fork: error %d, %lu bytes are free: ", -pid, ulib_memory());
  require(pid >= 0);
  return pid;
}

void
wait_all(int n)
{
  for(int i = 0; i < n; i++){
    int status = -1;
    require(wait(&status) > 0);
    require(status == 0);
  }
  require(wait(0) == -1);
}
