// SPDX-License-Identifier: MIT
//
// Calls at the edges of what they accept, and some that few programs make: mappings
// of devices and stacks, clone3, files without names, extended attributes, modes of
// descriptors.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include <linux/sched.h>
#include "say.h"

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

// Only whether it worked.
static int
worked(void *p)
{
  return p == MAP_FAILED ? -1 : 0;
}

static int
status_of(pid_t pid)
{
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

// ---- Mappings ----

// /dev/zero is memory: one's own, or shared with children.
static void
zeroes(void)
{
  int zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR);
  char *mine = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, zero, PAGE);
  char *ours = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, zero, 0);
  TEST(worked(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, null, 0)));
  printf("zeroes: %d %d\n", mine[0], ours[PAGE]);
  if(fork() == 0){
    mine[PAGE] = ours[PAGE] = 1;
    _exit(0);
  }
  wait(NULL);
  printf("after a child: %d %d\n", mine[PAGE], ours[PAGE]);
  int reader = open("/dev/zero", O_RDONLY);
  TEST(worked(mmap(NULL, PAGE, RW, MAP_SHARED, reader, 0)));
  TEST(worked(mmap(NULL, PAGE, RW, MAP_PRIVATE, reader, 0)));
  char *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, 0);
  TEST(mprotect(page, PAGE, RW));
}

static void
touch_and_exit(volatile char *p)
{
  *p = 1;
  _exit(0);
}

// A stack in the middle of nowhere grows when it is touched below, but not into
// what lies there, nor near it.
static void
stacks(void)
{
  enum { ROOM = 1024 };
  char *p = mmap(NULL, ROOM * PAGE, PROT_NONE, ANON, -1, 0);
  munmap(p, ROOM * PAGE);
  char *low = mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0);
  char *stack = mmap(p + (ROOM - 2) * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
  for(char *at = stack; at > stack - 8 * PAGE; at -= PAGE)
    at[-1] = 7;
  printf("grown: %d\n", stack[-7 * PAGE - 1]);
  pid_t pid = fork();
  if(pid == 0)
    touch_and_exit(low + 3 * PAGE);
  printf("too near: %d\n", status_of(pid));
  int fd = open("f", O_RDWR | O_CREAT, 0600);
  TEST(worked(mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0)));
  TEST(worked(mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN, fd, 0)));
  close(fd);
}

// Lengths and offsets that wrap around.
static void
extremes(void)
{
  int fd = open("f", O_RDWR | O_CREAT, 0600);
  char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  TEST(worked(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, INT64_MAX - PAGE + 1)));
  TEST(worked(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, INT64_MAX - 2 * PAGE + 1)));
  TEST(worked(mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, -PAGE)));
  TEST(msync(p, SIZE_MAX, MS_SYNC));
  TEST(mlock(p, SIZE_MAX));
  TEST(munlock(p, SIZE_MAX));
  TEST(mincore(p, SIZE_MAX, (unsigned char *)p));
  TEST(munmap(p, SIZE_MAX));
  TEST(madvise(p, SIZE_MAX, MADV_NORMAL));
  TEST(madvise(p, PAGE, MADV_KEEPONFORK));
  TEST(madvise(p, PAGE, MADV_WIPEONFORK));
  close(fd);
}

// ---- clone3 ----

static void
handler(int sig)
{
}

static long
clone3(struct clone_args *c, size_t size)
{
  return syscall(SYS_clone3, c, size);
}

// A child that raises SIGUSR1. => how it ended
static int
raising(uint64_t flags)
{
  struct clone_args c = { .flags = flags, .exit_signal = SIGCHLD };
  long pid = clone3(&c, sizeof c);
  if(pid == 0){
    raise(SIGUSR1);
    _exit(3);
  }
  return status_of(pid);
}

static void
clones(void)
{
  struct clone_args c = { .exit_signal = SIGCHLD };
  char longer[PAGE] = { 0 };
  signal(SIGUSR1, handler);
  printf("with the handlers: %x\n", raising(0));
  printf("without: %x\n", raising(CLONE_CLEAR_SIGHAND));
  TEST(clone3(&c, 63));
  TEST(clone3(&c, PAGE + 1));
  TEST(clone3((void *)8, sizeof c));
  longer[200] = 1;
  TEST(clone3((void *)longer, sizeof longer));
  c.exit_signal = 65;
  TEST(clone3(&c, sizeof c));
  c = (struct clone_args){ .flags = CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM };
  TEST(clone3(&c, sizeof c));
  c = (struct clone_args){ .flags = SIGCHLD };
  TEST(clone3(&c, sizeof c));
  c = (struct clone_args){ .stack = 4096 };
  TEST(clone3(&c, sizeof c));
}

// ---- Files ----

// As open(O_TMPFILE) has it, in memory; at last it gets a name.
static void
nameless(void)
{
  struct stat st;
  char path[64];
  int fd = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
  write(fd, "text", 4);
  fstat(fd, &st);
  printf("nameless: %lu names, mode %o, %ld bytes\n", (long)st.st_nlink, st.st_mode,
         (long)st.st_size);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  unlink("/dev/shm/edges");
  TEST(linkat(AT_FDCWD, path, AT_FDCWD, "/dev/shm/edges", AT_SYMLINK_FOLLOW));
  close(fd);
  TEST(stat("/dev/shm/edges", &st));
  printf("named: %lu names, %ld bytes\n", (long)st.st_nlink, (long)st.st_size);
  fd = open("/dev/shm/edges", O_RDWR);
  unlink("/dev/shm/edges");
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  TEST(linkat(AT_FDCWD, path, AT_FDCWD, "/dev/shm/edges", AT_SYMLINK_FOLLOW));
  close(fd);
  fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_EXCL, 0600);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  TEST(linkat(AT_FDCWD, path, AT_FDCWD, "/dev/shm/edges", AT_SYMLINK_FOLLOW));
  close(fd);
  TEST(open("/dev/shm", O_TMPFILE | O_RDONLY, 0600));
  TEST(open("/dev/shm", O_TMPFILE | O_RDWR | O_CREAT, 0600));
  TEST(open("f", O_TMPFILE | O_RDWR, 0600));
  TEST(open("missing", O_TMPFILE | O_RDWR, 0600));
}

// A file system that has none, and one where there is none of this name, differ.
static long
none(long r)
{
  return r == -1 && (errno == ENODATA || errno == EOPNOTSUPP) ? 0 : r;
}

static void
attributes(void)
{
  char buf[8];
  symlink("nowhere", "dangling");
  TEST(none(getxattr("f", "user.none", buf, sizeof buf)));
  TEST(none(removexattr("f", "user.none")));
  TEST(getxattr("dangling", "user.none", buf, sizeof buf));
  TEST(listxattr("dangling", buf, sizeof buf));
  TEST(setxattr("missing", "user.none", "x", 1, 0));
  TEST(lremovexattr("missing", "user.none"));
  TEST(fgetxattr(99, "user.none", buf, sizeof buf));
  TEST(fsetxattr(99, "user.none", "x", 1, 0));
  TEST(flistxattr(99, buf, sizeof buf));
  TEST(llistxattr((char *)8, buf, sizeof buf));
}

static void
descriptors(void)
{
  int end[2], on = 1, fd = open("f", O_RDWR | O_CREAT, 0600);
  char c;
  pipe(end);
  TEST(ioctl(end[0], FIONBIO, &on));
  TEST(read(end[0], &c, 1));
  TEST(ioctl(end[0], FIOCLEX));
  TEST(fcntl(end[0], F_GETFD));
  TEST(ioctl(end[0], FIONCLEX));
  TEST(fcntl(end[0], F_GETFD));
  TEST(ioctl(end[0], FIONBIO, (void *)8));
  struct pollfd p[] = { { end[0], ~0 }, { end[1], ~0 }, { fd, POLLRDNORM } };
  write(end[1], "x", 1);
  TEST(poll(p, 3, 0));
  printf("ready: %x %x %x\n", p[0].revents, p[1].revents, p[2].revents);
  TEST(readahead(fd, 0, PAGE));
  TEST(readahead(end[0], 0, PAGE));
  TEST(readahead(99, 0, PAGE));
  struct iovec v[] = { { "x", INT64_MAX }, { "x", 1 } };
  TEST(writev(fd, v, 2));
  v[0] = (struct iovec){ "x", SIZE_MAX };
  TEST(writev(fd, v, 2));
  TEST(lseek(fd, INT64_MAX, SEEK_SET));
}

// What is lost in passing: the special bits of a file with another owner, the last
// name of a directory.
static void
lost(void)
{
  struct stat st;
  char buf[256];
  int fd = open("f", O_RDWR | O_CREAT, 0600);
  fchmod(fd, 06755);
  TEST(fchown(fd, -1, -1));
  fstat(fd, &st);
  printf("mode %o\n", st.st_mode);
  mkdir("gone", 0700);
  fd = open("gone", O_RDONLY | O_DIRECTORY);
  rmdir("gone");
  TEST(syscall(SYS_getdents64, fd, buf, sizeof buf));
  TEST(readlinkat(open("f", O_RDONLY), "", buf, sizeof buf));
  TEST(syscall(SYS_utimensat, AT_FDCWD, NULL, NULL, 0));
  struct statx sx;
  TEST(statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, 0, &sx));
  TEST(statx(AT_FDCWD, "f", 0, STATX__RESERVED, &sx));
}

// ---- Programs ----

// A file is run or written to, not both; an argument may be too long.  What is no file is
// not run, nor opened, which would wait for somebody to write to a FIFO.
static void
programs(void)
{
  enum { LONG = 32 * PAGE };
  static char text[LONG + 1];
  char *argv[] = { text, NULL }, buf[PAGE];
  int in = open("/proc/self/exe", O_RDONLY), out = open("copy", O_RDWR | O_CREAT, 0700);
  for(ssize_t n; (n = read(in, buf, sizeof buf)) > 0;)
    write(out, buf, n);
  TEST(execl("./copy", "copy", "end", NULL));
  close(out);
  pid_t pid = fork();
  if(pid == 0){
    execl("./copy", "copy", "wait", NULL);
    _exit(1);
  }
  waitpid(pid, NULL, WUNTRACED);
  TEST(open("copy", O_WRONLY));
  TEST(truncate("copy", 0));
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  TEST(truncate("copy", 0));
  memset(text, 'x', LONG);
  TEST(execv("/proc/self/exe", argv));
  mkfifo("fifo", 0700);
  TEST(execl("./fifo", "fifo", NULL));
  TEST(execl(".", ".", NULL));
  TEST(waitpid(INT_MIN, NULL, 0));
}

// execveat: a descriptor is a program, or a directory where one is.
static int
run_at(int fd, const char *path, int flags)
{
  char *argv[] = { "at", "1", "2", NULL };
  pid_t pid = fork();
  if(pid == 0)
    _exit(execveat(fd, path, argv, environ, flags) < 0 ? errno : 0);
  return status_of(pid);
}

static void
places(void)
{
  int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), here = open(".", O_PATH);
  int plain = open("f", O_RDWR | O_CREAT, 0600);
  symlink("/proc/self/exe", "program");
  TEST(run_at(fd, "", AT_EMPTY_PATH));
  TEST(run_at(here, "program", 0));
  TEST(run_at(AT_FDCWD, "program", 0));
  TEST(run_at(99, "/proc/self/exe", 0));
  TEST(run_at(99, "program", 0));
  TEST(run_at(99, "", AT_EMPTY_PATH));
  TEST(run_at(fd, "", 0));
  TEST(run_at(here, "missing", 0));
  TEST(run_at(here, "", AT_EMPTY_PATH));
  TEST(run_at(plain, "", AT_EMPTY_PATH));
  TEST(run_at(fd, "program", 0));
  TEST(run_at(fd, (char *)8, AT_EMPTY_PATH));
  TEST(run_at(here, "program", 0x800000));
  close(plain);
  close(here);
  close(fd);
}

static void *
itself(void *unused)
{
  char mine[64], link[64] = "";
  snprintf(mine, sizeof mine, "%d/task/%ld", getpid(), syscall(SYS_gettid));
  readlink("/proc/thread-self", link, sizeof link - 1);
  printf("thread-self: %d\n", strcmp(link, mine));
  return NULL;
}

static void
identity(void)
{
  pthread_t t;
  itself(NULL);
  if(pthread_create(&t, NULL, itself, NULL) == 0)
    pthread_join(t, NULL);
  uid_t r, e, s;
  gid_t gr, ge, gs;
  TEST(getresuid(&r, &e, &s));
  TEST(getresgid(&gr, &ge, &gs));
  printf("the same: %d %d\n", r == getuid() && r == e && e == s, gr == getgid() && gr == ge);
  TEST(syscall(SYS_getresuid, &r, &e, 8));
  TEST(setpgid(-1, 0));
  TEST(setpgid(0, -1));
}

// ---- Limits ----

static struct rlimit
limit(int which, rlim_t bytes)
{
  struct rlimit r = { bytes, bytes };
  TEST(setrlimit(which, &r));
  return r;
}

static void
sizes(void)
{
  enum { MB = 1 << 20 };
  limit(RLIMIT_AS, 64 * MB);
  TEST(worked(mmap(NULL, 100 * MB, RW, ANON, -1, 0)));
  TEST(worked(mmap(NULL, MB, RW, ANON, -1, 0)));
  TEST(worked(mremap(mmap(NULL, MB, RW, ANON, -1, 0), MB, 100 * MB, MREMAP_MAYMOVE)));
  TEST(worked(sbrk(100 * MB)));
  limit(RLIMIT_DATA, MB);
  TEST(worked(sbrk(4 * MB)));
}

static void
files(void)
{
  enum { MOST = 64 * PAGE };           // of the output too
  int fd = open("limited", O_RDWR | O_CREAT, 0600);
  limit(RLIMIT_FSIZE, MOST);
  signal(SIGXFSZ, handler);
  TEST(pwrite(fd, "xy", 2, MOST - 1));
  TEST(pwrite(fd, "x", 1, MOST));
  TEST(pwrite(fd, "x", 0, MOST));
  signal(SIGXFSZ, SIG_DFL);
  pwrite(fd, "x", 1, MOST);
}

static void
others(void)
{
  struct rlimit r = limit(RLIMIT_NOFILE, 5);
  TEST(dup(0) < 0 ? -1 : 0);
  TEST(dup2(0, 5));
  TEST(getrlimit(RLIMIT_NOFILE, &r));
  printf("descriptors: %ld %ld\n", (long)r.rlim_cur, (long)r.rlim_max);
  limit(RLIMIT_MEMLOCK, PAGE);
  TEST(getrlimit(RLIMIT_MEMLOCK, &r));
  printf("locked: %ld %ld\n", (long)r.rlim_cur, (long)r.rlim_max);
  r.rlim_max = 0;
  TEST(setrlimit(RLIMIT_DATA, &r));
  TEST(setrlimit(99, &r));
}

// They are inherited, so each is a child's.
static void
limits(void)
{
  static void (*const tests[])(void) = { sizes, files, others };
  for(int k = 0; k < 3; k++){
    fflush(stdout);
    pid_t pid = fork();
    if(pid == 0){
      tests[k]();
      fflush(stdout);
      _exit(0);
    }
    printf("ended with %x\n", status_of(pid));
  }
}

// A session without a terminal has no /dev/tty.
static void
terminal(void)
{
  pid_t pid = fork();
  if(pid == 0){
    setsid();
    TEST(open("/dev/tty", O_RDWR));
    _exit(0);
  }
  waitpid(pid, NULL, 0);
}

static void
clocks(void)
{
  clockid_t clock;
  struct timespec t;
  TEST(clock_getcpuclockid(0, &clock));
  TEST(clock_gettime(clock, &t));
  TEST(clock_getcpuclockid(getppid(), &clock));
  TEST(clock_gettime(clock, &t));
  TEST(pthread_getcpuclockid(pthread_self(), &clock));
  TEST(clock_gettime(clock, &t));
  TEST(clock_gettime(99, &t));
}

int
main(int argc, char **argv)
{
  if(argc > 2)
    return 7;
  if(argc > 1)
    return raise(SIGSTOP);
  programs();
  places();
  identity();
  zeroes();
  stacks();
  extremes();
  clones();
  nameless();
  attributes();
  descriptors();
  lost();
  limits();
  terminal();
  clocks();
}
