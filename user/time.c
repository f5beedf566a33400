// SPDX-License-Identifier: MIT
//
// time: how long a program takes, and its page faults, on descriptor 2.

#include "user/ulib.h"
#include "user/user.h"

static void
say(const char *what, long us)
{
  fprintf(2, "%s %ld.%02ld\n", what, us / 1000000, us / 10000 % 100);
}

static long
microseconds(long sec, long usec)
{
  return sec * 1000000 + usec;
}

int
main(int argc, char **argv)
{
  struct timespec before, after;
  struct rusage used;
  int status;

  if(argc < 2 || argv[1][0] == '-'){
    fprintf(2, "usage: time program [argument ...]\n");
    exit(1);
  }
  sys_clock(CLOCK_MONOTONIC, &before);
  long pid = sys_fork();
  if(pid == 0){
    long r = program_run(argv + 1);
    warn_error(argv[1], r);
    exit(r == -ENOENT ? 127 : 126);
  }
  if(pid < 0)
    die("fork: %s", error_text(pid));
  sys_wait4(pid, &status, 0, &used);
  sys_clock(CLOCK_MONOTONIC, &after);
  say("real", (after.sec - before.sec) * 1000000 + (after.nsec - before.nsec) / 1000);
  say("user", microseconds(used.user.sec, used.user.usec));
  say("sys ", microseconds(used.system.sec, used.system.usec));
  fprintf(2, "faults %ld minor, %ld major\n", used.minor, used.major);
  return wait_signal(status) ? 128 + wait_signal(status) : wait_code(status);
}
