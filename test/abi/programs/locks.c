// SPDX-License-Identifier: MIT
//
// Locks on files: ranges of processes and of open files, whole files, waiting,
// deadlock, and what close and exit do to them.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRY(call) do { \
  errno = 0; \
  long r_ = (long)(call); \
  printf("%s = %s%s\n", #call, r_ < 0 ? "error: " : "ok", r_ < 0 ? strerror(errno) : ""); \
} while(0)

static int fd;

static int
lock(int f, int cmd, int type, long start, long len)
{
  struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };
  return fcntl(f, cmd, &l);
}

// What another process would meet, byte by byte: - r w.
static void
show(const char *when)
{
  char text[41] = { 0 };
  fflush(stdout);
  if(fork() == 0){
    for(int at = 0; at < 40; at++){
      struct flock l = { .l_type = F_WRLCK, .l_start = at, .l_len = 1 };
      fcntl(fd, F_GETLK, &l);
      text[at] = l.l_type == F_UNLCK ? '-' : l.l_type == F_RDLCK ? 'r' : 'w';
    }
    printf("%-28s %s\n", when, text);
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
}

static void
ranges(void)
{
  TRY(lock(fd, F_SETLK, F_WRLCK, 10, 10));
  show("10 to 19 for writing");
  TRY(lock(fd, F_SETLK, F_RDLCK, 13, 3));
  show("some in the middle, reading");
  TRY(lock(fd, F_SETLK, F_UNLCK, 15, 2));
  show("a hole");
  TRY(lock(fd, F_SETLK, F_WRLCK, 0, 12));
  show("more below");
  TRY(lock(fd, F_SETLK, F_RDLCK, 20, 5));
  TRY(lock(fd, F_SETLK, F_RDLCK, 25, 5));
  show("two that touch");
  TRY(lock(fd, F_SETLK, F_WRLCK, 15, 0));
  show("without end");
  TRY(lock(fd, F_SETLK, F_UNLCK, 30, -25));
  show("none from 5 to 29");
  TRY(lock(fd, F_SETLK, F_UNLCK, 0, 0));
  show("none");
}

static void
what_is_told(void)
{
  pid_t parent = getpid();
  lock(fd, F_SETLK, F_WRLCK, 100, 50);
  lock(fd, F_SETLK, F_RDLCK, 300, 0);
  fflush(stdout);
  if(fork() == 0){
    struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_CUR, .l_start = 20, .l_len = 300 };
    TRY(fcntl(fd, F_GETLK, &l));
    printf("type %d whence %d start %ld len %ld, of the parent: %d\n", l.l_type, l.l_whence,
           (long)l.l_start, (long)l.l_len, l.l_pid == parent);
    l = (struct flock){ .l_type = F_WRLCK, .l_start = 1000, .l_len = 1 };
    TRY(fcntl(fd, F_GETLK, &l));
    printf("type %d start %ld len %ld\n", l.l_type, (long)l.l_start, (long)l.l_len);
    l = (struct flock){ .l_type = F_RDLCK, .l_start = 300, .l_len = 7, .l_pid = 77 };
    TRY(fcntl(fd, F_GETLK, &l));
    printf("type %d start %ld len %ld pid %d\n", l.l_type, (long)l.l_start, (long)l.l_len, l.l_pid);
    TRY(lock(fd, F_SETLK, F_WRLCK, 120, 1));
    TRY(lock(fd, F_SETLK, F_RDLCK, 120, 1));
    TRY(lock(fd, F_SETLK, F_RDLCK, 320, 1));
    TRY(lock(fd, F_SETLK, F_WRLCK, 320, 1));
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
  lock(fd, F_SETLK, F_UNLCK, 0, 0);
}

static void
bad_input(void)
{
  int in = open("locked", O_RDONLY), out = open("locked", O_WRONLY), place = open(".", O_PATH);
  TRY(lock(in, F_SETLK, F_WRLCK, 0, 1));
  TRY(lock(out, F_SETLK, F_RDLCK, 0, 1));
  TRY(lock(place, F_SETLK, F_RDLCK, 0, 1));
  TRY(lock(99, F_SETLK, F_RDLCK, 0, 1));
  TRY(lock(fd, F_SETLK, 3, 0, 1));
  TRY(lock(fd, F_GETLK, F_UNLCK, 0, 1));
  TRY(lock(fd, F_SETLK, F_RDLCK, -1, 1));
  TRY(lock(fd, F_SETLK, F_RDLCK, 5, -6));
  TRY(lock(fd, F_SETLK, F_RDLCK, 0x7fffffffffffffff, 1));
  TRY(lock(fd, F_SETLK, F_RDLCK, 0x7fffffffffffffff, 2));
  struct flock l = { .l_type = F_RDLCK, .l_whence = 3 };
  TRY(fcntl(fd, F_SETLK, &l));
  TRY(fcntl(fd, F_SETLK, (void *)8));
  l = (struct flock){ .l_type = F_RDLCK, .l_pid = 1 };
  TRY(fcntl(fd, F_OFD_SETLK, &l));
  TRY(flock(fd, 3));
  TRY(flock(fd, LOCK_NB));
  TRY(flock(place, LOCK_SH));
  close(in);
  close(out);
  close(place);
}

// Any close of the file lets go of the process's locks on it.
static void
closing(void)
{
  lock(fd, F_SETLK, F_WRLCK, 0, 5);
  int other = open("locked", O_RDONLY);
  show("before the close");
  close(other);
  show("after the close of another");
  lock(fd, F_SETLK, F_WRLCK, 0, 5);
  dup2(1, dup(fd));
  show("dup2 away");
  fflush(stdout);
  if(fork() == 0){
    TRY(lock(fd, F_SETLK, F_WRLCK, 20, 5));
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
  show("the child is gone");
}

// ---- Waiting ----

static void
nap(void)
{
  usleep(150000);
}

static void
waiting(void)
{
  int p[2];
  pipe(p);
  lock(fd, F_SETLK, F_WRLCK, 0, 10);
  fflush(stdout);
  if(fork() == 0){
    TRY(lock(fd, F_SETLKW, F_RDLCK, 5, 10));
    write(p[1], "c", 1);
    fflush(stdout);
    _exit(0);
  }
  nap();
  write(p[1], "p", 1);
  lock(fd, F_SETLK, F_UNLCK, 0, 10);
  wait(NULL);
  char order[3] = { 0 };
  read(p[0], order, 2);
  printf("order %s\n", order);
}

static void
on_alarm(int sig)
{
}

static void
interrupted(void)
{
  struct sigaction a = { .sa_handler = on_alarm };
  sigaction(SIGALRM, &a, NULL);
  lock(fd, F_SETLK, F_WRLCK, 0, 10);
  fflush(stdout);
  if(fork() == 0){
    ualarm(100000, 0);
    TRY(lock(fd, F_SETLKW, F_RDLCK, 5, 10));
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
  lock(fd, F_SETLK, F_UNLCK, 0, 10);
}

// Three in a ring: the one that closes it is told.
static void
deadlock(void)
{
  fflush(stdout);
  for(int i = 0; i < 3; i++)
    if(fork() == 0){
      lock(fd, F_SETLK, F_WRLCK, i, 1);
      usleep(100000 + i * 100000);
      int r = lock(fd, F_SETLKW, F_WRLCK, (i + 1) % 3, 1);
      if(i == 2)
        printf("ring closed: %s\n", r < 0 ? strerror(errno) : "ok");
      else
        usleep(50000);
      fflush(stdout);
      _exit(r < 0);
    }
  int failed = 0;
  for(int i = 0; i < 3; i++){
    int status;
    wait(&status);
    failed += WEXITSTATUS(status);
  }
  printf("failed: %d\n", failed);
}

// ---- Locks of open files ----

static void
of_open_files(void)
{
  int other = open("locked", O_RDWR);
  TRY(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 10));
  TRY(lock(other, F_OFD_SETLK, F_WRLCK, 5, 10));
  TRY(lock(fd, F_SETLK, F_RDLCK, 5, 1));
  struct flock l = { .l_type = F_RDLCK, .l_start = 5, .l_len = 1 };
  TRY(fcntl(fd, F_GETLK, &l));
  printf("type %d pid %d\n", l.l_type, l.l_pid);
  close(open("locked", O_RDONLY));
  TRY(lock(other, F_OFD_SETLK, F_WRLCK, 5, 10));
  int copy = dup(fd);
  close(copy);
  TRY(lock(other, F_OFD_SETLK, F_WRLCK, 5, 10));
  TRY(lock(fd, F_OFD_SETLK, F_UNLCK, 0, 0));
  TRY(lock(other, F_OFD_SETLK, F_WRLCK, 5, 10));
  close(other);
  TRY(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 0));
  TRY(lock(fd, F_OFD_SETLK, F_UNLCK, 0, 0));
}

static void
whole_files(void)
{
  int other = open("locked", O_RDONLY);
  TRY(flock(fd, LOCK_SH));
  TRY(flock(other, LOCK_SH | LOCK_NB));
  TRY(flock(other, LOCK_EX | LOCK_NB));
  TRY(flock(fd, LOCK_EX | LOCK_NB));
  TRY(flock(other, LOCK_SH | LOCK_NB));
  TRY(lock(fd, F_SETLK, F_WRLCK, 0, 0));
  int copy = dup(fd);
  close(fd);
  TRY(flock(other, LOCK_EX | LOCK_NB));
  TRY(flock(copy, LOCK_UN));
  TRY(flock(other, LOCK_EX | LOCK_NB));
  fflush(stdout);
  if(fork() == 0){
    TRY(flock(copy, LOCK_EX));
    fflush(stdout);
    _exit(0);
  }
  nap();
  printf("the child has waited\n");
  fflush(stdout);
  flock(other, LOCK_UN);
  wait(NULL);
  close(other);
  fd = copy;
}

// Four at a time add to a number in a file.
static void
counting(const char *how, bool whole)
{
  enum { ADDERS = 4, TIMES = 300 };
  long n = 0;
  pwrite(fd, &n, sizeof n, 0);
  fflush(stdout);
  for(int i = 0; i < ADDERS; i++)
    if(fork() == 0){
      int mine = open("locked", O_RDWR);
      for(int k = 0; k < TIMES; k++){
        if(whole)
          flock(mine, LOCK_EX);
        else
          lock(mine, F_SETLKW, F_WRLCK, k % 3, 3);
        pread(mine, &n, sizeof n, 0);
        n++;
        pwrite(mine, &n, sizeof n, 0);
        if(whole)
          flock(mine, LOCK_UN);
        else
          lock(mine, F_SETLK, F_UNLCK, 0, 0);
      }
      _exit(0);
    }
  for(int i = 0; i < ADDERS; i++)
    wait(NULL);
  pread(fd, &n, sizeof n, 0);
  printf("%s: %ld\n", how, n);
}

static void *
lock_in_thread(void *unused)
{
  printf("thread: %d\n", lock(fd, F_SETLK, F_WRLCK, 0, 10));
  return NULL;
}

static void
threads_are_one(void)
{
  pthread_t t;
  lock(fd, F_SETLK, F_WRLCK, 5, 10);
  pthread_create(&t, NULL, lock_in_thread, NULL);
  pthread_join(t, NULL);
  show("of two threads");
}

int
main(void)
{
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  fd = open("locked", O_RDWR | O_CREAT, 0600);
  ranges();
  what_is_told();
  bad_input();
  lock(fd, F_SETLK, F_UNLCK, 0, 0);
  closing();
  waiting();
  interrupted();
  deadlock();
  of_open_files();
  whole_files();
  threads_are_one();
  lock(fd, F_SETLK, F_UNLCK, 0, 0);
  counting("ranges", false);
  flock(fd, LOCK_UN);
  counting("whole", true);
  return 0;
}
