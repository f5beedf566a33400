// SPDX-License-Identifier: MIT
//
// What is root's to do: whose a process is, how long it may run, and what it outlives;
// unmounting by force.

#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "say.h"

static void
changes(void)
{
  gid_t groups[2] = { 5, 6 };
  uid_t real, effective, saved;
  TEST(setuid(0));
  TEST(setuid(-1));
  TEST(setreuid(-1, -1));
  TEST(setresgid(0, -1, 0));
  TEST(seteuid(7));                    // would part it from the real one
  TEST(setgid(5));
  TEST(setgroups(2, groups));
  TEST(setgroups(1, groups));
  TEST(setgroups(0, NULL));
  TEST(setgroups(1, (void *)-8));
  TEST(setgroups(70000, groups));
  TEST(setfsuid(7));
  TEST(setfsuid(-1));
  TEST(setresuid(1000, 1000, 1000));
  TEST(getresuid(&real, &effective, &saved));
  printf("%d %d %d %d\n", real, effective, saved, getegid());
  TEST(setuid(0));
  TEST(setgid(0));
  TEST(setreuid(1000, -1));
  TEST(setgroups(0, NULL));
  TEST(kill(getppid(), 0));
}

// Who asked for it gets a signal when his parent has gone.
static void
orphan(void)
{
  int p[2], sig = -1;
  char c;
  pipe(p);
  TEST(prctl(PR_SET_PDEATHSIG, 65));
  TEST(prctl(PR_GET_PDEATHSIG, 8));
  if(fork() == 0){
    if(fork() == 0){
      sigset_t set;
      siginfo_t si;
      sigemptyset(&set);
      sigaddset(&set, SIGUSR1);
      sigprocmask(SIG_BLOCK, &set, NULL);
      prctl(PR_SET_PDEATHSIG, SIGUSR1);
      if(fork() == 0){
        prctl(PR_GET_PDEATHSIG, &sig);
        _exit(sig);                    // not inherited
      }
      wait(&sig);
      write(p[1], "x", 1);
      sigwaitinfo(&set, &si);
      printf("signal %d, code %d, child's %d\n", si.si_signo, si.si_code, sig);
      fflush(stdout);
      _exit(0);
    }
    read(p[0], &c, 1);
    _exit(0);
  }
  wait(NULL);
  close(p[1]);
  read(p[0], &c, 1);                   // until the grandchild has gone
}

// Who adopts has his grandchildren for children when their parents have gone.
static void
adopted(void)
{
  int on = 7, status;
  TEST(prctl(PR_GET_CHILD_SUBREAPER, 8));
  TEST(prctl(PR_SET_CHILD_SUBREAPER, 1));
  TEST(prctl(PR_GET_CHILD_SUBREAPER, &on));
  pid_t me = getpid(), child = fork();
  if(child == 0){
    prctl(PR_GET_CHILD_SUBREAPER, &on);
    if(fork() == 0){
      while(getppid() != me)
        usleep(1000);
      _exit(40 + on);                  // not inherited
    }
    _exit(on);
  }
  waitpid(child, &status, 0);
  printf("on %d, child %d, ", on, WEXITSTATUS(status));
  wait(&status);
  printf("grandchild %d\n", WEXITSTATUS(status));
  TEST(prctl(PR_SET_CHILD_SUBREAPER, 0));
}

static volatile sig_atomic_t warnings;

static void
warned(int sig)
{
  warnings++;
}

// A second of CPU time is for free, after that there is a warning, then the end.
static void
time_is_up(void)
{
  struct rlimit r = { 1, 2 };
  int p[2], n = 0, status;
  pipe(p);
  if(fork() == 0){
    TEST(setrlimit(RLIMIT_CPU, &r));
    if(fork() == 0)
      for(;;)
        ;
    wait(&status);
    printf("child: signal %d\n", WTERMSIG(status));
    fflush(stdout);
    signal(SIGXCPU, warned);
    for(;;)
      if(warnings > n){
        n++;
        write(p[1], "w", 1);
      }
  }
  close(p[1]);
  wait(&status);
  for(char c; read(p[0], &c, 1) == 1;)
    n++;
  printf("%d warnings, signal %d\n", n, WTERMSIG(status));
}

static void
force(void)
{
  mkdir("mounted", 0755);
  TEST(mount("none", "mounted", "tmpfs", 0, NULL));
  TEST(umount2("mounted", 1 << 20));
  TEST(umount2("mounted", MNT_FORCE));
  TEST(umount2("mounted", MNT_FORCE));
  TEST(rmdir("mounted"));
}

// Anybody's are to be read.
static void
parents_limits(void)
{
  struct rlimit r = { 7, 8 };
  fflush(stdout);
  if(fork() == 0){
    setrlimit(RLIMIT_NPROC, &(struct rlimit){ 0, 0 });
    TEST(prlimit(getppid(), RLIMIT_NPROC, NULL, &r));
    printf("parent's %ld %ld\n", (long)r.rlim_cur, (long)r.rlim_max);
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
}

int
main(void)
{
  struct rlimit r = { 1, 2 };
  time_is_up();
  TEST(prlimit(99999, RLIMIT_AS, NULL, NULL));
  TEST(syscall(SYS_setrlimit, RLIMIT_CORE, NULL));
  TEST(syscall(SYS_getrlimit, RLIMIT_NOFILE, NULL));
  TEST(syscall(SYS_getrlimit, 99, &r));
  TEST(syscall(SYS_setrlimit, RLIMIT_NPROC, &r));
  r.rlim_cur = 0;
  TEST(syscall(SYS_getrlimit, RLIMIT_NPROC, &r));
  printf("%ld %ld\n", (long)r.rlim_cur, (long)r.rlim_max);
  parents_limits();
  force();
  adopted();
  orphan();
  changes();
  return 0;
}
