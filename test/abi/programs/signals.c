// SPDX-License-Identifier: MIT
//
// Signals: handlers and what they are told, masks, queues, alternate stacks,
// interrupted calls, job control.

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile int count, last, code, value, sender, nested;
static void *volatile where;
static stack_t altstack;

static void
note(int sig, siginfo_t *si, void *uc)
{
  count++;
  last = sig;
  code = si->si_code;
  value = si->si_value.sival_int;
  sender = si->si_pid;
  where = &uc;
}

static void
handle(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
  struct sigaction sa = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags };
  sigaction(sig, &sa, NULL);
}

static void
said(const char *what)
{
  printf("%s: %d times, signal %d, code %d, mine %d\n", what, count, last, code,
         sender == getpid());
  count = last = code = sender = 0;
}

// A signal's handler may run a little after the event it tells of is known.
static void
wait_for_note(void)
{
  for(int i = 0; count == 0 && i < 2000; i++)
    usleep(1000);
}

static void
mask(int how, int sig)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, sig);
  sigprocmask(how, &set, NULL);
}

static void
sending(void)
{
  handle(SIGUSR1, note, 0);
  kill(getpid(), SIGUSR1);
  said("kill");
  raise(SIGUSR1);
  said("raise");
  kill(0, 0);
  sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 77 });
  printf("value %d\n", value);
  said("sigqueue");
  printf("nobody: %d %s\n", kill(999999, SIGUSR1), strerror(errno));
  printf("no signal: %d %s\n", kill(getpid(), 65), strerror(errno));
  printf("forced: %d %s\n", sigaction(SIGKILL, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL),
         strerror(errno));
}

static void
masks(void)
{
  sigset_t set;
  mask(SIG_BLOCK, SIGUSR1);
  for(int i = 0; i < 3; i++)
    kill(getpid(), SIGUSR1);
  sigpending(&set);
  printf("blocked %d, pending %d\n", count, sigismember(&set, SIGUSR1));
  mask(SIG_UNBLOCK, SIGUSR1);
  said("unblocked once");
  handle(SIGRTMIN + 1, note, 0);
  mask(SIG_BLOCK, SIGRTMIN + 1);
  for(int i = 0; i < 3; i++)
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = i });
  mask(SIG_UNBLOCK, SIGRTMIN + 1);
  printf("queue keeps %d\n", value);
  said("all three");
  mask(SIG_BLOCK, SIGUSR1);
  kill(getpid(), SIGUSR1);
  handle(SIGUSR1, (void *)SIG_IGN, 0);
  handle(SIGUSR1, note, 0);
  mask(SIG_UNBLOCK, SIGUSR1);
  said("ignored in between");
}

static void
nest(int sig, siginfo_t *si, void *uc)
{
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  if(nested++ < 2)
    raise(sig);
  printf("depth %d, itself %d, other %d\n", nested, sigismember(&now, sig),
         sigismember(&now, SIGUSR2));
}

static void
flags(void)
{
  struct sigaction sa = { .sa_sigaction = nest, .sa_flags = SA_SIGINFO | SA_NODEFER };
  sigaddset(&sa.sa_mask, SIGUSR2);
  sigaction(SIGUSR1, &sa, NULL);
  raise(SIGUSR1);
  nested = 1;
  sa.sa_flags = SA_SIGINFO;
  sigaction(SIGUSR1, &sa, NULL);
  raise(SIGUSR1);
  nested = 0;
  handle(SIGUSR1, note, SA_RESETHAND);
  raise(SIGUSR1);
  sigaction(SIGUSR1, NULL, &sa);
  printf("reset: %d %d\n", sa.sa_handler == SIG_DFL, (sa.sa_flags & SA_SIGINFO) != 0);
  said("once");
}

static void
stacks(void)
{
  stack_t old;
  altstack = (stack_t){ .ss_sp = malloc(65536), .ss_size = 65536 };
  printf("sigaltstack %d\n", sigaltstack(&altstack, NULL));
  handle(SIGUSR1, note, SA_ONSTACK);
  raise(SIGUSR1);
  printf("on it: %d\n", (char *)where > (char *)altstack.ss_sp &&
         (char *)where < (char *)altstack.ss_sp + altstack.ss_size);
  handle(SIGUSR1, note, 0);
  raise(SIGUSR1);
  printf("not on it: %d\n", (char *)where < (char *)altstack.ss_sp ||
         (char *)where > (char *)altstack.ss_sp + altstack.ss_size);
  sigaltstack(NULL, &old);
  printf("flags %d, same %d\n", old.ss_flags, old.ss_sp == altstack.ss_sp);
  altstack.ss_size = 100;
  printf("small: %d %s\n", sigaltstack(&altstack, NULL), strerror(errno));
  altstack.ss_flags = SS_DISABLE;
  sigaltstack(&altstack, NULL);
  sigaltstack(NULL, &old);
  printf("off: %d\n", old.ss_flags == SS_DISABLE);
  said("stacks");
}

// Registers and floating point are the same after a handler that uses them all.
static void
spoil(int sig, siginfo_t *si, void *uc)
{
  volatile double x = 1.5;
  for(int i = 0; i < 20; i++)
    x = x * 1.01 + i;
  asm volatile("fcvt.d.w fs0, %0; fcvt.d.w fs1, %0; fcvt.d.w ft0, %0; fsrmi 3" :: "r"(sig) :
               "memory");
  asm volatile("li s2, -1; li s3, -2; li t3, -3; li a5, -4" ::: "memory");
  ((ucontext_t *)uc)->uc_mcontext.__gregs[REG_S0 + 1] = 4242;   // s1
}

static void
registers(void)
{
  long s1, s2, t3, rounding;
  double f, g;
  handle(SIGUSR1, spoil, 0);
  pid_t pid = getpid();
  asm volatile(
    "li s1, 11; li s2, 12; li t3, 13; li t4, 7; fcvt.d.w fs0, t4; fcvt.d.w ft0, t4; fsrmi 1\n"
    "mv a0, %6; li a1, 10; li a7, 129; ecall\n"
    "mv %0, s1; mv %1, s2; mv %2, t3; fmv.d %3, fs0; fmv.d %4, ft0; frrm %5; fsrmi 0"
    : "=&r"(s1), "=&r"(s2), "=&r"(t3), "=&f"(f), "=&f"(g), "=&r"(rounding) : "r"((long)pid)
    : "s1", "s2", "s3", "t3", "t4", "a0", "a1", "a5", "a7", "fs0", "fs1", "ft0", "memory");
  printf("registers %ld %ld %ld %g %g, rounding %ld\n", s1, s2, t3, f, g, rounding);
}

static pid_t
signal_soon(int sig, int ms)
{
  pid_t parent = getpid(), p = fork();
  if(p == 0){
    usleep(ms * 1000);
    kill(parent, sig);
    usleep(ms * 1000);
    _exit(0);
  }
  return p;
}

#define INTERRUPTED(call) do { \
  pid_t p_ = signal_soon(SIGUSR1, 60); \
  errno = 0; \
  long r_ = (long)(call); \
  printf("%s = %ld %s\n", #call, r_, strerror(errno)); \
  waitpid(p_, NULL, 0); \
} while(0)

static void
interrupted(void)
{
  char c;
  int p[2];
  sigset_t none;
  struct timespec t = { 5, 0 }, rest = { 0, 0 };
  pipe(p);
  sigemptyset(&none);
  handle(SIGUSR1, note, 0);
  INTERRUPTED(read(p[0], &c, 1));
  INTERRUPTED(pause());
  INTERRUPTED(nanosleep(&t, &rest));
  printf("rest %d\n", rest.tv_sec == 4 && rest.tv_nsec > 0);
  INTERRUPTED(poll(NULL, 0, 5000));
  INTERRUPTED(sigsuspend(&none));
  INTERRUPTED(wait(NULL) < 0 ? -1 : 0);
  said("without restart");
  handle(SIGUSR1, note, SA_RESTART);
  INTERRUPTED(pause());
  INTERRUPTED(poll(NULL, 0, 5000));
  INTERRUPTED(nanosleep(&t, NULL));
  INTERRUPTED(wait(NULL) < 0 ? -1 : 0);
  if(fork() == 0){
    usleep(150000);
    write(p[1], "x", 1);
    _exit(0);
  }
  INTERRUPTED(read(p[0], &c, 1));
  wait(NULL);
  said("with restart");
}

// A stop and SIGCONT end no call, and no sleep becomes longer or shorter.
static void
stopped(void)
{
  int s;
  pid_t p = fork();
  if(p == 0){
    struct timespec t = { 0, 200000000 };
    _exit(nanosleep(&t, NULL) == 0 ? 5 : 6);
  }
  usleep(50000);
  kill(p, SIGSTOP);
  printf("stop: %d", waitpid(p, &s, WUNTRACED) == p && WIFSTOPPED(s));
  printf(" by %d\n", WSTOPSIG(s));
  kill(p, SIGCONT);
  printf("continued: %d", waitpid(p, &s, WCONTINUED) == p && WIFCONTINUED(s));
  waitpid(p, &s, 0);
  printf(", slept %d\n", WEXITSTATUS(s));
  handle(SIGCHLD, note, SA_RESTART);
  if((p = fork()) == 0)
    _exit(3);
  waitpid(p, &s, 0);
  wait_for_note();
  printf("child of mine %d, ", sender == p);
  said("exit");
  if((p = fork()) == 0)
    for(;;)
      pause();
  kill(p, SIGSTOP);
  waitpid(p, &s, WUNTRACED);
  wait_for_note();
  said("stop");
  handle(SIGCHLD, note, SA_RESTART | SA_NOCLDSTOP);
  kill(p, SIGCONT);
  waitpid(p, &s, WCONTINUED);
  said("no notice");
  kill(p, SIGKILL);
  waitpid(p, &s, 0);
  said("killed");
  handle(SIGCHLD, note, SA_NOCLDWAIT);
  if((p = fork()) == 0)
    _exit(0);
  printf("no zombie: %d", waitpid(p, &s, 0));
  printf(" %s\n", strerror(errno));
  signal(SIGCHLD, SIG_DFL);
}

static void
waiting(void)
{
  sigset_t set;
  siginfo_t si;
  struct timespec t = { 0, 30000000 };
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, NULL);
  printf("in vain: %d", sigtimedwait(&set, &si, &t));
  printf(" %s\n", strerror(errno));
  kill(getpid(), SIGUSR2);
  printf("at once: %d %d\n", sigwaitinfo(&set, &si), si.si_pid == getpid());
  if(fork() == 0)
    _exit(1);
  printf("child: %d", sigwaitinfo(&set, &si));
  printf(" code %d status %d\n", si.si_code, si.si_status);
  wait(NULL);
  signal_soon(SIGUSR2, 30);
  t.tv_sec = 5;
  printf("soon: %d\n", sigtimedwait(&set, &si, &t));
  wait(NULL);
}

static void
alarms(void)
{
  struct itimerval it = { { 0, 20000 }, { 0, 10000 } }, old;
  handle(SIGALRM, note, 0);
  alarm(1);
  printf("alarm %u", alarm(10));
  printf(" %u\n", alarm(0));
  setitimer(ITIMER_REAL, &it, NULL);
  while(count < 5)
    pause();
  it = (struct itimerval){ 0 };
  setitimer(ITIMER_REAL, &it, &old);
  printf("interval %ld\n", (long)old.it_interval.tv_usec);
  count = 5;
  said("ticks");
  it.it_value.tv_usec = 20000;
  setitimer(ITIMER_VIRTUAL, &it, NULL);
  handle(SIGVTALRM, note, 0);
  while(count == 0)
    ;
  said("virtual");
}

static void
ends(void)
{
  static const int fatal[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGALRM, SIGUSR1, SIGQUIT };
  int s, p[2];
  for(unsigned i = 0; i < sizeof fatal / sizeof fatal[0]; i++){
    pid_t pid = fork();
    if(pid == 0){
      signal(fatal[i], SIG_DFL);
      raise(fatal[i]);
      _exit(1);
    }
    waitpid(pid, &s, 0);
    printf("%d ", WIFSIGNALED(s) ? WTERMSIG(s) : -1);
  }
  printf("\n");
  pipe(p);
  close(p[0]);
  handle(SIGPIPE, note, 0);
  printf("write %zd", write(p[1], "x", 1));
  printf(" %s, ", strerror(errno));
  last == SIGPIPE ? said("sigpipe") : said("none");
  pid_t pid = fork();
  if(pid == 0){
    setpgid(0, 0);
    if(fork() == 0)
      pause();
    pause();
  }
  setpgid(pid, pid);
  usleep(50000);
  printf("group %d\n", kill(-pid, SIGTERM));
  waitpid(pid, &s, 0);
  printf("all gone: %d\n", WTERMSIG(s));
}

int
main(void)
{
  setvbuf(stdout, NULL, _IONBF, 0);
  sending();
  masks();
  flags();
  stacks();
  registers();
  interrupted();
  stopped();
  waiting();
  alarms();
  ends();
  return 0;
}
