// SPDX-License-Identifier: MIT
//
// A swap file in the hands of others: who has it open, maps it, runs it.

#include "kernel/types.h"
#include "user/require.h"
#include "user/ulib.h"
#include "user/user.h"

enum { PAGE = 4096, PAGES = 64, NR_fallocate = 47, NR_fchmod = 52 };

static const char area[] = "/area";
static char page[PAGE];

static int
make_area(void)
{
  char *argv[] = { "mkswap", (char *)area, NULL };
  int fd = open(area, O_RDWR | O_CREATE), status;
  require(fd >= 0);
  for(int i = 0; i < PAGES; i++)
    require(write(fd, page, PAGE) == PAGE);
  if(fork() == 0){
    exec("/mkswap", argv);
    exit(1);
  }
  require(wait(&status) > 0 && status == 0);
  return fd;
}

static long
map(int fd, int prot, int flags)
{
  return sys_mmap(NULL, PAGE, prot, flags, fd, 0);
}

// An area in use: fd is open for writing since before.
static void
test_in_use(int fd)
{
  char *argv[] = { "area", NULL };
  require(sys_swapon(area, 0) == 0);
  require(sys_swapon(area, 0) == -EBUSY);
  require(sys_write(fd, page, 1) == -ETXTBSY);
  require(sys_ftruncate(fd, 0) == -ETXTBSY);
  require(syscall4(NR_fallocate, fd, 0, 0, 2 * PAGES * PAGE) == -ETXTBSY);
  require(map(fd, PROT_READ | PROT_WRITE, MAP_SHARED) == -ETXTBSY);
  require(syscall2(NR_fchmod, fd, 0755) == 0);
  require(sys_execve(area, argv, NULL) == -ETXTBSY);
  require(sys_unlink(area) == -EPERM);

  long r = map(fd, PROT_READ, MAP_SHARED), p = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  require(r > 0 && sys_mprotect((void *)r, PAGE, PROT_READ | PROT_WRITE) == -EACCES);
  require(p > 0);
  *(char *)p = 1;
  require(sys_swapoff(area) == 0);
  require(sys_write(fd, page, 1) == 1);
  sys_munmap((void *)r, PAGE);
  sys_munmap((void *)p, PAGE);
}

// Stores through a mapping would end where pages of others are.
static void
test_mapped(int fd)
{
  long p = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
  require(p > 0);
  require(sys_swapon(area, 0) == -ETXTBSY);
  require(sys_munmap((void *)p, PAGE) == 0);
  require(sys_swapon(area, 0) == 0);
  require(sys_swapoff(area) == 0);
  require(sys_swapoff(area) == -EINVAL);
}

static void
test_what_is_none(void)
{
  require(sys_swapon("/swapfile", 0) == -ETXTBSY);     // it runs
  require(sys_swapon("/dev", 0) == -EISDIR);
  require(sys_swapon("/dev/null", 0) == -EINVAL);
  require(sys_swapon("/nothing", 0) == -ENOENT);
  require(sys_swapoff("/swapfile") == -EINVAL);
}

int
main(void)
{
  int fd = make_area();
  test_in_use(fd);
  test_mapped(fd);
  test_what_is_none();
  close(fd);
  require(sys_unlink(area) == 0);
  printf("ALL SWAP FILE TESTS PASSED\n");
  return 0;
}
