// SPDX-License-Identifier: MIT
//
// The beginning and the end of a program.

#include "user/ulib.h"
#include "user/user.h"

char **ulib_environ;
const char *ulib_name = "?";
void (*ulib_at_exit)(void);

// A program has one of these.
int main(int argc, char **argv) __attribute__((weak));
int start(int argc, char **argv) __attribute__((weak));
int _main(int argc, char **argv) __attribute__((weak));

int
exit(int status)
{
  if(ulib_at_exit)
    ulib_at_exit();
  sys_exit(status);
}

static const char *
base_name(const char *path)
{
  const char *base = path;
  for(const char *p = path; *p; p++)
    if(*p == '/' && p[1])
      base = p + 1;
  return base;
}

// Called by crt0.S with the stack as the kernel left it.
void
ulib_start(long *stack)
{
  int argc = stack[0];
  char **argv = (char **)(stack + 1);

  ulib_environ = argv + argc + 1;
  if(argc > 0)
    ulib_name = base_name(argv[0]);
  if(main)
    exit(main(argc, argv));
  if(start)
    exit(start(argc, argv));
  if(_main)
    exit(_main(argc, argv));
  sys_exit(127);
}
