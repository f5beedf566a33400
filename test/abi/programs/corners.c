// SPDX-License-Identifier: MIT
//
// What calls do at their corners: names with a slash behind them, nothing to copy, limits
// on the size of files, locks of several kinds, pipes of other sizes, seals, protections,
// priorities.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include "say.h"

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static int
file(const char *name, size_t size)
{
  int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
  ftruncate(fd, size);
  return fd;
}

static void
slashes(void)
{
  close(file("f", 1));
  mkdir("d", 0755);
  symlink("f", "l");
  symlink("nowhere", "dangling");
  TEST(open("f/", O_RDWR | O_CREAT, 0644));
  TEST(open("l/", O_RDONLY | O_CREAT, 0644));
  TEST(open("dangling/", O_RDONLY | O_CREAT, 0644));
  TEST(open("new/", O_RDWR | O_CREAT, 0644));
  TEST(open("d/", O_RDONLY | O_CREAT, 0644));
  TEST(open("f/x/", O_RDONLY | O_CREAT, 0644));
  TEST(access("new", F_OK));
  TEST(link("f", "d/"));
  TEST(link("f", "l/"));
  TEST(link("f", "new/"));
  TEST(symlink("f", "f/"));
  TEST(symlink("f", "new/"));
  TEST(mkfifo("d/", 0600));
  TEST(mkfifo("new/", 0600));
}

static void
entries(void)
{
  char buf[PAGE];
  int fd = open("d", O_RDONLY);
  TEST(syscall(SYS_getdents64, fd, (void *)-PAGE, PAGE));
  TEST(syscall(SYS_getdents64, fd, buf, PAGE));      // . and .. are there still
  TEST(syscall(SYS_getdents64, fd, (void *)-PAGE, PAGE));
  close(fd);
}

static void
nothing(void)
{
  int from = file("from", 100), to = file("to", 0);
  off_t at = 5;
  TEST(sendfile(to, from, NULL, 0));
  TEST(sendfile(to, from, &at, 0));
  TEST(copy_file_range(from, NULL, to, NULL, 0, 0));
  TEST(pwrite(to, "x", 1, LONG_MAX));
  TEST(pread(from, &at, 1, LONG_MAX));
  close(from);
  close(to);
}

// flock(), fcntl() of a process and fcntl() of an open file do not undo each other.
static void
kinds_of_locks(void)
{
  int one = file("locked", 10), two = open("locked", O_RDWR), three = open("locked", O_RDWR);
  struct flock l = { .l_type = F_WRLCK, .l_len = 3 };
  TEST(fcntl(one, F_OFD_SETLK, &l));
  TEST(flock(one, LOCK_EX));
  TEST(flock(one, LOCK_UN));
  TEST(fcntl(two, F_OFD_SETLK, &l));
  TEST(fcntl(three, F_SETLK, &l));
  TEST(flock(one, LOCK_EX));
  l.l_type = F_UNLCK;
  TEST(fcntl(one, F_OFD_SETLK, &l));
  TEST(flock(two, LOCK_EX | LOCK_NB));
  l.l_type = F_WRLCK;
  TEST(fcntl(two, F_OFD_SETLK, &l));
  close(one);
  close(two);
  close(three);
}

static volatile sig_atomic_t too_large;

static void
on_size(int sig)
{
  too_large++;
}

static void
sizes(void)
{
  int fd = file("sized", 8192);
  struct rlimit r = { 4096, RLIM_INFINITY };
  signal(SIGXFSZ, on_size);
  fflush(stdout);
  setrlimit(RLIMIT_FSIZE, &r);
  errno = 0;
  long shorter = ftruncate(fd, 6000), longer = ftruncate(fd, 7000), error = errno;
  errno = 0;
  long named = truncate("sized", 7000), error_of_named = errno;
  errno = 0;
  long room = fallocate(fd, 0, 0, 7000), error_of_room = errno;
  long less = ftruncate(fd, 100), within = ftruncate(fd, 4096);
  r.rlim_cur = RLIM_INFINITY;
  setrlimit(RLIMIT_FSIZE, &r);
  printf("cut %ld; grown %ld %s, %ld %s, %ld %s; small %ld %ld; %d signals\n", shorter, longer,
         strerror(error), named, strerror(error_of_named), room, strerror(error_of_room), less,
         within, too_large);
  close(fd);
}

static void
through(void)
{
  int fd = file("synced", 0), p[2];
  struct iovec v = { "text", 4 };
  TEST(pwritev2(fd, &v, 1, 0, RWF_DSYNC));
  TEST(pwritev2(fd, &v, 1, -1, RWF_SYNC));
  pipe(p);
  TEST(pwritev2(p[1], &v, 1, -1, RWF_SYNC));
  TEST(pwritev2(fd, &v, 1, 0, 1 << 20));
  TEST(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
  TEST(sync_file_range(fd, 1, 2, 0));
  TEST(sync_file_range(fd, -1, 2, 0));
  TEST(sync_file_range(fd, 0, -1, 0));
  TEST(sync_file_range(fd, LONG_MAX, 1, 0));
  TEST(sync_file_range(fd, 0, 0, 8));
  TEST(sync_file_range(p[1], 0, 0, 0));
  TEST(sync_file_range(-1, 0, 0, 0));
  TEST(fcntl(fd, F_GETFL) & 0100000);
  close(fd);
}

static void
pipes(void)
{
  static char bytes[40000];
  int p[2];
  pipe2(p, O_NONBLOCK);
  TEST(fcntl(p[0], F_SETPIPE_SZ, 5000));
  TEST(fcntl(p[1], F_GETPIPE_SZ));
  TEST(write(p[1], bytes, sizeof bytes));
  TEST(fcntl(p[0], F_SETPIPE_SZ, 4096));
  TEST(fcntl(p[1], F_SETPIPE_SZ, 16384));
  TEST(write(p[1], bytes, sizeof bytes));
  TEST(read(p[0], bytes, sizeof bytes));
  TEST(fcntl(p[0], F_SETPIPE_SZ, 0));
  TEST(write(p[1], bytes, sizeof bytes));
  TEST(write(p[1], bytes, 1));
  TEST(fcntl(p[0], F_SETPIPE_SZ, -1));
  TEST(fcntl(p[0], F_SETPIPE_SZ, 65536));
  TEST(write(p[1], bytes, sizeof bytes));
  TEST(fcntl(file("plain", 0), F_SETPIPE_SZ, 4096));
}

static long
maps_of(int fd, int prot, int flags)
{
  void *p = mmap(NULL, PAGE, prot, flags, fd, 0);
  return p == MAP_FAILED ? -1 : munmap(p, PAGE);
}

// Memory that shall not change any more.
static void
seals(void)
{
  int fd = memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC);
  int plain = memfd_create("plain", 0);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int reader = open(path, O_RDONLY);
  TEST(fcntl(plain, F_GET_SEALS));
  TEST(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW));
  TEST(ftruncate(plain, 10));
  TEST(fcntl(0, F_GET_SEALS));
  TEST(fcntl(fd, F_GET_SEALS));
  TEST(fcntl(reader, F_ADD_SEALS, F_SEAL_GROW));
  TEST(fcntl(fd, F_ADD_SEALS, 0x1000));
  TEST(ftruncate(fd, 5000));
  TEST(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
  TEST(ftruncate(fd, 6000));
  TEST(fallocate(fd, 0, 0, 6000));
  TEST(pwrite(fd, "text", 4, 4998));
  TEST(pwrite(fd, "text", 4, 4996));
  TEST(pwrite(fd, "text", 4, 4094));
  TEST(pwrite(fd, "text", 4, 9000));
  TEST(ftruncate(fd, 4096));
  TEST(pwrite(fd, "text", 4, 4094));
  TEST(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
  TEST(ftruncate(fd, 4000));
  TEST(ftruncate(fd, 4096));
  char *p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
  TEST(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  munmap(p, PAGE);
  TEST(fcntl(fd, F_GET_SEALS));
  TEST(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  TEST(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  TEST(pwrite(fd, "x", 1, 0));
  TEST(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
  TEST(maps_of(fd, RW, MAP_SHARED));
  TEST(maps_of(fd, RW, MAP_PRIVATE));
  TEST(maps_of(reader, PROT_READ, MAP_SHARED));
  TEST(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
  TEST(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
  TEST(fcntl(fd, F_GET_SEALS));
}

static long
maps(int flags)
{
  return mmap(NULL, PAGE, RW, flags, -1, 0) == MAP_FAILED ? -1 : 0;
}

static void
memory(void)
{
  char *p = mmap(NULL, 2 * PAGE, PROT_WRITE, ANON, -1, 0);
  struct timespec t;
  TEST(maps(MAP_ANONYMOUS | MAP_PRIVATE | 4));
  TEST(maps(MAP_ANONYMOUS | MAP_SHARED | 4));
  printf("huge pages: %s\n", maps(ANON | MAP_HUGETLB) ? "none" : "some");
  TEST(madvise(p, PAGE, MADV_POPULATE_READ));
  TEST(madvise(p, PAGE, MADV_POPULATE_WRITE));
  TEST(mprotect(p, PAGE, RW | 8));       // PROT_SEM
  TEST(madvise(p, 2 * PAGE, MADV_POPULATE_READ));
  TEST(madvise(p, PAGE, MADV_POPULATE_READ));
  TEST(mprotect(p, PAGE, RW | 0x100));
  TEST(clock_gettime(-1, &t));
}

static void
priorities(void)
{
  TEST(sched_get_priority_max(SCHED_FIFO));
  TEST(sched_get_priority_min(SCHED_RR));
  TEST(sched_get_priority_max(SCHED_OTHER));
  TEST(sched_get_priority_min(SCHED_BATCH));
  TEST(sched_get_priority_max(SCHED_IDLE));
  TEST(sched_get_priority_max(4));
  TEST(sched_get_priority_min(33));
  TEST(sched_get_priority_max(-1));
}

int
main(void)
{
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  slashes();
  entries();
  nothing();
  kinds_of_locks();
  sizes();
  through();
  pipes();
  seals();
  memory();
  priorities();
  return 0;
}
