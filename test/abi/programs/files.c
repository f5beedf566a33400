// SPDX-License-Identifier: MIT
//
// Open files: vectors at a position, copies inside the kernel, room made beforehand,
// ranges of descriptors, places (O_PATH), exchanged names, FIFOs.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRY(call) do { \
  errno = 0; \
  long r_ = (long)(call); \
  printf("%s = %ld%s%s\n", #call, r_ < 0 ? -1 : r_, r_ < 0 ? ": " : "", \
         r_ < 0 ? strerror(errno) : ""); \
} while(0)
#define TEST(call) printf("%s: %s\n", #call, (call) < 0 ? strerror(errno) : "ok")

// Others wait for what this was to do: if it failed, all end.
static int
must(int result)
{
  if(result < 0)
    kill(0, SIGTERM);
  return result;
}

static void
show(const char *name)
{
  char text[200];
  int fd = open(name, O_RDONLY);
  long n = fd < 0 ? -1 : read(fd, text, sizeof text);
  printf("%s (%ld): %.*s\n", name, n, n > 0 && n < 60 ? (int)n : 0, text);
  close(fd);
}

static void
make_file(const char *name, const char *text)
{
  int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  write(fd, text, strlen(text));
  close(fd);
}

static void
vectors(void)
{
  char a[4] = { 0 }, b[8] = { 0 };
  struct iovec out[] = { { "one ", 4 }, { "", 0 }, { "two", 3 } }, in[] = { { a, 3 }, { b, 7 } };
  int fd = open("v", O_RDWR | O_CREAT, 0644), p[2];
  pipe(p);
  TRY(pwritev(fd, out, 3, 5));
  TRY(preadv(fd, in, 2, 6));
  printf("[%s][%s]\n", a, b);
  TRY(lseek(fd, 0, SEEK_CUR));
  TRY(pwritev2(fd, out, 1, -1, 0));
  TRY(lseek(fd, 0, SEEK_CUR));
  TRY(preadv2(fd, in, 2, 0, 0x1000));
  TRY(preadv(fd, in, 2, -1));
  TRY(preadv(fd, in, -1, 0));
  TRY(preadv(fd, in, 1025, 0));
  TRY(pwritev(p[1], out, 3, 0));
  TRY(preadv2(p[0], in, 0, -1, 0));
  close(fd);
  close(p[0]);
  close(p[1]);
}

static void
copies(void)
{
  make_file("from", "0123456789abcdefghij");
  int in = open("from", O_RDONLY), out = open("to", O_RDWR | O_CREAT | O_TRUNC, 0644), p[2];
  off_t at = 15, to = 2;
  loff_t in_at = 3;
  pipe(p);
  TRY(sendfile(out, in, NULL, 4));
  TRY(sendfile(out, in, NULL, 3));
  TRY(sendfile(out, in, &at, 100));
  printf("at %ld, positions %ld %ld\n", (long)at, (long)lseek(in, 0, SEEK_CUR),
         (long)lseek(out, 0, SEEK_CUR));
  TRY(sendfile(out, in, &at, 100));
  show("to");
  TRY(sendfile(p[1], in, NULL, 5));
  TRY(sendfile(out, p[0], NULL, 5));
  TRY(sendfile(in, in, NULL, 5));
  at = -1;
  TRY(sendfile(out, in, &at, 5));
  TRY(copy_file_range(in, &in_at, out, &to, 5, 0));
  printf("at %ld %ld\n", (long)in_at, (long)to);
  show("to");
  TRY(copy_file_range(in, NULL, out, NULL, 50, 0));
  show("to");
  at = 0, to = 3;
  TRY(copy_file_range(out, &at, out, &to, 5, 0));
  to = 30;
  TRY(copy_file_range(out, &at, out, &to, 5, 0));
  show("to");
  TRY(copy_file_range(in, NULL, out, NULL, 5, 1));
  TRY(copy_file_range(in, NULL, p[1], NULL, 5, 0));
  TRY(copy_file_range(in, NULL, 99, NULL, 5, 0));
  fcntl(out, F_SETFL, O_APPEND);
  TRY(copy_file_range(in, NULL, out, NULL, 5, 0));
  at = 0;
  TRY(sendfile(out, in, &at, 5));
  close(in);
  close(out);
  close(p[0]);
  close(p[1]);
}

// Many pages, not aligned, through a pipe that is too small for them.
static void
long_copy(void)
{
  enum { SIZE = 300001 };
  static char bytes[SIZE], back[SIZE];
  for(int i = 0; i < SIZE; i++)
    bytes[i] = i * 7 + i / 4096;
  int in = open("long", O_RDWR | O_CREAT, 0644), out = open("long2", O_RDWR | O_CREAT, 0644), p[2];
  write(in, bytes, SIZE);
  off_t at = 77;
  long sum = 0, n;
  while((n = sendfile(out, in, &at, SIZE)) > 0)
    sum += n;
  pread(out, back, SIZE, 0);
  printf("long copy: %ld, same: %d\n", sum, memcmp(back, bytes + 77, SIZE - 77) == 0);
  pipe(p);
  fflush(stdout);
  if(must(fork()) == 0){
    close(p[0]);
    lseek(in, 0, SEEK_SET);
    while((n = sendfile(p[1], in, NULL, SIZE)) > 0)
      ;
    _exit(0);
  }
  close(p[1]);
  for(sum = 0; (n = read(p[0], back + sum, SIZE - sum)) > 0;)
    sum += n;
  wait(NULL);
  printf("through a pipe: %ld, same: %d\n", sum, memcmp(back, bytes, SIZE) == 0);
  close(in);
  close(out);
  close(p[0]);
}

static void
room(void)
{
  struct stat st;
  int fd = open("room", O_RDWR | O_CREAT | O_TRUNC, 0644), in = open("room", O_RDONLY);
  write(fd, "kept", 4);
  TRY(fallocate(fd, 0, 2, 10000));
  fstat(fd, &st);
  printf("size %ld, room for all: %d\n", (long)st.st_size, st.st_blocks * 512 >= 10002);
  char text[8] = { 0 };
  pread(fd, text, 6, 0);
  printf("%s\n", text);
  TRY(posix_fallocate(fd, 20000, 1));
  TRY(lseek(fd, 0, SEEK_END));
  TRY(fallocate(fd, 0, 0, 0));
  TRY(fallocate(fd, 0, -1, 5));
  TRY(fallocate(in, 0, 0, 5));
  TRY(fallocate(fd, 0, 0x7fffffffffffff00, 0xff));
  close(fd);
  close(in);
  TEST(posix_fadvise(0, 0, 0, POSIX_FADV_SEQUENTIAL));
}

static void
descriptors(void)
{
  int p[2];
  for(int fd = 20; fd < 30; fd++)
    dup2(0, fd);
  TRY(close_range(22, 24, 0));
  TRY(fcntl(23, F_GETFD));
  TRY(close_range(25, 26, CLOSE_RANGE_CLOEXEC));
  TRY(fcntl(25, F_GETFD));
  TRY(fcntl(27, F_GETFD));
  TRY(close_range(28, ~0U, CLOSE_RANGE_UNSHARE));
  TRY(fcntl(28, F_GETFD));
  TRY(close_range(5, 4, 0));
  TRY(close_range(4, 5, 1));
  close_range(20, 30, 0);
  TRY(dup3(0, 20, O_CLOEXEC));
  TRY(fcntl(20, F_GETFD));
  TRY(dup3(0, 0, 0));
  TRY(dup3(0, 5, 1));
  TRY(fcntl(0, F_DUPFD, 40));
  TRY(fcntl(0, F_DUPFD_CLOEXEC, 40));
  TRY(fcntl(41, F_GETFD));
  TRY(fcntl(0, F_DUPFD, 1 << 30));
  close_range(20, 50, 0);
  pipe2(p, O_NONBLOCK);
  TRY(fcntl(p[0], F_GETPIPE_SZ));
  TRY(fcntl(p[0], F_SETPIPE_SZ, 65536));
  TRY(fcntl(p[0], F_GETFL) & ~0100000);
  TRY(fcntl(p[0], F_SETFL, O_RDONLY));
  TRY(fcntl(p[0], F_GETFL) & ~0100000);
  TRY(fcntl(0, F_GETPIPE_SZ));
  TRY(fcntl(0, 77, 0));
  close(p[0]);
  close(p[1]);
}

static void
places(void)
{
  char c;
  struct stat st;
  struct statfs fs;
  make_file("file", "text");
  symlink("file", "link");
  mkdir("dir", 0755);
  int fd = open("file", O_PATH), dir = open("dir", O_PATH | O_DIRECTORY), link;
  TRY(read(fd, &c, 1));
  TRY(write(fd, &c, 1));
  TRY(ftruncate(fd, 0));
  TRY(fchmod(fd, 0600));
  TRY(fchown(fd, -1, -1));
  TRY(fsync(fd));
  TRY(lseek(fd, 0, SEEK_SET));
  TRY(fcntl(fd, F_SETFL, 0));
  TRY(fcntl(fd, F_GETFL) == O_PATH);
  TRY(fstat(fd, &st));
  TRY(fstatfs(fd, &fs));
  TRY(openat(fd, "x", O_RDONLY));
  TRY(mkdirat(dir, "sub", 0755));
  TRY(faccessat(dir, "sub", R_OK | W_OK | X_OK, 0));
  struct pollfd pf = { fd, POLLIN, 0 };
  TRY(poll(&pf, 1, 0));
  printf("%x\n", pf.revents);
  TRY(fchdir(dir));
  TRY(chdir(".."));
  link = open("link", O_PATH | O_NOFOLLOW);
  fstat(link, &st);
  printf("a link: %d\n", S_ISLNK(st.st_mode));
  char text[10] = { 0 };
  TRY(readlinkat(link, "", text, sizeof text));
  printf("%s\n", text);
  TEST(open("link", O_RDONLY | O_NOFOLLOW));
  TEST(open("link", O_RDONLY | O_DIRECTORY));
  TEST(open("dir", O_RDONLY | O_CREAT, 0600));
  TEST(open("dir", O_WRONLY));
  TEST(open("file/", O_RDONLY));
  TEST(open("new/", O_RDWR | O_CREAT, 0600));
  TEST(open("link", O_RDONLY | O_CREAT | O_EXCL, 0600));
  TRY(faccessat(AT_FDCWD, "file", X_OK, AT_EACCESS));
  TRY(faccessat(AT_FDCWD, "file", R_OK, AT_SYMLINK_NOFOLLOW));
  TRY(syscall(SYS_faccessat2, fd, "", R_OK, AT_EMPTY_PATH));
  TRY(syscall(SYS_faccessat2, fd, "", R_OK, 0));
  TRY(faccessat(AT_FDCWD, "file", 8, 0));
  TRY(fstatat(fd, "", &st, AT_EMPTY_PATH));
  TRY(fstatat(fd, "", &st, 0));
  TRY(fstatat(AT_FDCWD, "link", &st, AT_SYMLINK_NOFOLLOW));
  printf("a link: %d\n", S_ISLNK(st.st_mode));
  close(fd);
  close(dir);
  close(link);
}

static void
loops(void)
{
  char name[16], to[16];
  symlink("round", "round");
  TEST(open("round", O_RDONLY));
  make_file("l0", "at the end");
  for(int i = 1; i <= 41; i++){
    snprintf(name, sizeof name, "l%d", i);
    snprintf(to, sizeof to, "l%d", i - 1);
    symlink(to, name);
  }
  TEST(open("l40", O_RDONLY));
  TEST(open("l41", O_RDONLY));
  TEST(linkat(AT_FDCWD, "l1", AT_FDCWD, "hard", AT_SYMLINK_FOLLOW));
  TEST(linkat(AT_FDCWD, "l1", AT_FDCWD, "soft", 0));
  TEST(linkat(AT_FDCWD, "l1", AT_FDCWD, "soft", 0));
  TEST(linkat(AT_FDCWD, "l1", AT_FDCWD, "bad", 1));
  TEST(link("dir", "dir2"));
  struct stat a, b;
  lstat("hard", &a);
  lstat("soft", &b);
  printf("hard %d links %ld, soft %d\n", S_ISREG(a.st_mode), (long)a.st_nlink, S_ISLNK(b.st_mode));
}

static void
exchanges(void)
{
  struct stat st;
  mkdir("x", 0755);
  mkdir("y", 0755);
  mkdir("x/d", 0755);
  mkdir("x/d/deep", 0755);
  make_file("x/d/deep/f", "deep");
  make_file("y/f", "flat");
  TEST(renameat2(AT_FDCWD, "x/d", AT_FDCWD, "y/f", RENAME_EXCHANGE));
  show("x/d");
  show("y/f/deep/f");
  stat("x", &st);
  printf("x: %ld links\n", (long)st.st_nlink);
  stat("y", &st);
  printf("y: %ld links\n", (long)st.st_nlink);
  TEST(chdir("y/f/deep"));
  show("../../f/deep/f");
  TEST(chdir("../../.."));
  TEST(renameat2(AT_FDCWD, "x", AT_FDCWD, "y/f", RENAME_EXCHANGE));
  show("x/deep/f");
  show("y/f/d");
  TEST(renameat2(AT_FDCWD, "y", AT_FDCWD, "y/f", RENAME_EXCHANGE));
  TEST(renameat2(AT_FDCWD, "y/f", AT_FDCWD, "y", RENAME_EXCHANGE));
  TEST(renameat2(AT_FDCWD, "x", AT_FDCWD, "none", RENAME_EXCHANGE));
  TEST(renameat2(AT_FDCWD, "x", AT_FDCWD, "y", RENAME_EXCHANGE | RENAME_NOREPLACE));
  TEST(renameat2(AT_FDCWD, "x", AT_FDCWD, "y", RENAME_NOREPLACE));
  TEST(renameat2(AT_FDCWD, "x/deep/f", AT_FDCWD, "x/deep/f", RENAME_EXCHANGE));
  TEST(renameat2(AT_FDCWD, "x", AT_FDCWD, "z", RENAME_NOREPLACE));
  TEST(renameat2(AT_FDCWD, "z", AT_FDCWD, "x", 8));
}

// ---- FIFOs ----

static void
on_pipe(int sig)
{
  printf("signal %d\n", sig);
}

static void
fifos(void)
{
  struct stat st;
  char text[8] = { 0 };
  umask(022);
  TEST(mkfifo("fifo", 0666));
  TEST(mkfifo("fifo", 0666));
  stat("fifo", &st);
  printf("%o\n", st.st_mode);
  TEST(open("fifo", O_WRONLY | O_NONBLOCK));
  int in = open("fifo", O_RDONLY | O_NONBLOCK);
  TRY(read(in, text, 8));
  int out = open("fifo", O_WRONLY | O_NONBLOCK);
  TRY(read(in, text, 8));
  TRY(write(out, "bytes", 5));
  struct pollfd p[] = { { in, POLLIN, 0 }, { out, POLLOUT, 0 } };
  TRY(poll(p, 2, 0));
  printf("%x %x\n", p[0].revents, p[1].revents);
  close(out);
  TRY(poll(p, 1, 0));
  printf("%x\n", p[0].revents);
  TRY(read(in, text, 8));
  TRY(read(in, text, 8));
  TRY(lseek(in, 0, SEEK_CUR));
  TRY(ftruncate(in, 0));
  close(in);
  fflush(stdout);
  if(must(fork()) == 0){
    in = must(open("fifo", O_RDONLY));         // waits for a writer
    while(read(in, text, 5) == 5)
      printf("%.5s\n", text);
    fflush(stdout);
    _exit(0);
  }
  out = must(open("fifo", O_WRONLY));
  write(out, "hellothere", 10);
  close(out);
  wait(NULL);
  signal(SIGPIPE, on_pipe);
  int both = must(open("fifo", O_RDWR));
  out = open("fifo", O_WRONLY);
  close(both);
  TRY(write(out, "x", 1));
  close(out);
  TEST(mknod("plain", S_IFREG | 0640, 0));
  TEST(mknod("bad", S_IFDIR | 0640, 0));
  stat("plain", &st);
  printf("%o\n", st.st_mode);
}

int
main(void)
{
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  vectors();
  copies();
  long_copy();
  room();
  descriptors();
  places();
  loops();
  exchanges();
  fifos();
  return 0;
}
