// SPDX-License-Identifier: MIT
//
// The first process: a shell on the console, again whenever it ends, and a
// parent for processes that have lost theirs.  The kernel has mounted what there
// is to mount.

#include "user/ulib.h"
#include "user/user.h"

// Descriptors 0, 1 and 2, if the kernel has not opened them.
static void
open_console(void)
{
  long fd = sys_open("/dev/console", O_RDWR, 0);
  if(fd < 0)
    fd = sys_open("/console", O_RDWR, 0);
  if(fd < 0)
    return;
  for(int i = 0; i < 3; i++)
    if(i != fd)
      sys_dup3(fd, i, 0);
  if(fd > 2)
    sys_close(fd);
}

// A session of its own, with the console as its terminal and itself in front.
static void __attribute__((noreturn))
start_shell(void)
{
  static char *argv[] = { "sh", NULL };
  static char *environment[] = { "PATH=/:/bin", "HOME=/", "TERM=vt100", NULL };

  sys_setsid();
  sys_ioctl(0, TIOCSCTTY, NULL);
  int group = sys_getpid();
  sys_ioctl(0, TIOCSPGRP, &group);

  long r = sys_execve("/sh", argv, environment);
  if(r == -ENOENT)
    r = sys_execve("/bin/sh", argv, environment);
  warn_error("/sh", r);
  exit(1);
}

// => when that child has ended, or there is none
static void
reap_until(long pid)
{
  int status;
  long r;

  do
    r = sys_wait(-1, &status, 0);
  while(r != pid && r != -ECHILD);
}

int
main(void)
{
  static const struct timespec second = { 1, 0 };
  struct timespec before, after;

  open_console();
  for(;;){
    printf("init: starting sh\n");
    sys_clock(CLOCK_MONOTONIC, &before);
    long pid = sys_fork();
    if(pid == 0)
      start_shell();
    if(pid < 0)
      warn_error("fork", pid);
    reap_until(pid);
    // A shell that cannot live must not keep the machine busy.
    sys_clock(CLOCK_MONOTONIC, &after);
    if(after.sec - before.sec < 1)
      sys_nanosleep(&second, NULL);
  }
}
