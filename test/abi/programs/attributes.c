// SPDX-License-Identifier: MIT
//
// What is known about files and how it is changed: times, modes, owners, sizes;
// appending; waiting for descriptors with a mask and a time limit.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEST(call) printf("%s: %s\n", #call, (call) < 0 ? strerror(errno) : "ok")

static struct stat st;

static bool
recent(const struct timespec *t)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return labs(now.tv_sec - t->tv_sec) < 5;
}

static void
show_times(const char *when)
{
  stat("f", &st);
  printf("%s:", when);
  for(int k = 0; k < 2; k++){
    struct timespec *t = k ? &st.st_mtim : &st.st_atim;
    if(recent(t))
      printf(" now");
    else
      printf(" %ld.%09ld", (long)t->tv_sec, t->tv_nsec);
  }
  printf(", change %s\n", recent(&st.st_ctim) ? "now" : "earlier");
}

static void
times(void)
{
  struct timespec t[2] = { { 1000, 5 }, { 2000, 999999999 } };
  int fd = open("f", O_RDWR | O_CREAT, 0644);
  TEST(utimensat(AT_FDCWD, "f", t, 0));
  show_times("both");
  t[0].tv_nsec = UTIME_OMIT;
  t[1] = (struct timespec){ 3000, 0 };
  TEST(futimens(fd, t));
  show_times("one left");
  t[0].tv_nsec = UTIME_NOW;
  t[1].tv_nsec = UTIME_OMIT;
  TEST(utimensat(AT_FDCWD, "f", t, AT_SYMLINK_NOFOLLOW));
  show_times("one now");
  TEST(utimensat(AT_FDCWD, "f", NULL, 0));
  show_times("both now");
  t[0] = t[1] = (struct timespec){ -5, 0 };
  TEST(utimensat(AT_FDCWD, "f", t, 0));
  show_times("before the epoch");
  t[1].tv_nsec = 1000000000;
  TEST(utimensat(AT_FDCWD, "f", t, 0));
  t[0].tv_nsec = t[1].tv_nsec = UTIME_OMIT;
  TEST(utimensat(AT_FDCWD, "f", t, 0));
  TEST(utimensat(AT_FDCWD, "none", NULL, 0));
  TEST(utimensat(AT_FDCWD, "f", NULL, 1));
  symlink("f", "l");
  t[0] = t[1] = (struct timespec){ 77, 0 };
  TEST(utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW));
  lstat("l", &st);
  printf("link: %ld\n", (long)st.st_mtime);
  show_times("its target");
  TEST(utimensat(AT_FDCWD, "f", t, 0));
  write(fd, "x", 1);
  show_times("written");
  close(fd);
}

static void
modes(void)
{
  umask(027);
  int fd = open("m", O_RDWR | O_CREAT, 0666), dir;
  fstat(fd, &st);
  printf("%o\n", st.st_mode);
  mkdir("md", 07777);
  stat("md", &st);
  printf("%o\n", st.st_mode);
  umask(022);
  TEST(fchmod(fd, 06754));
  fstat(fd, &st);
  printf("%o\n", st.st_mode);
  dir = open("md", O_RDONLY | O_DIRECTORY);
  TEST(symlinkat("../m", dir, "l"));
  TEST(fchmodat(dir, "l", 0711, 0));
  stat("m", &st);
  printf("%o\n", st.st_mode);
  TEST(chmod("md", 01700));
  stat("md", &st);
  printf("%o\n", st.st_mode);
  TEST(fchownat(dir, "l", 12, 34, AT_SYMLINK_NOFOLLOW));
  TEST(lchown("m", 56, -1));
  stat("m", &st);
  printf("%d %d\n", st.st_uid, st.st_gid);
  lstat("md/l", &st);
  printf("%d %d\n", st.st_uid, st.st_gid);
  TEST(mknodat(dir, "null", S_IFCHR | 0666, makedev(1, 3)));
  fstatat(dir, "null", &st, 0);
  printf("%o %d %d\n", st.st_mode, major(st.st_rdev), minor(st.st_rdev));
  TEST(write(openat(dir, "null", O_WRONLY), "x", 1));
  TEST(unlinkat(dir, "md", AT_REMOVEDIR));
  TEST(unlinkat(dir, "l", AT_REMOVEDIR));
  TEST(unlinkat(AT_FDCWD, "md", 0));
  TEST(unlinkat(AT_FDCWD, "md", AT_REMOVEDIR));
  TEST(unlinkat(dir, "l", 5));
  unlinkat(dir, "l", 0);
  unlinkat(dir, "null", 0);
  TEST(unlinkat(AT_FDCWD, "md", AT_REMOVEDIR));
  TEST(openat(dir, "x", O_RDWR | O_CREAT, 0600));
  TEST(mkdirat(dir, "x", 0700));
  TEST(fstatat(dir, ".", &st, 0));
  printf("%ld links\n", (long)st.st_nlink);
  close(fd);
  close(dir);
}

static void
sizes(void)
{
  char text[16] = { 0 };
  int fd = open("s", O_RDWR | O_CREAT | O_APPEND, 0644), in = open("s", O_RDONLY);
  write(fd, "0123456789", 10);
  TEST(truncate("s", 5));
  TEST(ftruncate(fd, 8));
  write(fd, "X", 1);
  TEST(pwrite(fd, "Y", 1, 0));
  printf("%ld:", (long)pread(fd, text, sizeof text, 0));
  for(int k = 0; k < 10; k++)
    printf(" %d", text[k]);
  printf("\n");
  TEST(ftruncate(in, 0));
  TEST(ftruncate(fd, -1));
  TEST(truncate("none", 0));
  TEST(truncate(".", 0));
  TEST(truncate("", 0));
  TEST(lseek(fd, -1, SEEK_SET));
  TEST(lseek(fd, 1L << 40, SEEK_END));
  TEST(lseek(fd, 0, 9));
  TEST(lseek(fd, 0x7fffffffffffffff, SEEK_CUR));
  printf("data %ld, hole %ld\n", (long)lseek(fd, 3, SEEK_DATA), (long)lseek(fd, 3, SEEK_HOLE));
  TEST(lseek(fd, 10, SEEK_DATA));
  TEST(lseek(fd, 10, SEEK_HOLE));
  TEST(lseek(fd, -1, SEEK_HOLE));
  struct statfs fs;
  TEST(statfs("s", &fs));
  printf("%ld %d %d\n", (long)fs.f_namelen, fs.f_bsize >= 512, fs.f_bavail <= fs.f_bfree);
  TEST(statfs("none", &fs));
  int p[2];
  pipe(p);
  TEST(lseek(p[0], 0, SEEK_CUR));
  TEST(ftruncate(p[1], 0));
  TEST(pread(p[0], text, 1, 0));
  close(p[0]);
  close(p[1]);
  close(fd);
  close(in);
}

// Entries that come and go while a directory is read: no other is lost or seen twice.
static void
reading_a_directory(void)
{
  enum { FILES = 300 };
  char name[32];
  int seen[FILES] = { 0 }, once = 0;
  mkdir("many", 0755);
  chdir("many");
  for(int i = 0; i < FILES; i++){
    snprintf(name, sizeof name, "name-%d", i);
    close(open(name, O_CREAT | O_WRONLY, 0644));
  }
  DIR *d = opendir(".");
  for(struct dirent *e; (e = readdir(d));)
    if(sscanf(e->d_name, "name-%s", name) == 1){
      int i = atoi(name);
      seen[i]++;
      unlink(e->d_name);
    }
  for(int i = 0; i < FILES; i++)
    once += seen[i] == 1;
  closedir(d);
  printf("seen once: %d\n", once);
  TEST(chdir(".."));
  TEST(rmdir("many"));
}

// ---- Waiting ----

static volatile int alarms;

static void
on_alarm(int sig)
{
  alarms++;
}

static void
waits(void)
{
  struct sigaction a = { .sa_handler = on_alarm };
  struct timespec soon = { 0, 20000000 }, late = { 10, 0 };
  sigset_t blocked, none;
  int p[2];
  pipe(p);
  struct pollfd f[] = {
    { p[0], POLLIN, 0 }, { p[1], POLLOUT, 0 }, { -1, POLLIN, 7 }, { 99, POLLIN, 0 },
    { open("s", O_RDONLY), POLLIN | POLLOUT | POLLPRI, 0 },
  };
  printf("%d:", poll(f, 5, 1000));
  for(int k = 0; k < 5; k++)
    printf(" %x", f[k].revents);
  printf("\n");
  TEST(ppoll(f, 1, &soon, NULL));
  sigaction(SIGALRM, &a, NULL);
  sigemptyset(&none);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGALRM);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  raise(SIGALRM);
  printf("alarms %d\n", alarms);
  TEST(ppoll(f, 1, &late, &none));
  printf("alarms %d\n", alarms);
  raise(SIGALRM);
  fd_set in;
  FD_ZERO(&in);
  FD_SET(p[0], &in);
  TEST(pselect(p[0] + 1, &in, NULL, NULL, &late, &none));
  printf("alarms %d\n", alarms);
  write(p[1], "x", 1);
  fd_set out = in;
  FD_SET(p[1], &out);
  printf("%d\n", pselect(p[1] + 1, &in, &out, NULL, &late, NULL));
  printf("%d %d %d\n", !!FD_ISSET(p[0], &in), !!FD_ISSET(p[0], &out), !!FD_ISSET(p[1], &out));
  TEST(pselect(-1, &in, NULL, NULL, &late, NULL));
  late.tv_nsec = -1;
  TEST(ppoll(f, 1, &late, NULL));
  close(p[1]);
  TEST(poll(f, 1, -1));
  printf("%x\n", f[0].revents);
}

int
main(void)
{
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  times();
  modes();
  sizes();
  reading_a_directory();
  waits();
  return 0;
}
