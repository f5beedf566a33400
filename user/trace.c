// SPDX-License-Identifier: MIT
//
// trace: switch trace points on, run a program, and show what the kernel did meanwhile.
// -e chooses events by name; -o: to a file.  `trace` alone names them all.

#include "user/ulib.h"
#include "user/user.h"

static const char setting[] = "/proc/sys/kernel/trace", events[] = "/proc/trace";

static long
choose(const char *names)
{
  long fd = sys_open(setting, O_WRONLY, 0);
  long r = fd < 0 ? fd : write_all(fd, names, strlen(names));

  if(fd >= 0)
    sys_close(fd);
  return r;
}

static void
show_names(int fd)
{
  struct text t = { 0 };

  setting_read(setting, &t);
  fprintf(fd, "%s", t.s);
  text_free(&t);
}

static int
run(char **argv)
{
  int status;
  long pid = sys_fork();

  if(pid == 0){
    long r = program_run(argv);
    warn_error(argv[0], r);
    exit(r == -ENOENT ? 127 : 126);
  }
  if(pid < 0)
    warn_error("fork", pid);
  else
    sys_wait4(pid, &status, 0, NULL);
  return pid < 0 ? 1 : wait_signal(status) ? 128 + wait_signal(status) : wait_code(status);
}

static void
copy_events(int to)
{
  static char buf[16384];
  long fd = sys_open(events, O_RDONLY, 0), n;

  if(fd < 0)
    die("%s: %s", events, error_text(fd));
  while((n = sys_read(fd, buf, sizeof buf)) > 0)
    if(write_all(to, buf, n) < 0)
      die("cannot write");
  sys_close(fd);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "e:o:",
                       "trace [-e event,...] [-o file] [program [argument ...]]" };
  const char *names = "all";
  long to = 1;

  for(int c; (c = option(&o)) != 0;){
    if(c == 'e')
      names = o.value;
    else if((to = sys_open(o.value, O_WRONLY | O_CREAT | O_TRUNC, 0644)) < 0)
      die("%s: %s", o.value, error_text(to));
  }
  if(o.at == argc){
    show_names(1);
    return 0;
  }
  long r = choose(names);
  if(r == -EINVAL){
    fprintf(2, "trace: no event is named so: %s; there are\n", names);
    show_names(2);
    return 1;
  }
  if(r < 0)
    die("%s: %s", setting, error_text(r));
  int status = run(argv + o.at);
  choose("off");
  copy_events(to);
  choose("free");
  return status;
}
