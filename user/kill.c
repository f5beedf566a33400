// SPDX-License-Identifier: MIT
//
// kill: send processes a signal, SIGTERM unless another is named (-9, -KILL,
// -SIGKILL).  A negative number is a process group.

#include "user/ulib.h"
#include "user/user.h"

static const struct {
  const char *name;
  int number;
} signals[] = {
  { "HUP", SIGHUP }, { "INT", SIGINT }, { "QUIT", SIGQUIT }, { "ILL", SIGILL },
  { "TRAP", SIGTRAP }, { "ABRT", SIGABRT }, { "BUS", SIGBUS }, { "FPE", SIGFPE },
  { "KILL", SIGKILL }, { "USR1", SIGUSR1 }, { "SEGV", SIGSEGV }, { "USR2", SIGUSR2 },
  { "PIPE", SIGPIPE }, { "ALRM", SIGALRM }, { "TERM", SIGTERM }, { "CHLD", SIGCHLD },
  { "CONT", SIGCONT }, { "STOP", SIGSTOP }, { "TSTP", SIGTSTP }, { "TTIN", SIGTTIN },
  { "TTOU", SIGTTOU },
};

static void __attribute__((noreturn))
kill_usage(void)
{
  fprintf(2, "usage: kill [-SIGNAL] pid ...\n");
  exit(1);
}

static long
signal_number(const char *name)
{
  long n;
  if(parse_long(name, &n) && n >= 0 && n <= 64)
    return n;
  if(starts_with(name, "SIG"))
    name += 3;
  for(size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
    if(strcmp(signals[i].name, name) == 0)
      return signals[i].number;
  kill_usage();
}

int
main(int argc, char **argv)
{
  long sig = SIGTERM, pid;
  int i = 1;
  bool ok = true;

  if(argc > 1 && argv[1][0] == '-' && strcmp(argv[1], "--") != 0)
    sig = signal_number(argv[i++] + 1);
  if(i < argc && strcmp(argv[i], "--") == 0)
    i++;
  if(i == argc)
    kill_usage();
  for(; i < argc; i++){
    if(!parse_long(argv[i], &pid) || (int)pid != pid)
      kill_usage();
    long r = sys_kill(pid, sig);
    if(r < 0)
      warn_error(argv[i], r);
    ok &= r >= 0;
  }
  return !ok;
}
