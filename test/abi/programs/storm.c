// SPDX-License-Identifier: MIT
//
// Signals from all sides while threads compute, fault, sleep and fork: nothing is
// lost, no register changes, no call returns what it should not.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 1500, PAGE = 4096 };
static volatile int got, done;
static __thread volatile int depth;
static pthread_t thread[THREADS];

static void
count(int sig, siginfo_t *si, void *uc)
{
  volatile double x = si->si_value.sival_int;
  depth++;
  for(int i = 0; i < 10; i++)
    x = x * 1.5 + depth;
  __atomic_fetch_add(&got, 1, __ATOMIC_SEQ_CST);
  depth--;
}

static void
tick(int sig)
{
  char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  p[0] = 1;
  munmap(p, PAGE);
}

static double
compute(int seed)
{
  double x = seed, sum = 0;
  for(int i = 0; i < 300; i++){
    x = x * 1.0001 + i / 3.0;
    sum += x;
  }
  return sum;
}

static void *
work(void *arg)
{
  long wrong = 0;
  double expected = compute((long)arg);
  while(!done){
    wrong += compute((long)arg) != expected;
    char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for(int i = 0; i < 4; i++)
      p[i * PAGE] = i;
    wrong += p[3 * PAGE] != 3;
    munmap(p, 4 * PAGE);
    if((long)arg == 1)
      usleep(100);
  }
  return (void *)wrong;
}

// Real-time signals to each thread; when the queue is full, try again.
static void *
send_all(void *arg)
{
  long failed = 0;
  for(int i = 0; i < ROUNDS; i++){
    int r, to = i % THREADS;
    while((r = pthread_sigqueue(thread[to], SIGRTMIN + i % 3, (union sigval){ .sival_int = i })) ==
          EAGAIN)
      usleep(100);
    failed += r != 0;
    kill(getpid(), SIGUSR1);
  }
  return (void *)failed;
}

static long
forks(void)
{
  long wrong = 0;
  for(int i = 0; i < 40; i++){
    int p[2], s;
    char c = 0;
    pipe(p);
    pid_t child = fork();
    if(child == 0){
      double first = compute(i);
      write(p[1], "y", compute(i) == first);
      _exit(i);
    }
    while(read(p[0], &c, 1) < 0 && errno == EINTR)
      ;
    while(waitpid(child, &s, 0) < 0 && errno == EINTR)
      ;
    wrong += c != 'y' || !WIFEXITED(s) || WEXITSTATUS(s) != i;
    close(p[0]);
    close(p[1]);
  }
  return wrong;
}

int
main(void)
{
  struct sigaction sa = { .sa_sigaction = count, .sa_flags = SA_SIGINFO | SA_RESTART };
  struct itimerval it = { { 0, 3000 }, { 0, 3000 } };
  pthread_t sender;
  void *r;
  for(int i = 0; i < 3; i++)
    sigaction(SIGRTMIN + i, &sa, NULL);
  signal(SIGUSR1, tick);
  signal(SIGALRM, tick);
  for(long i = 0; i < THREADS; i++)
    pthread_create(&thread[i], NULL, work, (void *)i);
  setitimer(ITIMER_REAL, &it, NULL);
  pthread_create(&sender, NULL, send_all, NULL);
  printf("forks: %ld wrong\n", forks());
  pthread_join(sender, &r);
  printf("sending: %ld failed\n", (long)r);
  for(int i = 0; i < 1000 && got < ROUNDS; i++)
    usleep(10000);
  done = 1;
  for(int i = 0; i < THREADS; i++){
    pthread_join(thread[i], &r);
    printf("thread: %ld wrong\n", (long)r);
  }
  printf("received %d of %d\n", got, ROUNDS);
  return 0;
}
