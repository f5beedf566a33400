// SPDX-License-Identifier: MIT
//
// waits GO: a process whose timer fires all the time, and children that wait in their ways: for
// one signal, until a time, for any signal.  When there is GO and the signals have come the
// first says that all are through.

#include "user/sys.h"
#include "user/ulib.h"
#include "user/user.h"

enum { NR_ppoll_call = 73, NR_clock_nanosleep = 115, NR_rt_sigtimedwait = 137, ABSOLUTE = 1 };

static const char *go;
static volatile int caught;

static void
on_signal(int sig)
{
  caught = 1;
}

static bool
is_there(const char *path)
{
  struct kstat st;

  return sys_stat(path, &st) == 0;
}

static void
nap(void)
{
  static uint64 before;
  uint64 now = now_ns();

  if(now < before)
    die("the clock went back");
  before = now;
  sys_nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
}

static void
for_signal(void)
{
  uint64 set = 1UL << (SIGUSR2 - 1);

  if(syscall4(NR_rt_sigtimedwait, (long)&set, 0, 0, sizeof set) != SIGUSR2)
    die("another signal");
  exit(0);
}

static void
until_time(void)
{
  struct timespec next;

  sys_clock(CLOCK_MONOTONIC, &next);
  next.sec += (next.nsec + 5000000) / 1000000000;
  next.nsec = (next.nsec + 5000000) % 1000000000;
  if(syscall4(NR_clock_nanosleep, CLOCK_MONOTONIC, ABSOLUTE, (long)&next, 0) != 0)
    die("no sleep");
}

static void
for_any(void)
{
  if(syscall6(NR_ppoll_call, 0, 0, 0, 0, 0, 0) != -EINTR || !caught)
    die("no signal");
  exit(0);
}

static void
child(void (*wait_some)(void))
{
  int more = 0;

  if(fork() != 0)
    return;
  while(more < 5){
    wait_some();
    more += more > 0 || is_there(go);
  }
  exit(0);
}

int
main(int argc, char **argv)
{
  struct timer_value often = { 0, 200, 0, 200 };
  int status;

  if(argc != 2)
    die("usage: waits go");
  go = argv[1];
  sys_sigaction(SIGUSR1, &(struct sig_action){ (uint64)on_signal, 0, 0 }, NULL);
  child(for_signal);
  child(until_time);
  child(for_any);
  sys_sigaction(SIGALRM, &(struct sig_action){ (uint64)on_signal, 0, 0 }, NULL);
  sys_setitimer(0, &often);
  while(!is_there(go))
    nap();
  for(int left = 3; left > 0;){
    long pid = sys_wait(-1, &status, 0);
    if(pid > 0 && status != 0)
      die("a child ended with status %d", status);
    left -= pid > 0;
  }
  out("waits: all\n");
  return 0;
}
