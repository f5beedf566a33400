// SPDX-License-Identifier: MIT
//
// Processes: fork, wait, pipes, exec of oneself, the shell, and what a program
// is told when it starts.

#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static char *self;

static void
status_of(const char *what, pid_t pid)
{
  int s = -1;
  pid_t got = waitpid(pid, &s, 0);
  printf("%s: %d %s %d\n", what, got == pid, WIFEXITED(s) ? "exited" : "killed by",
         WIFEXITED(s) ? WEXITSTATUS(s) : WTERMSIG(s));
}

static void
children(void)
{
  pid_t p;
  fflush(stdout);
  if((p = fork()) == 0)
    _exit(300);
  status_of("exit 300", p);
  if((p = fork()) == 0)
    abort();
  status_of("abort", p);
  if((p = vfork()) == 0)
    _exit(9);
  status_of("vfork", p);
  printf("no child: %d %s\n", (int)wait(NULL), strerror(errno));
  struct rusage u;
  if((p = fork()) == 0)
    _exit(0);
  printf("wait4: %d\n", wait4(p, NULL, 0, &u) == p && u.ru_utime.tv_sec == 0);
  if((p = fork()) == 0)
    pause();
  printf("running: %d\n", waitpid(p, NULL, WNOHANG));
  siginfo_t si = { 0 };
  kill(p, SIGTERM);
  waitid(P_PID, p, &si, WEXITED | WNOWAIT);
  printf("waitid: %d %d %d %d\n", si.si_signo == SIGCHLD, si.si_code == CLD_KILLED,
         si.si_status == SIGTERM, si.si_pid == p);
  status_of("still there", p);
}

// As this program would: an emulator that runs one program, not a whole system, has
// to be run again by name.
static void
exec_self(char **argv)
{
  char *with[8] = { getenv("EMULATOR") };
  if(!with[0])
    execv(self, argv);
  for(int i = 0; i < 6; i++)
    if(!(with[i + 1] = argv[i]))
      break;
  execvp(with[0], with);
}

// The data goes through a child and back.
static void
pipes(void)
{
  int to[2], from[2];
  char buf[4096];
  pipe(to);
  pipe2(from, O_CLOEXEC);
  fflush(stdout);
  pid_t p = fork();
  if(p == 0){
    dup2(to[0], 0);
    dup2(from[1], 1);
    close(to[1]);
    char closed[16];
    sprintf(closed, "%d", from[0]);
    exec_self((char *[]){ self, "upper", closed, "an argument", NULL });
    _exit(99);
  }
  close(to[0]);
  close(from[1]);
  write(to[1], "through the pipe", 16);
  close(to[1]);
  ssize_t n, total = 0;
  while((n = read(from[0], buf + total, sizeof buf - total)) > 0)
    total += n;
  printf("%.*s", (int)total, buf);
  status_of("exec", p);
  printf("no such: %d %s\n", execl("/no/such", "x", NULL), strerror(errno));
}

static int
upper(char **argv)
{
  int c;
  while((c = getchar()) != EOF)
    putchar(c >= 'a' && c <= 'z' ? c - 32 : c);
  printf("\n%s, closed on exec: %d\n", argv[3], fcntl(atoi(argv[2]), F_GETFD) == -1);
  return 3;
}

static void
shell(void)
{
  char line[128] = "";
  FILE *f = popen("echo from a shell; exit 4", "r");
  fgets(line, sizeof line, f);
  int s = pclose(f);
  printf("%s popen %d\n", line, WEXITSTATUS(s));
  f = popen("cat > shell.out", "w");
  fputs("to a shell\n", f);
  pclose(f);
  printf("system %d\n", WEXITSTATUS(system("cat shell.out && false")));
  remove("shell.out");
}

static void
start(int argc, char **argv, char **env)
{
  int n = 0;
  printf("argc %d, end %d, environ %d\n", argc, argv[argc] == NULL, env == environ);
  setenv("COLOUR", "blue", 1);
  for(char **e = environ; *e; e++)
    n += strncmp(*e, "COLOUR=", 7) == 0;
  printf("%s %d\n", getenv("COLOUR"), n);
  printf("page %lu, clock %lu, secure %lu, uid %d\n", getauxval(AT_PAGESZ), getauxval(AT_CLKTCK),
         getauxval(AT_SECURE), getauxval(AT_UID) == getuid());
  const Elf64_Phdr *ph = (void *)getauxval(AT_PHDR);
  int loads = 0;
  for(unsigned long i = 0; i < getauxval(AT_PHNUM); i++)
    loads += ph[i].p_type == PT_LOAD;
  printf("headers %lu, loads %d\n", getauxval(AT_PHENT), loads);
  printf("random %d, entry %d, name %s\n", getauxval(AT_RANDOM) != 0, getauxval(AT_ENTRY) != 0,
         strrchr((char *)getauxval(AT_EXECFN), '/'));
  struct utsname u;
  uname(&u);
  printf("%s %s\n", u.sysname, u.machine);
}

int
main(int argc, char **argv, char **env)
{
  self = argv[0];
  if(argc == 4)
    return upper(argv);
  start(argc, argv, env);
  children();
  pipes();
  fflush(stdout);
  shell();
  printf("hart %d\n", sched_getcpu() >= 0);
  atexit((void (*)(void))(void *)sync);
  return -1;
}
