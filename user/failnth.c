// SPDX-License-Identifier: MIT
//
// failnth: run a command again and again, each time with another of its memory
// allocations failing in the kernel (its own and those of the processes it
// makes), until one run ends before its turn comes.  Whatever the command makes
// of that, the kernel must have its memory in order afterwards; `leaks failnth ...`
// tells whether it has it back, too.
//
//   -f N   begin with the Nth allocation      -s N   fail only every Nth
//   -n N   at most so many runs               -d     drop the caches before each
//   -v     let the command speak

#include "user/ulib.h"
#include "user/user.h"

static const char fail_nth[] = "/proc/sys/vm/fail_nth", check[] = "/proc/sys/vm/check";
static const char drop_caches[] = "/proc/sys/vm/drop_caches";

static long first = 1, step = 1, most = 1L << 40;
static bool cold, loud;

static void __attribute__((noreturn))
run_child(long k, char **argv)
{
  struct text path = { 0 };

  sys_setpgid(0, 0);
  if(!loud){
    int fd = open("/dev/null", O_RDWR);
    for(int i = 0; i < 3; i++)
      sys_dup3(fd, i, 0);
  }
  text_format(&path, "%s%s", argv[0][0] == '/' ? "" : "/", argv[0]);
  setting_write(fail_nth, k);
  sys_execve(path.s, argv, ulib_environ);
  sys_exit(127);
}

// Run with the kth failing. => did it come to that?
static bool
run(long k, char **argv)
{
  struct text t = { 0 };
  int status, pid = fork();

  if(pid < 0)
    die("no child");
  if(pid == 0)
    run_child(k, argv);
  sys_wait(pid, &status, 0);
  sys_kill(-pid, SIGKILL);
  setting_read(fail_nth, &t);
  bool failed = t.s[0] == '0';
  setting_read(check, &t);
  if(strcmp(t.s, "ok\n") != 0)
    die("allocation %ld: memory is not in order", k);
  text_free(&t);
  return failed;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "f:s:n:dv",
                       "failnth [-dv] [-f first] [-s step] [-n runs] command [argument ...]" };
  long runs = 0;

  for(int c; (c = option(&o)) != 0;){
    long *number = c == 'f' ? &first : c == 's' ? &step : c == 'n' ? &most : NULL;
    if(number && (!parse_long(o.value, number) || *number < 1))
      usage(&o);
    cold |= c == 'd';
    loud |= c == 'v';
  }
  if(o.at == argc)
    usage(&o);
  char **command = argv + o.at;
  for(long k = first; runs < most && run(k, command); k += step, runs++)
    if(cold)
      setting_write(drop_caches, 3);
  setting_write(fail_nth, 0);
  printf("failnth: %ld runs\n", runs);
  return 0;
}
