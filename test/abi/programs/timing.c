// SPDX-License-Identifier: MIT
//
// Clocks and sleeping.

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

static long long
now(clockid_t clock)
{
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

#define LASTS(ms, call) do { \
  long long before_ = now(CLOCK_MONOTONIC); \
  int r_ = call; \
  printf("%s = %d, long enough %d\n", #call, r_, \
         now(CLOCK_MONOTONIC) - before_ >= (ms) * 1000000LL); \
} while(0)

int
main(void)
{
  struct timespec t = { 0, 30000000 }, bad = { 0, 1000000000 };
  struct timeval tv;
  struct tms tms;
  LASTS(30, nanosleep(&t, NULL));
  LASTS(20, usleep(20000));
  LASTS(30, clock_nanosleep(CLOCK_REALTIME, 0, &t, NULL));
  t.tv_sec = now(CLOCK_MONOTONIC) / 1000000000 + 1;
  LASTS(1, clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
  LASTS(25, poll(NULL, 0, 25));
  LASTS(25, select(0, NULL, NULL, NULL, &(struct timeval){ 0, 25000 }));
  printf("bad: %d %s\n", nanosleep(&bad, NULL), strerror(errno));
  printf("no clock: %d %s\n", clock_gettime(99, &t), strerror(errno));
  printf("2020s: %d %d\n", time(NULL) > 1577836800, gettimeofday(&tv, NULL));
  printf("agree: %d\n", llabs(now(CLOCK_REALTIME) / 1000000000 - time(NULL)) < 2);
  volatile unsigned long x = 0;
  long long cpu = now(CLOCK_PROCESS_CPUTIME_ID), thread = now(CLOCK_THREAD_CPUTIME_ID);
  for(int i = 0; i < 3000000; i++)
    x += i;
  printf("process %d, thread %d, times %d\n", now(CLOCK_PROCESS_CPUTIME_ID) > cpu,
         now(CLOCK_THREAD_CPUTIME_ID) > thread, times(&tms) != (clock_t)-1);
  printf("resolution: %d\n", clock_getres(CLOCK_MONOTONIC, &t));
  int p[2];
  pipe(p);
  struct pollfd f[2] = { { p[0], POLLIN, 0 }, { p[1], POLLOUT, 0 } };
  printf("poll %d: %d %d\n", poll(f, 2, 0), f[0].revents, f[1].revents == POLLOUT);
  write(p[1], "x", 1);
  printf("poll %d: %d\n", poll(f, 1, 1000), f[0].revents == POLLIN);
  close(p[1]);
  read(p[0], &t, 1);
  printf("poll %d: %d\n", poll(f, 1, 1000), f[0].revents == POLLHUP);
  return 0;
}
