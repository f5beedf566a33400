// SPDX-License-Identifier: MIT
//
// clone3 as a fork: the child has every register as it was, those too that a call saves.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t
child(void)
{
  struct clone_args a = { .exit_signal = SIGCHLD };
  long pid = syscall(SYS_clone3, &a, sizeof a);
  return pid < 0 && errno == ENOSYS ? fork() : pid;
}

int
main(void)
{
  int same = 0, status;
  setvbuf(stdout, NULL, _IONBF, 0);
  for(long round = 1; round <= 20; round++){
    register long a asm("s2") = round, b asm("s5") = round * 3, c asm("s10") = round * 7;
    asm volatile("" : "+r"(a), "+r"(b), "+r"(c));
    pid_t pid = child();
    asm volatile("" : "+r"(a), "+r"(b), "+r"(c));
    if(pid == 0)
      _exit(a == round && b == round * 3 && c == round * 7 ? 11 : 12);
    same += a == round && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 11;
  }
  printf("children with all registers: %d\n", same);
  return 0;
}
