// SPDX-License-Identifier: MIT
//
// usertests: files and descriptors.

#include "user/usertest.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

static char buf[64 * KIB], buf2[64 * KIB];

static long
size_of(const char *path)
{
  struct kstat st;
  require(sys_stat(path, &st) == 0);
  return st.size;
}

static void
test_open(void)
{
  require(sys_open("missing", O_RDONLY, 0) == -ENOENT);
  require(sys_open("", O_RDONLY, 0) == -ENOENT);
  int fd = open_file("f", O_CREATE | O_RDWR);
  require(sys_open("f", O_CREAT | O_EXCL, 0666) == -EEXIST);
  require(sys_open("f", O_DIRECTORY, 0) == -ENOTDIR);
  require(sys_open("f/x", O_RDONLY, 0) == -ENOTDIR);
  require(sys_open("f/x", O_CREAT, 0666) == -ENOTDIR);
  require(sys_open("f/x", O_CREAT | O_EXCL, 0666) == -ENOTDIR);
  require(sys_open(".", O_RDWR, 0) == -EISDIR);
  require(sys_open(".", O_WRONLY, 0) == -EISDIR);
  require(close(fd) == 0);
  require(sys_close(fd) == -EBADF);
  require(sys_read(fd, buf, 1) == -EBADF);
  fd = open_file("f", O_RDONLY);
  require(sys_write(fd, "x", 1) == -EBADF);
  fd = open_file("f", O_WRONLY);
  require(sys_read(fd, buf, 1) == -EBADF);
  require(sys_read(-1, buf, 1) == -EBADF && sys_read(1 << 30, buf, 1) == -EBADF);
}

static void
test_write_read(void)
{
  int fd = open_file("small", O_CREATE | O_RDWR);

  for(int i = 0; i < 100; i++)
    require(write(fd, "aaaaaaaaaabbbbbbbbbb", 20) == 20);
  require(close(fd) == 0);
  fd = open_file("small", O_RDONLY);
  require(read(fd, buf, sizeof(buf)) == 2000);
  require(read(fd, buf, 1) == 0);
  require(memcmp(buf + 1980, "aaaaaaaaaabbbbbbbbbb", 20) == 0);
  require(unlink("small") == 0 && !exists("small"));
}

static void
write_and_verify(long chunks)
{
  int fd = open_file("big", O_CREATE | O_TRUNC | O_RDWR);

  for(long i = 0; i < chunks; i++){
    fill(buf, sizeof(buf), i);
    require(write(fd, buf, sizeof(buf)) == sizeof(buf));
  }
  require(size_of("big") == chunks * (long)sizeof(buf));
  require(sys_lseek(fd, 0, SEEK_SET) == 0);
  for(long i = 0; i < chunks; i++){
    require(read(fd, buf, sizeof(buf)) == sizeof(buf));
    require(is_filled(buf, sizeof(buf), i));
  }
  require(read(fd, buf, 1) == 0);
}

static void
test_big_file(void)
{
  write_and_verify(32);
}

static void
test_very_big_file(void)
{
  write_and_verify(16 * MIB / sizeof(buf));
}

// Sizes that begin and end nowhere in particular.
static void
test_odd_writes(void)
{
  for(uint n = 499; n < 12 * KIB; n += 471){
    int fd = open_file("f", O_CREATE | O_RDWR);
    fill(buf, n, n);
    require(write(fd, buf, n) == (int)n);
    require(write(fd, buf, n) == (int)n);
    require(sys_pread(fd, buf2, n, n) == n && is_filled(buf2, n, n));
    close(fd);
    require(unlink("f") == 0);
  }
}

static void
test_truncate(void)
{
  int a = open_file("f", O_CREATE | O_RDWR), b;

  require(write(a, "abcdef", 6) == 6);
  b = open_file("f", O_RDONLY);
  require(read(b, buf, 3) == 3);
  require(close(open_file("f", O_WRONLY | O_TRUNC)) == 0);
  require(read(b, buf, 3) == 0);
  require(write(a, "x", 1) == 1);              // at 6: what lies before is zero
  require(size_of("f") == 7);
  require(sys_pread(b, buf, 10, 0) == 7 && is_zero(buf, 6) && buf[6] == 'x');
  require(sys_ftruncate(a, 3) == 0 && size_of("f") == 3);
  require(sys_ftruncate(b, 3) == -EINVAL);
}

// What is cut off and grown back is zero, within a page and beyond.
static void
test_truncate_zeroes(void)
{
  int fd = open_file("f", O_CREATE | O_RDWR);

  memset(buf, 0xff, 5 * PGSIZE);
  require(write(fd, buf, 5 * PGSIZE) == 5 * PGSIZE);
  require(sys_ftruncate(fd, 100) == 0);
  require(sys_ftruncate(fd, 5 * PGSIZE) == 0);
  require(sys_pread(fd, buf2, 5 * PGSIZE, 0) == 5 * PGSIZE);
  require(memcmp(buf, buf2, 100) == 0 && is_zero(buf2 + 100, 5 * PGSIZE - 100));
}

static void
test_holes(void)
{
  static const long places[] = { 100, 10000, 1 << 20, 1L << 32, 1L << 40 };
  int fd = open_file("f", O_CREATE | O_RDWR);

  for(size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++){
    long at = places[i];
    require(sys_lseek(fd, at, SEEK_SET) == at);
    require(write(fd, "end", 3) == 3);
    require(size_of("f") == at + 3);
    require(sys_pread(fd, buf, 90, at - 90) == 90 && is_zero(buf, 90));
    require(sys_pread(fd, buf, 90, at) == 3 && memcmp(buf, "end", 3) == 0);
  }
  struct kstat st;
  require(sys_fstat(fd, &st) == 0 && st.blocks < 2048);
  require(sys_lseek(fd, -1, SEEK_SET) == -EINVAL);
}

static void
test_append(void)
{
  for(int k = 0; k < 4; k++)
    if(must_fork() == 0){
      int fd = sys_open("f", O_CREAT | O_WRONLY | O_APPEND, 0666);
      char line[16];
      memset(line, 'a' + k, sizeof(line));
      for(int i = 0; i < 100; i++)
        require(write(fd, line, sizeof(line)) == sizeof(line));
      exit(0);
    }
  wait_all(4);
  int fd = open_file("f", O_RDONLY), count[4] = { 0 };
  require(read(fd, buf, sizeof(buf)) == 4 * 100 * 16);
  for(int i = 0; i < 400; i++){
    char *line = buf + 16 * i;
    for(int j = 0; j < 16; j++)
      require(line[j] == line[0]);
    count[line[0] - 'a']++;
  }
  for(int k = 0; k < 4; k++)
    require(count[k] == 100);
}

// One descriptor, one position, in parent and child.
static void
test_shared_position(void)
{
  enum { N = 500, SIZE = 10 };
  int fd = open_file("f", O_CREATE | O_RDWR), pid = must_fork(), counts[2] = { 0 };

  memset(buf, pid == 0 ? 'c' : 'p', SIZE);
  for(int i = 0; i < N; i++)
    require(write(fd, buf, SIZE) == SIZE);
  if(pid == 0)
    exit(0);
  wait_all(1);
  require(sys_lseek(fd, 0, SEEK_SET) == 0);
  require(read(fd, buf, sizeof(buf)) == 2 * N * SIZE);
  for(int i = 0; i < 2 * N * SIZE; i++)
    counts[buf[i] == 'c']++;
  require(counts[0] == N * SIZE && counts[1] == N * SIZE);
}

static void
test_four_writers(void)
{
  char name[] = "f0";

  for(int k = 0; k < 4; k++)
    if(must_fork() == 0){
      name[1] += k;
      int fd = open_file(name, O_CREATE | O_RDWR);
      fill(buf, 500, k);
      for(int i = 0; i < 200; i++)
        require(write(fd, buf, 500) == 500);
      exit(0);
    }
  wait_all(4);
  for(int k = 0; k < 4; k++){
    name[1] = '0' + k;
    int fd = open_file(name, O_RDONLY);
    for(int i = 0; i < 200; i++)
      require(read(fd, buf, 500) == 500 && is_filled(buf, 500, k));
    require(read(fd, buf, 1) == 0);
  }
}

static void
test_dup(void)
{
  int fd = open_file("f", O_CREATE | O_RDWR), copy;

  copy = dup(fd);
  require(copy > fd);
  require(write(fd, "ab", 2) == 2 && write(copy, "cd", 2) == 2);
  require(close(fd) == 0);
  require(sys_pread(copy, buf, 10, 0) == 4 && memcmp(buf, "abcd", 4) == 0);
  require(sys_dup3(copy, 20, 0) == 20);
  require(sys_dup3(copy, copy, 0) == -EINVAL);
  require(sys_dup3(999, 21, 0) == -EBADF);
  require(dup(-1) == -1);
  require(sys_fcntl(copy, F_DUPFD, 30) == 30);
  require(sys_fcntl(copy, F_GETFD, 0) == 0);
  require(sys_fcntl(copy, F_SETFD, FD_CLOEXEC) == 0 && sys_fcntl(copy, F_GETFD, 0) == 1);
}

static void
test_open_unlinked(void)
{
  int fd = open_file("f", O_CREATE | O_RDWR), other;

  require(write(fd, "hello", 5) == 5);
  require(unlink("f") == 0 && !exists("f"));
  other = open_file("f", O_CREATE | O_RDWR);
  require(write(other, "yyy", 3) == 3);
  require(sys_pread(fd, buf, 10, 0) == 5 && memcmp(buf, "hello", 5) == 0);
  require(write(fd, "more", 4) == 4);
  require(sys_pread(other, buf, 10, 0) == 3 && buf[0] == 'y');
  require(close(fd) == 0 && close(other) == 0);
}

static void
test_many_unlinked(void)
{
  for(int i = 0; i < 100; i++){
    int fd = open_file("f", O_CREATE | O_RDWR);
    require(write(fd, buf, 10000) == 10000);
    require(unlink("f") == 0);
    if(i % 2)
      close(fd);
  }
}

static void
test_stat(void)
{
  struct kstat k;
  struct stat st;

  make_file("f", "12345", 5);
  require(stat("f", &st) == 0 && st.type == T_FILE && st.size == 5 && st.nlink == 1);
  require(link("f", "g") == 0 && stat("g", &st) == 0 && st.nlink == 2);
  require(stat(".", &st) == 0 && st.type == T_DIR);
  require(stat("missing", &st) == -1);
  require(symlink("f", "s") == 0);
  require(sys_lstat("s", &k) == 0 && (k.mode & S_IFMT) == S_IFLNK && k.size == 1);
  require(stat("s", &st) == 0 && st.type == T_FILE);
  require(sys_chmod("f", 0640) == 0 && sys_stat("g", &k) == 0 && (k.mode & 07777) == 0640);
  int fd = open_file("f", O_RDONLY);
  require(fstat(fd, &st) == 0 && st.size == 5 && st.nlink == 2);
  require(fstat(99, &st) == -1);
}

static void
test_times(void)
{
  struct timespec set[2] = { { 1000000, 0 }, { 2000000, 0 } };
  struct kstat a, b;

  make_file("f", "1", 1);
  require(sys_utimes("f", set) == 0 && sys_stat("f", &a) == 0);
  require(a.atime.sec == 1000000 && a.mtime.sec == 2000000);
  int fd = open_file("f", O_WRONLY);
  require(write(fd, "2", 1) == 1);
  require(sys_stat("f", &b) == 0 && b.mtime.sec != a.mtime.sec);
}

static void
test_devices(void)
{
  int fd = sys_open("/dev/null", O_RDWR, 0);

  require(fd >= 0 && read(fd, buf, 10) == 0 && write(fd, buf, 10) == 10);
  fd = sys_open("/dev/zero", O_RDWR, 0);
  memset(buf, 1, 10000);
  require(fd >= 0 && read(fd, buf, 10000) == 10000 && is_zero(buf, 10000));
  fd = sys_open("/dev/full", O_RDWR, 0);
  require(fd >= 0 && sys_write(fd, buf, 10) == -ENOSPC);
  fd = sys_open("/dev/random", O_RDONLY, 0);
  require(fd >= 0 && read(fd, buf, 64) == 64 && !is_zero(buf, 64));
}

// As many files as the limit allows; then one less again.
static void
test_open_limit(void)
{
  int fds = 0, fd, last = -1;

  make_file("f", "x", 1);
  while((fd = sys_open("f", O_RDONLY, 0)) >= 0 && fds < 100000){
    last = fd;
    fds++;
  }
  require(fds >= 10 && (fd == -EMFILE || fd == -ENFILE));
  require(sys_dup(last) < 0);
  require(close(last) == 0);
  require(open("f", O_RDONLY) == last);
}

// Writes of one process reach another that reads, and the disk.
static void
test_fsync(void)
{
  int fd = open_file("f", O_CREATE | O_RDWR), other = open_file("f", O_RDONLY);

  for(int i = 0; i < 20; i++){
    fill(buf, 3000, i);
    require(sys_pwrite(fd, buf, 3000, i * 3000) == 3000);
    require(sys_fsync(fd) == 0);
    require(sys_pread(other, buf2, 3000, i * 3000) == 3000 && is_filled(buf2, 3000, i));
  }
  sys_sync();
}

const struct test file_tests[] = {
  { "open", test_open },
  { "write_read", test_write_read },
  { "big_file", test_big_file },
  { "very_big_file", test_very_big_file, .slow = true },
  { "odd_writes", test_odd_writes },
  { "truncate", test_truncate },
  { "truncate_zeroes", test_truncate_zeroes },
  { "holes", test_holes },
  { "append", test_append },
  { "shared_position", test_shared_position },
  { "four_writers", test_four_writers },
  { "dup", test_dup },
  { "open_unlinked", test_open_unlinked },
  { "many_unlinked", test_many_unlinked },
  { "stat", test_stat },
  { "times", test_times },
  { "devices", test_devices },
  { "open_limit", test_open_limit },
  { "fsync", test_fsync },
  { 0 },
};
