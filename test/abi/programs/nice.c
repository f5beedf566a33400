// SPDX-License-Identifier: MIT
//
// How nice a process is, by which policy it runs, and what that does.

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void
say(const char *what, long value)
{
  int e = errno;
  printf("%s: %ld%s%s\n", what, value, value == -1 ? " " : "", value == -1 ? strerror(e) : "");
}

// Of stat, counted from 1 as proc(5) does.
static long
field(pid_t pid, int n)
{
  char path[64], line[1024] = "";
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *f = fopen(path, "r");
  char *s = f && fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
  for(int k = 2; s && k < n; k++)
    s = strchr(s + 1, ' ');
  if(f)
    fclose(f);
  return s ? atol(s + 1) : -99;
}

static void
levels(void)
{
  static const int wanted[] = { 5, 19, 100, -5, -100, 0 };
  for(int k = 0; k < 6; k++){
    say("set", setpriority(PRIO_PROCESS, 0, wanted[k]));
    errno = 0;
    int now = getpriority(PRIO_PROCESS, 0);
    printf("is %d, %ld, %ld\n", now, field(getpid(), 18), field(getpid(), 19));
  }
  say("nice", nice(3));
  say("no such", setpriority(PRIO_PROCESS, 99999999, 0));
  say("no such", getpriority(PRIO_PROCESS, 99999999));
  say("no kind", getpriority(3, 0));
  say("no kind", setpriority(-1, 0, 0));
}

// A child has it from its parent; a group has that of its least nice member.
static void
family(void)
{
  setpgid(0, 0);
  pid_t p = fork();
  if(p == 0){
    pause();
    _exit(0);
  }
  printf("child %d\n", getpriority(PRIO_PROCESS, p));
  say("of a child", setpriority(PRIO_PROCESS, p, 1));
  printf("child %d, parent %d, group %d\n", getpriority(PRIO_PROCESS, p),
         getpriority(PRIO_PROCESS, 0), getpriority(PRIO_PGRP, 0));
  say("of the group", setpriority(PRIO_PGRP, getpgrp(), 7));
  printf("child %d, parent %d\n", getpriority(PRIO_PROCESS, p), getpriority(PRIO_PROCESS, 0));
  kill(p, SIGKILL);
  waitpid(p, NULL, 0);
  say("gone", getpriority(PRIO_PROCESS, p));
}

static void
policies(void)
{
  struct sched_param zero = { 0 }, one = { 1 };
  struct timespec t;
  say("policy", sched_getscheduler(0));
  say("of nobody", sched_getscheduler(99999999));
  say("of less", sched_getscheduler(-1));
  say("parameter", sched_getparam(0, &one) * 10 + one.sched_priority);
  say("other", sched_setscheduler(0, SCHED_OTHER, &zero));
  one.sched_priority = 1;
  say("other with a priority", sched_setscheduler(0, SCHED_OTHER, &one));
  say("no such", sched_setscheduler(0, 77, &zero));
  say("parameter", sched_setparam(0, &zero));
  say("parameter", sched_setparam(0, &one));
  say("no parameter", sched_setparam(0, NULL));
  say("most", sched_get_priority_max(SCHED_OTHER));
  say("least", sched_get_priority_min(SCHED_OTHER));
  say("most", sched_get_priority_max(77));
  say("interval", sched_rr_get_interval(0, &t));
}

static double
used(pid_t p)
{
  return field(p, 14) + field(p, 15);
}

// Two that compute on one hart share it as their weights 1024 : 110 say.
static void
shares(void)
{
  enum { NICER = 10, TICKS = 200 };
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  sched_setaffinity(0, sizeof one, &one);
  pid_t p[2];
  setpriority(PRIO_PROCESS, 0, 0);
  for(int k = 0; k < 2; k++)
    if((p[k] = fork()) == 0){
      setpriority(PRIO_PROCESS, 0, k * NICER);
      for(;;)
        ;
    }
  while(used(p[0]) + used(p[1]) < TICKS)
    usleep(10000);
  double much = used(p[0]), little = used(p[1]);
  printf("the nicer gets less %d, but some %d\n", much > 4 * little, little > 0);
  for(int k = 0; k < 2; k++){
    kill(p[k], SIGKILL);
    waitpid(p[k], NULL, 0);
  }
}

int
main(void)
{
  setvbuf(stdout, NULL, _IONBF, 0);
  levels();
  family();
  policies();
  shares();
  return 0;
}
