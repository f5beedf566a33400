// SPDX-License-Identifier: MIT
//
// xv6's process and time calls over Linux's.

#include "kernel/param.h"
#include "kernel/riscv.h"
#include "user/ulib.h"
#include "user/user.h"

enum { TICK_NS = 100000000, TICKS_PER_SECOND = 10 };

static int
result(long r)
{
  return r < 0 ? -1 : r;
}

int
fork(void)
{
  return result(sys_fork());
}

int
getpid(void)
{
  return sys_getpid();
}

int
ugetpid(void)
{
  return sys_getpid();
}

// The kernel stores Linux's status through the caller's pointer, so that a bad
// one is its to refuse; then the code takes its place.
int
wait(int *status)
{
  long pid = sys_wait(-1, status, 0);
  if(pid < 0)
    return -1;
  if(status)
    *status = wait_signal(*status) ? -1 : (signed char)wait_code(*status);
  return pid;
}

int
kill(int pid)
{
  if(pid <= 0)
    return -1;
  return result(sys_kill(pid, SIGKILL));
}

// ---- exec ----

// The end of the part of our memory p lies in and that is sure to be readable:
// the image with its heap, or the stack above us.  0: neither, ask the kernel.
static uint64
readable_end(const void *p)
{
  extern char __executable_start[];
  uint64 at = (uint64)p;
  uint64 heap_end = sys_brk(0);
  char **last = ulib_environ;

  if(at >= (uint64)__executable_start && at < heap_end)
    return heap_end;
  while(*last)
    last++;
  // Strings follow the vectors; those end, with ours, on the last page.
  uint64 stack_end = PGROUNDUP((uint64)(last > ulib_environ ? last[-1] : (char *)last) + 1);
  return at >= r_sp() && at < stack_end ? stack_end : 0;
}

// What xv6 would refuse: its programs count on it. Pointers that may be bad are
// left to the kernel.
static bool
too_many_arguments(char **argv)
{
  uint64 end = readable_end(argv), size = 0;
  int i;

  for(i = 0; end && (uint64)(argv + i + 1) <= end && argv[i]; i++){
    if(i + 1 >= MAXARG)
      return true;
    uint64 arg_end = readable_end(argv[i]);
    if(!arg_end)
      return false;
    const char *p = argv[i];
    while((uint64)p < arg_end && *p)
      p++;
    size += (p - argv[i] + 1 + 15) & ~15UL;
  }
  return size + (i + 1) * sizeof(char *) > USERSTACK * PGSIZE;
}

int
exec(const char *path, char **argv)
{
  if(too_many_arguments(argv))
    return -1;
  sys_execve(path, argv, ulib_environ);
  return -1;
}

// ---- Time ----

int
pause(int ticks)
{
  struct timespec t = { ticks / TICKS_PER_SECOND, (long)(ticks % TICKS_PER_SECOND) * TICK_NS };
  if(ticks <= 0)
    return 0;
  return result(sys_nanosleep(&t, NULL));
}

int
sleep(int ticks)
{
  return pause(ticks);
}

int
uptime(void)
{
  struct timespec now = { 0, 0 };
  sys_clock(CLOCK_MONOTONIC, &now);
  return now.sec * TICKS_PER_SECOND + now.nsec / TICK_NS;
}
