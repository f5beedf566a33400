// SPDX-License-Identifier: MIT
//
// clone DIRECTORY: files that share their blocks, and holes: each side keeps what it has,
// however the other is changed.

#include "kernel/types.h"
#include "user/require.h"
#include "user/ulib.h"
#include "user/user.h"

enum { PAGE = 4096, PAGES = 40, TAIL = 100, SIZE = PAGES * PAGE + TAIL, NR_fallocate = 47 };
enum { FICLONE = 0x40049409, FICLONERANGE = 0x4020940d, PUNCH = 3, ZERO = 16 };

struct range { long from; unsigned long off, n, at; };

static char data[SIZE];

static int
make(const char *name)
{
  int fd = open(name, O_RDWR | O_CREATE | O_TRUNC);
  require(fd >= 0);
  return fd;
}

// The first `n` bytes are those of data, with `other` for those of page `page`.
static void
check(int fd, long n, int page, char other)
{
  char buf[PAGE];
  for(long at = 0; at < n; at += PAGE){
    long len = n - at < PAGE ? n - at : PAGE;
    require(sys_pread(fd, buf, PAGE, at) == len);
    for(long k = 0; k < len; k++)
      require(buf[k] == (at / PAGE == page ? other : data[at + k]));
  }
  require(sys_pread(fd, buf, PAGE, n) == 0);
}

static void
fill(int fd, int page, char with)
{
  char buf[PAGE];
  memset(buf, with, PAGE);
  require(sys_pwrite(fd, buf, PAGE, (long)page * PAGE) == PAGE);
}

static long clone(int to, int from) { return sys_ioctl(to, FICLONE, (void *)(long)from); }

static long
clone_range(int to, int from, long off, long n, long at)
{
  struct range r = { from, off, n, at };
  return sys_ioctl(to, FICLONERANGE, &r);
}

// Written, stored to through mappings that were there before, cut off, removed.
static void
test_both_sides(int a)
{
  int b = make("b"), c = make("c");
  char *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, a, 0);
  require((long)map > 0);
  map[5 * PAGE] = data[5 * PAGE];        // dirty when it is shared
  require(clone(b, a) == 0 && clone(c, b) == 0);
  check(b, SIZE, -1, 0);
  memset(map + 3 * PAGE, 'm', PAGE);
  check(b, SIZE, -1, 0);
  check(c, SIZE, -1, 0);
  check(a, SIZE, 3, 'm');
  memcpy(map + 3 * PAGE, data + 3 * PAGE, PAGE);
  fill(b, 7, 'b');
  check(a, SIZE, -1, 0);
  check(b, SIZE, 7, 'b');
  require(sys_ftruncate(b, PAGE + 10) == 0 && sys_fsync(b) == 0);
  check(b, PAGE + 10, -1, 0);
  check(c, SIZE, -1, 0);
  sys_close(b);
  require(sys_unlink("b") == 0);
  check(a, SIZE, -1, 0);
  fill(a, 9, 'a');
  require(sys_fsync(a) == 0);
  check(c, SIZE, -1, 0);
  memcpy(map + 9 * PAGE, data + 9 * PAGE, PAGE);
  sys_munmap(map, SIZE);
  sys_close(c);
}

static void
test_ranges(int a)
{
  int b = make("range");
  require(clone_range(b, a, 2 * PAGE, 3 * PAGE, 2 * PAGE) == 0);   // behind a hole
  char zero[2 * PAGE] = { 0 }, buf[2 * PAGE];
  require(sys_pread(b, buf, sizeof buf, 0) == sizeof buf && memcmp(buf, zero, sizeof buf) == 0);
  require(clone_range(b, a, 0, 2 * PAGE, 0) == 0);
  check(b, 5 * PAGE, -1, 0);
  require(clone_range(b, b, 4 * PAGE, PAGE, 5 * PAGE) == 0);       // within one file
  require(clone_range(b, a, 1, PAGE, 0) == -EINVAL);
  require(clone_range(b, a, 0, PAGE, 1) == -EINVAL);
  require(clone_range(b, a, 0, 100, 0) == -EINVAL);
  require(clone_range(b, a, PAGES * PAGE, TAIL, 0) == -EINVAL);    // the end, into the middle
  require(clone_range(b, a, SIZE + PAGE, 0, 0) == -EINVAL);
  require(clone_range(b, b, 0, 2 * PAGE, PAGE) == -EINVAL);
  require(clone_range(b, a, 0, PAGE, 1L << 62) < 0);
  require(clone_range(b, 99, 0, PAGE, 0) == -EBADF);
  require(sys_ioctl(b, FICLONERANGE, (void *)1) == -EFAULT);
  int reads = open("range", O_RDONLY), dir = open(".", O_RDONLY), dev = open("/dev/zero", O_RDWR);
  require(clone(reads, a) == -EBADF && clone(b, dir) == -EISDIR && clone(b, dev) == -EXDEV);
  sys_close(reads);
  sys_close(dir);
  sys_close(dev);
  sys_close(b);
}

static void
test_holes(int a)
{
  struct kstat before, st;
  char zero[3 * PAGE] = { 0 }, buf[3 * PAGE];
  require(sys_fstat(a, &before) == 0);
  char *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, a, 0);
  map[4 * PAGE] = 'x';                   // dirty when it goes
  require(syscall4(NR_fallocate, a, PUNCH, 3 * PAGE + 50, 3 * PAGE) == 0);
  require(sys_fstat(a, &st) == 0 && st.size == SIZE && st.blocks == before.blocks - 2 * 8);
  require(memcmp(map + 3 * PAGE, data + 3 * PAGE, 50) == 0);
  require(memcmp(map + 3 * PAGE + 50, zero, 3 * PAGE) == 0);
  require(memcmp(map + 6 * PAGE + 50, data + 6 * PAGE + 50, PAGE - 50) == 0);
  map[4 * PAGE] = 'y';                   // a block again
  require(sys_fsync(a) == 0 && sys_pread(a, buf, PAGE, 4 * PAGE) == PAGE && buf[0] == 'y');
  require(syscall4(NR_fallocate, a, PUNCH, PAGE + 10, 20) == 0);
  require(sys_pread(a, buf, 30, PAGE + 5) == 30 && memcmp(buf + 5, zero, 20) == 0);
  require(memcmp(buf, data + PAGE + 5, 5) == 0 && memcmp(buf + 25, data + PAGE + 30, 5) == 0);
  require(syscall4(NR_fallocate, a, PUNCH, PAGES * PAGE, 10 * PAGE) == 0);    // past the end
  require(syscall4(NR_fallocate, a, ZERO, SIZE, PAGE) == 0);
  require(sys_fstat(a, &st) == 0 && st.size == SIZE + PAGE);
  require(sys_pread(a, buf, TAIL + PAGE, PAGES * PAGE) == TAIL + PAGE);
  require(memcmp(buf, zero, TAIL + PAGE) == 0);
  require(syscall4(NR_fallocate, a, 8, 0, PAGE) == -EOPNOTSUPP);
  require(syscall4(NR_fallocate, a, 2, 0, PAGE) == -EOPNOTSUPP);
  sys_munmap(map, SIZE);
}

int
main(int argc, char **argv)
{
  require(argc == 2 && sys_chdir(argv[1]) == 0);
  for(int i = 0; i < SIZE; i++)
    data[i] = (char)(i / PAGE + i * 7 + 1);
  int a = make("a");
  require(write(a, data, SIZE) == SIZE);
  int probe = make("probe");
  if(clone(probe, a) == 0){
    test_both_sides(a);
    test_ranges(a);
  } else {
    require(clone(probe, a) == -EOPNOTSUPP);
  }
  test_holes(a);
  out("all is as it was\n");
  return 0;
}
