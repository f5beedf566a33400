// SPDX-License-Identifier: MIT
//
// For strace: calls of many kinds, as programs of glibc make them.  test_strace.py knows
// their order.

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void on_signal(int sig) {}

static void *
thread(void *arg)
{
  nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
  return arg;
}

static void
signals_and_threads(void)
{
  struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
  pthread_t t;
  sigset_t set, old;

  sigaddset(&act.sa_mask, SIGUSR2);
  sigaction(SIGUSR1, &act, NULL);
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, &old);
  raise(SIGUSR1);
  pthread_create(&t, NULL, thread, NULL);
  pthread_join(t, NULL);
}

static void
descriptors(void)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };
  struct epoll_event event = { .events = EPOLLIN };
  struct timeval soon = { .tv_usec = 1000 };
  struct stat st;
  char buf[100];
  fd_set reading;
  int p[2];

  dup(2);
  if(pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0 || write(p[1], "a\tb\n\"q\"\\\001\xff", 10) != 10)
    return;
  struct pollfd news[] = { { p[0], POLLIN, 0 }, { p[1], POLLOUT, 0 } };
  poll(news, 2, 1000);
  while(read(p[0], buf, sizeof buf) > 0)
    ;
  int fd = open("/tmp/f", O_RDWR | O_CREAT | O_TRUNC, 0644);
  ftruncate(fd, 8192);
  fstat(fd, &st);
  fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_GETFD);
  fcntl(fd, F_SETLK, &lock);
  event.data.fd = p[0];
  epoll_ctl(epoll_create1(EPOLL_CLOEXEC), EPOLL_CTL_ADD, p[0], &event);
  socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  FD_ZERO(&reading);
  FD_SET(p[0], &reading);
  select(p[0] + 1, &reading, NULL, NULL, &soon);
}

int
main(void)
{
  char bytes[4];
  int status;

  signals_and_threads();
  descriptors();
  void *m = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  mremap(m, 1 << 20, 2 << 20, MREMAP_MAYMOVE);
  prctl(PR_SET_NAME, "renamed");
  umask(022);
  umask(022);
  getrandom(bytes, sizeof bytes, GRND_NONBLOCK);
  pid_t child = fork();
  if(child == 0)
    execl("/sh", "sh", "-c", "exit 3", NULL);
  waitpid(child, &status, 0);
  if((child = fork()) == 0)
    *(volatile int *)8 = 1;
  waitpid(child, &status, 0);
  return 0;
}
