// SPDX-License-Identifier: MIT
//
// Which harts a thread runs on: what it asks for, what its children get, and that
// one who computes is moved too.  Prints nothing of how many harts there are.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "say.h"

static cpu_set_t all;
static volatile int stop, here = -1;
static pid_t spinner;

static cpu_set_t
only(int cpu)
{
  cpu_set_t s;
  CPU_ZERO(&s);
  CPU_SET(cpu, &s);
  return s;
}

static int
pin(pid_t tid, int cpu)
{
  cpu_set_t s = only(cpu);
  return sched_setaffinity(tid, sizeof s, &s);
}

// Stays there while others come and go.
static int
stays(int cpu)
{
  for(int k = 0; k < 200; k++){
    if(sched_getcpu() != cpu)
      return 0;
    sched_yield();
  }
  return 1;
}

static void *
spin(void *unused)
{
  spinner = gettid();
  while(!stop)
    here = sched_getcpu();
  return NULL;
}

static int
child_is_on(int cpu)
{
  int status;
  pid_t pid = fork();
  if(pid == 0){
    cpu_set_t mine, want = only(cpu);
    sched_getaffinity(0, sizeof mine, &mine);
    _exit(CPU_EQUAL(&mine, &want) && stays(cpu));
  }
  return waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 1;
}

int
main(void)
{
  int pinned = 1, stayed = 1, children = 1, moved = 1;
  setvbuf(stdout, NULL, _IONBF, 0);
  say("all", sched_getaffinity(0, sizeof all, &all));
  for(int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if(CPU_ISSET(cpu, &all)){
      pinned &= pin(0, cpu) == 0;
      stayed &= stays(cpu);
      children &= child_is_on(cpu);
    }
  printf("pinned %d stayed %d children %d\n", pinned, stayed, children);
  say("free again", sched_setaffinity(0, sizeof all, &all));

  pthread_t t;
  pthread_create(&t, NULL, spin, NULL);
  while(here < 0)
    sched_yield();
  for(int round = 0; round < 3; round++)
    for(int cpu = 0; cpu < CPU_SETSIZE; cpu++)
      if(CPU_ISSET(cpu, &all)){
        moved &= pin(spinner, cpu) == 0;
        while(here != cpu)      // or this test never ends
          sched_yield();
      }
  stop = 1;
  pthread_join(t, NULL);
  printf("moved %d\n", moved);

  cpu_set_t none;
  CPU_ZERO(&none);
  say("nowhere", sched_setaffinity(0, sizeof none, &none));
  say("nobody", pin(1 << 29, 0));
  say("from nowhere", syscall(SYS_sched_setaffinity, 0, 8, (void *)8));
  say("too short", syscall(SYS_sched_getaffinity, 0, 4, &all));
  return 0;
}
