// SPDX-License-Identifier: MIT
//
// Waiting for events: epoll by level, by edge and once, one inside the other; eventfd
// and timerfd.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "say.h"

static int
control(int ep, int op, int fd, uint32_t events)
{
  struct epoll_event e = { .events = events, .data.u64 = 0x123400000000 + fd };
  return epoll_ctl(ep, op, fd, &e);
}

// What there is, sorted, as descriptors counted from `first`.
static void
show(const char *what, int ep, int first)
{
  struct epoll_event e[8];
  int n = epoll_wait(ep, e, 8, 0);
  printf("%s:", what);
  for(int fd = 0; fd < 64; fd++)
    for(int k = 0; k < n; k++)
      if(e[k].data.u64 == 0x123400000000 + (uint64_t)fd)
        printf(" %d:%x", fd - first, e[k].events);
  printf("%s\n", n < 0 ? strerror(errno) : n == 0 ? " nothing" : "");
}

// ---- epoll ----

static void
levels(void)
{
  int p[2], ep = epoll_create1(EPOLL_CLOEXEC), first = ep + 1;
  char c[8];
  pipe(p);
  TEST(fcntl(ep, F_GETFD));
  TEST(control(ep, EPOLL_CTL_ADD, p[0], EPOLLIN));
  TEST(control(ep, EPOLL_CTL_ADD, p[0], EPOLLIN));
  show("empty", ep, first);
  TEST(control(ep, EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLIN));
  show("room", ep, first);
  write(p[1], "abc", 3);
  show("data", ep, first);
  show("still", ep, first);
  read(p[0], c, 1);
  show("less", ep, first);
  TEST(control(ep, EPOLL_CTL_MOD, p[1], 0));
  show("only data", ep, first);
  read(p[0], c, 8);
  show("drained", ep, first);
  TEST(control(ep, EPOLL_CTL_DEL, p[1], 0));
  TEST(control(ep, EPOLL_CTL_DEL, p[1], 0));
  TEST(control(ep, EPOLL_CTL_MOD, p[1], EPOLLIN));
  close(p[1]);
  show("hung up", ep, first);
  close(p[0]);
  show("closed", ep, first);
  close(ep);
}

static void
edges(void)
{
  int p[2], q[2], ep = epoll_create1(0), first = ep + 1;
  char c[8];
  pipe(p);
  pipe(q);
  control(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLET);
  control(ep, EPOLL_CTL_ADD, q[0], EPOLLIN | EPOLLONESHOT);
  write(p[1], "abc", 3);
  write(q[1], "abc", 3);
  show("first", ep, first);
  show("told", ep, first);
  read(p[0], c, 1);
  show("read some", ep, first);
  write(p[1], "d", 1);
  write(q[1], "d", 1);
  show("written", ep, first);
  control(ep, EPOLL_CTL_MOD, q[0], EPOLLIN | EPOLLONESHOT);
  show("again", ep, first);
  control(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET);
  show("changed", ep, first);
  close(p[1]);
  close(q[1]);
  show("ends closed", ep, first);
  show("told", ep, first);
  close(p[0]);
  close(q[0]);
  close(ep);
}

// A duplicate keeps the file, and thereby the watch.
static void
duplicates(void)
{
  int p[2], ep = epoll_create1(0), first = ep + 1;
  pipe(p);
  int other = dup(p[0]);
  control(ep, EPOLL_CTL_ADD, p[0], EPOLLIN);
  TEST(control(ep, EPOLL_CTL_ADD, other, EPOLLIN));
  write(p[1], "x", 1);
  show("two", ep, first);
  close(p[0]);
  show("one closed", ep, first);
  close(other);
  show("both", ep, first);
  close(p[1]);
  close(ep);
}

static void
nested(void)
{
  int p[2], ep[8], first;
  pipe(p);
  first = p[0];
  for(int k = 0; k < 8; k++)
    ep[k] = epoll_create1(0);
  TEST(control(ep[0], EPOLL_CTL_ADD, ep[0], EPOLLIN));
  TEST(control(ep[0], EPOLL_CTL_ADD, p[0], EPOLLIN));
  for(int k = 1; k < 4; k++)
    TEST(control(ep[k], EPOLL_CTL_ADD, ep[k - 1], EPOLLIN));
  TEST(control(ep[0], EPOLL_CTL_ADD, ep[3], EPOLLIN));
  show("asleep", ep[3], first);
  write(p[1], "x", 1);
  show("awake", ep[3], first);
  struct pollfd f = { ep[3], POLLIN };
  TEST(poll(&f, 1, 0));
  char c;
  read(p[0], &c, 1);
  TEST(poll(&f, 1, 0));
  show("asleep", ep[3], first);
  for(int k = 0; k < 8; k++)
    close(ep[k]);
  close(p[0]);
  close(p[1]);
}

static void
refusals(void)
{
  int p[2], ep = epoll_create1(0), fd = open("f", O_RDWR | O_CREAT, 0600);
  struct epoll_event e[2];
  pipe(p);
  TEST(epoll_create1(1));
  TEST(control(ep, EPOLL_CTL_ADD, fd, EPOLLIN));
  TEST(control(ep, EPOLL_CTL_ADD, 99, EPOLLIN));
  TEST(control(99, EPOLL_CTL_ADD, p[0], EPOLLIN));
  TEST(control(p[0], EPOLL_CTL_ADD, p[1], EPOLLIN));
  TEST(control(ep, 9, p[0], EPOLLIN));
  TEST(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], (void *)8));
  TEST(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL));
  TEST(epoll_wait(ep, e, 0, 0));
  TEST(epoll_wait(ep, e, -1, 0));
  TEST(epoll_wait(99, e, 1, 0));
  TEST(epoll_wait(p[0], e, 1, 0));
  TEST(epoll_wait(ep, e, 1, 10));
  control(ep, EPOLL_CTL_ADD, p[1], EPOLLOUT);
  TEST(epoll_wait(ep, (void *)8, 1, 0));
  TEST(epoll_wait(ep, e, 1, 0));
  TEST(read(ep, e, 8));
  close(p[0]);
  close(p[1]);
  close(ep);
  close(fd);
}

static void
handler(int sig)
{
}

static void *
write_later(void *fd)
{
  usleep(20000);
  write(*(int *)fd, "x", 1);
  return NULL;
}

static void
sleepers(void)
{
  int p[2], ep = epoll_create1(0);
  struct epoll_event e;
  pthread_t t;
  pipe(p);
  control(ep, EPOLL_CTL_ADD, p[0], EPOLLIN);
  pthread_create(&t, NULL, write_later, &p[1]);
  TEST(epoll_wait(ep, &e, 1, -1));
  pthread_join(t, NULL);
  control(ep, EPOLL_CTL_DEL, p[0], 0);
  struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_RESTART };
  sigaction(SIGALRM, &sa, NULL);
  setitimer(ITIMER_REAL, &(struct itimerval){ .it_value.tv_usec = 20000 }, NULL);
  TEST(epoll_wait(ep, &e, 1, -1));
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGALRM);
  TEST(epoll_wait(ep, &e, 1, 5));
  sigemptyset(&set);
  TEST(epoll_pwait(ep, &e, 1, 5000, &set));
  sigfillset(&set);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  close(p[0]);
  close(p[1]);
  close(ep);
}

// ---- eventfd ----

static long
get(int fd)
{
  uint64_t n = 0;
  return read(fd, &n, sizeof n) < 0 ? -1 : (long)n;
}

static long
put(int fd, uint64_t n)
{
  return write(fd, &n, sizeof n);
}

static unsigned
ready(int fd)
{
  struct pollfd p = { fd, POLLIN | POLLOUT };
  poll(&p, 1, 0);
  return p.revents;
}

static void
numbers(void)
{
  int fd = eventfd(3, EFD_NONBLOCK), one = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE);
  char c;
  TEST(get(fd));
  TEST(get(fd));
  TEST(ready(fd));
  TEST(put(fd, UINT64_MAX));
  TEST(put(fd, UINT64_MAX - 1));
  TEST(ready(fd));
  TEST(put(fd, 1));
  TEST(put(fd, 0));
  TEST(get(fd));
  TEST(get(one));
  TEST(get(one));
  TEST(get(one));
  TEST(read(fd, &c, 1));
  TEST(write(fd, &c, 1));
  TEST(write(fd, (void *)8, 8));
  TEST(pread(fd, &c, 8, 0));
  TEST(eventfd(0, 2));
  close(one);
  one = eventfd(0, 0);
  if(fork() == 0){
    usleep(20000);
    put(one, 5);
    _exit(0);
  }
  TEST(get(one));
  wait(NULL);
  close(fd);
  close(one);
}

// ---- timerfd ----

static struct itimerspec
times(long value_ms, long interval_ms)
{
  return (struct itimerspec){ { 0, interval_ms * 1000000 }, { 0, value_ms * 1000000 } };
}

static void
timers(void)
{
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), ep = epoll_create1(0);
  struct itimerspec t = times(20, 0), old;
  struct epoll_event e;
  TEST(get(fd));
  TEST(timerfd_settime(fd, 0, &t, NULL));
  TEST(get(fd));
  TEST(timerfd_gettime(fd, &old));
  printf("runs: %d\n", old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 20000000);
  TEST(control(ep, EPOLL_CTL_ADD, fd, EPOLLIN));
  TEST(epoll_wait(ep, &e, 1, -1));
  TEST(get(fd));
  TEST(get(fd));
  t = times(1, 10);
  TEST(timerfd_settime(fd, 0, &t, &old));
  printf("had run out: %ld %ld\n", (long)old.it_value.tv_nsec, (long)old.it_interval.tv_nsec);
  usleep(35000);
  printf("several: %d\n", get(fd) >= 4);
  TEST(epoll_wait(ep, &e, 1, -1));
  t = times(0, 0);
  TEST(timerfd_settime(fd, 0, &t, &old));
  printf("every: %ld\n", (long)old.it_interval.tv_nsec);
  TEST(get(fd));
  clock_gettime(CLOCK_MONOTONIC, &t.it_value);
  TEST(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL));
  TEST(get(fd));
  close(fd);
  fd = timerfd_create(CLOCK_REALTIME, 0);
  clock_gettime(CLOCK_REALTIME, &t.it_value);
  t.it_value.tv_sec--;
  TEST(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL));
  TEST(get(fd));
  t = times(20, 0);
  TEST(timerfd_settime(fd, 0, &t, NULL));
  TEST(get(fd));
  t.it_value.tv_nsec = -1;
  TEST(timerfd_settime(fd, 0, &t, NULL));
  TEST(timerfd_settime(fd, 8, &t, NULL));
  TEST(timerfd_settime(fd, 0, (void *)8, NULL));
  TEST(timerfd_settime(ep, 0, &t, NULL));
  TEST(timerfd_gettime(99, &t));
  TEST(timerfd_create(99, 0));
  TEST(timerfd_create(CLOCK_MONOTONIC, 1));
  TEST(write(fd, &t, 8));
  close(fd);
  close(ep);
}

int
main(void)
{
  levels();
  edges();
  duplicates();
  nested();
  refusals();
  sleepers();
  numbers();
  timers();
}
