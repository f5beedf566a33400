// SPDX-License-Identifier: MIT
//
// forktest: fork until the kernel says no (or MOST times), then see every child
// end, and be able to fork again.

#include "kernel/types.h"
#include "user/user.h"

enum { MOST = 1000 };

static void __attribute__((noreturn))
fail(const char *why)
{
  printf("fork test FAILED: %s\n", why);
  exit(1);
}

// => how many children were made; each ends at once
static int
fork_all(void)
{
  int n, pid;

  for(n = 0; n < MOST; n++){
    pid = fork();
    if(pid < 0)
      break;
    if(pid == 0)
      exit(0);
  }
  return n;
}

int
main(void)
{
  int n, pid, status;

  printf("fork test\n");
  n = fork_all();
  if(n == 0)
    fail("not one child");
  for(int i = 0; i < n; i++){
    if(wait(&status) < 0)
      fail("a child is missing");
    if(status != 0)
      fail("a child did not exit as it should");
  }
  if(wait(0) != -1)
    fail("more children than forks");

  pid = fork();
  if(pid == 0)
    exit(7);
  if(pid < 0 || wait(&status) != pid || status != 7)
    fail("no fork after all have ended");
  printf("fork test OK\n");
  return 0;
}
