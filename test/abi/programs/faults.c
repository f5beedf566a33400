// SPDX-License-Identifier: MIT
//
// Errors of the program as signals: codes and addresses, going on after a repair,
// and what cannot be handled.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGE = 4096 };
static sigjmp_buf out;
static volatile int sig_seen, code_seen, repaired;
static void *volatile address, *volatile pc;
static char *page;

static void
leave(int sig, siginfo_t *si, void *uc)
{
  sig_seen = sig;
  code_seen = si->si_code;
  address = si->si_addr;
  pc = (void *)((ucontext_t *)uc)->uc_mcontext.__gregs[REG_PC];
  siglongjmp(out, 1);
}

static void
repair(int sig, siginfo_t *si, void *uc)
{
  repaired++;
  mprotect((void *)((unsigned long)si->si_addr & -PAGE), PAGE, PROT_READ | PROT_WRITE);
}

static void
handle(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
  struct sigaction sa = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags };
  sigaction(sig, &sa, NULL);
}

#define FAULTS(what, expected, code) do { \
  sig_seen = code_seen = 0; \
  address = NULL; \
  if(sigsetjmp(out, 1) == 0){ code; } \
  printf("%s: signal %d, code %d, address %s\n", what, sig_seen, code_seen, \
         address == (void *)(expected) ? "right" : "wrong"); \
} while(0)

static char *
map_file(off_t size, int prot)
{
  int fd = open("faults.tmp", O_RDWR | O_CREAT, 0600);
  ftruncate(fd, size);
  char *p = mmap(NULL, 4 * PAGE, prot, MAP_SHARED, fd, 0);
  close(fd);
  unlink("faults.tmp");
  return p;
}

static void
codes(void)
{
  char *file = map_file(100, PROT_READ | PROT_WRITE);
  page = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page + 3 * PAGE, PAGE);
  FAULTS("null", 8, *(volatile char *)8 = 1);
  FAULTS("read only", page + 5, *(volatile char *)(page + 5) = 1);
  FAULTS("unmapped", page + 3 * PAGE, *(volatile char *)(page + 3 * PAGE));
  mprotect(page + PAGE, PAGE, PROT_NONE);
  FAULTS("no access", page + PAGE, *(volatile char *)(page + PAGE));
  FAULTS("no code", page, ((void (*)(void))page)());
  FAULTS("past the file", file + PAGE + 1, *(volatile char *)(file + PAGE + 1) = 1);
  FAULTS("illegal", pc, asm volatile(".word 0"));
  FAULTS("privileged", pc, asm volatile("csrr t0, sstatus" ::: "t0"));
  FAULTS("breakpoint", pc, asm volatile("ebreak"));
  FAULTS("jump nowhere", page + 3 * PAGE + 2, ((void (*)(void))(page + 3 * PAGE + 2))());
  FAULTS("unaligned", NULL, *(volatile long *)(file + 3) = 1);
  volatile long zero = 0;
  FAULTS("division", NULL, zero = 7 / zero);
  printf("quotient %ld\n", (long)zero);
  FAULTS("kernel", 0xffffffff80000000, *(volatile char *)0xffffffff80000000);
}

static void
repairs(void)
{
  enum { PAGES = 200 };
  handle(SIGSEGV, repair, 0);
  char *p = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  long sum = 0;
  for(int i = 0; i < PAGES; i++)
    p[i * PAGE + i] = i;
  for(int i = 0; i < PAGES; i++)
    sum += (unsigned char)p[i * PAGE + i];
  printf("repaired %d, sum %ld\n", repaired, sum);
  munmap(p, PAGES * PAGE);
}

static int
endless(int n)
{
  volatile char frame[1000];
  frame[0] = n;
  return endless(n + 1) + frame[0];
}

static void
overflow(void)
{
  struct rlimit r = { 1 << 20, RLIM_INFINITY };
  stack_t alt = { .ss_sp = malloc(65536), .ss_size = 65536 };
  sigaltstack(&alt, NULL);
  setrlimit(RLIMIT_STACK, &r);
  handle(SIGSEGV, leave, SA_ONSTACK);
  if(sigsetjmp(out, 1) == 0)
    endless(0);
  printf("stack overflow: signal %d\n", sig_seen);
}

static void
ended_by(const char *what, void (*fn)(void))
{
  int s;
  fflush(stdout);
  pid_t p = fork();
  if(p == 0){
    fn();
    _exit(0);
  }
  waitpid(p, &s, 0);
  printf("%s: %s %d\n", what, WIFSIGNALED(s) ? "killed by" : "exited",
         WIFSIGNALED(s) ? WTERMSIG(s) : WEXITSTATUS(s));
}

static char *volatile null;

static void
touch_null(void)
{
  *null = 1;
}

static void
blocked(void)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGSEGV);
  sigprocmask(SIG_BLOCK, &set, NULL);
  touch_null();
}

static void
ignored(void)
{
  signal(SIGSEGV, SIG_IGN);
  touch_null();
}

static void
again(int sig, siginfo_t *si, void *uc)
{
  touch_null();
}

static void
in_its_handler(void)
{
  handle(SIGSEGV, again, 0);
  touch_null();
}

// No room for a frame: the stack pointer points nowhere.
static void
no_stack(void)
{
  handle(SIGSEGV, leave, 0);
  asm volatile("li sp, 64; sd zero, 0(sp)");
}

static void
bad_handler(void)
{
  struct sigaction sa = { .sa_handler = (void (*)(int))0x123456 };
  sigaction(SIGUSR1, &sa, NULL);
  raise(SIGUSR1);
}

// sigreturn without a frame.
static void
bad_return(void)
{
  asm volatile("li sp, 64; li a7, 139; ecall" ::: "memory");
}

// A frame of rubbish: whatever the registers become, only this process suffers.
static void
wild_return(void)
{
  static unsigned char rubbish[4096] __attribute__((aligned(16)));
  memset(rubbish, 0x5a, sizeof rubbish);
  memset(rubbish + 128 + 176 + 256 + 264, 0, 264);
  asm volatile("mv sp, %0; li a7, 139; ecall" :: "r"(rubbish) : "memory");
}

int
main(void)
{
  handle(SIGSEGV, leave, 0);
  handle(SIGBUS, leave, 0);
  handle(SIGILL, leave, 0);
  handle(SIGTRAP, leave, 0);
  codes();
  repairs();
  overflow();
  signal(SIGSEGV, SIG_DFL);
  ended_by("default", touch_null);
  ended_by("blocked", blocked);
  ended_by("ignored", ignored);
  ended_by("in its handler", in_its_handler);
  ended_by("no stack", no_stack);
  ended_by("bad handler", bad_handler);
  ended_by("bad return", bad_return);
  ended_by("wild return", wild_return);
  return 0;
}
