// SPDX-License-Identifier: MIT
//
// usertests: addresses that are not the program's, given to the kernel or used.

#include "user/usertest.h"

static void *
bad(int i)
{
  return (void *)bad_addresses[i];
}

static void
test_write_bad_pointer(void)
{
  int fds[2], fd = open_file("f", O_CREATE | O_WRONLY);

  require(pipe(fds) == 0);
  for(int i = 0; i < BAD_ADDRESSES; i++){
    require(sys_write(fd, bad(i), 8192) == -EFAULT);
    require(sys_write(fds[1], bad(i), 100) == -EFAULT);
    require(sys_write(1, bad(i), 8192) < 0);
  }
}

static void
test_read_bad_pointer(void)
{
  int fds[2];
  char data[100] = { 0 };

  make_file("f", data, sizeof(data));
  require(pipe(fds) == 0);
  for(int i = 0; i < BAD_ADDRESSES; i++){
    int fd = open_file("f", O_RDONLY);
    require(sys_read(fd, bad(i), 8192) == -EFAULT);
    close(fd);
    require(write(fds[1], "x", 1) == 1);
    require(sys_read(fds[0], bad(i), 8192) == -EFAULT);
  }
}

static void
test_path_bad_pointer(void)
{
  char *argv[] = { "x", NULL };

  for(int i = 0; i < BAD_ADDRESSES; i++){
    require(sys_open(bad(i), O_CREATE | O_WRONLY, 0666) == -EFAULT);
    require(sys_unlink(bad(i)) == -EFAULT);
    require(sys_mkdir(bad(i), 0777) == -EFAULT);
    require(sys_chdir(bad(i)) == -EFAULT);
    require(link("x", bad(i)) == -1);
    require(link(bad(i), "x") == -1);
    require(symlink(bad(i), "s") == -1);
    require(exec(bad(i), argv) == -1);
  }
  require(!exists("s"));
}

// A path that runs into unmapped memory before it ends.
static void
test_path_unterminated(void)
{
  char *top = sbrk(8192);
  char *argv[] = { "x", NULL };

  require(top != SBRK_ERROR);
  top = sbrk(0);
  if((uint64)top % PGSIZE){
    require(sbrk(PGSIZE - (uint64)top % PGSIZE) != SBRK_ERROR);
    top = sbrk(0);
  }
  top[-1] = 'x';
  require(sys_unlink(top - 1) == -EFAULT);
  require(sys_open(top - 1, O_CREATE | O_WRONLY, 0666) == -EFAULT);
  require(link(top - 1, top - 1) == -1);
  require(exec(top - 1, argv) == -1);
}

static void
test_result_bad_pointer(void)
{
  for(int i = 0; i < BAD_ADDRESSES; i++){
    require(sys_pipe(bad(i), 0) == -EFAULT);
    require(sys_fstat(1, bad(i)) == -EFAULT);
    require(sys_getcwd(bad(i), 100) == -EFAULT);
    require(sys_clock(CLOCK_MONOTONIC, bad(i)) == -EFAULT);
    require(sys_uname(bad(i)) == -EFAULT);
  }
  // A pipe that could not be told is closed again.
  int fd = open_file(".", O_RDONLY);
  require(fd < 10);
}

static void
test_wait_bad_pointer(void)
{
  if(must_fork() == 0)
    exit(0);
  require(wait((int *)0x80000000) == -1);
}

// A buffer of which only the beginning is mapped.
static void
test_buffer_past_heap(void)
{
  char *start, *top;
  int fd;

  require(sbrk(PGSIZE) != SBRK_ERROR);
  top = (char *)PGROUNDDOWN((uint64)sbrk(0));
  require(sbrk(top - sbrk(0)) != SBRK_ERROR);
  start = top - 10;
  fill(start, 10, 1);
  fd = open_file("f", O_CREATE | O_RDWR);
  long n = sys_write(fd, start, 2 * PGSIZE);
  require(n == -EFAULT || (n >= 0 && n <= 10));
  require(sys_pwrite(fd, start, 10, 0) == 10);
  require(sys_ftruncate(fd, 3 * PGSIZE) == 0);
  memset(start, 0, 10);
  n = sys_pread(fd, start, 2 * PGSIZE, 0);
  require(n == -EFAULT || (n >= 0 && n <= 10));
  require(sys_pread(fd, start, 10, 0) == 10);
  require(is_filled(start, 10, 1));
}

static void
test_read_into_text(void)
{
  make_file("f", "abcd", 4);
  int fd = open_file("f", O_RDONLY);
  require(sys_read(fd, (void *)test_read_into_text, 4) == -EFAULT);
}

static void
test_argv_bad_pointer(void)
{
  for(int i = 0; i < 2000; i++){
    char *argv[] = { "echo", bad(i % (BAD_ADDRESSES - 1) + 1), NULL };
    require(exec(program("echo"), argv) == -1);
  }
  for(int i = 1; i < BAD_ADDRESSES; i++)
    require(exec(program("echo"), bad(i)) == -1);
}

static void
load(void *address)
{
  *(volatile char *)address;
}

static void
store(void *address)
{
  *(volatile char *)address = 1;
}

static void
jump(void *address)
{
  ((void (*)(void))address)();
}

static void
test_load_bad_address(void)
{
  for(int i = 0; i < BAD_ADDRESSES; i++)
    require(status_of(load, bad(i)) == -1);
  for(uint64 a = 0xffffffc000000000; a != 0; a += 8UL << 30)     // the kernel's half
    require(status_of(load, (void *)a) == -1);
}

static void
test_store_bad_address(void)
{
  for(int i = 0; i < BAD_ADDRESSES; i++)
    require(status_of(store, bad(i)) == -1);
  for(uint64 a = MAXVA; a != 0; a <<= 1)
    require(status_of(store, (void *)a) == -1);
}

static void
test_jump_bad_address(void)
{
  for(int i = 0; i < BAD_ADDRESSES; i++)
    require(status_of(jump, bad(i)) == -1);
}

static void
test_store_text(void)
{
  require(status_of(store, (void *)test_store_text) == -1);
  require(status_of(store, (void *)"a literal") == -1);
}

// Neither data nor stack nor heap can be run.
static void
test_jump_data(void)
{
  static uint data[4] = { 0x00008067, 0x00008067, 0x00008067, 0x00008067 };   // ret
  uint stack[4] = { 0x00008067, 0x00008067, 0x00008067, 0x00008067 };
  char *heap = sbrk(PGSIZE);

  require(heap != SBRK_ERROR);
  heap = (char *)(((uint64)heap + 15) & ~15UL);
  memcpy(heap, data, sizeof(data));
  require(status_of(jump, data) == -1);
  require(status_of(jump, stack) == -1);
  require(status_of(jump, heap) == -1);
}

const struct test pointer_tests[] = {
  { "write_bad_pointer", test_write_bad_pointer },
  { "read_bad_pointer", test_read_bad_pointer },
  { "path_bad_pointer", test_path_bad_pointer },
  { "path_unterminated", test_path_unterminated },
  { "result_bad_pointer", test_result_bad_pointer },
  { "wait_bad_pointer", test_wait_bad_pointer },
  { "buffer_past_heap", test_buffer_past_heap },
  { "read_into_text", test_read_into_text },
  { "argv_bad_pointer", test_argv_bad_pointer },
  { "load_bad_address", test_load_bad_address },
  { "store_bad_address", test_store_bad_address },
  { "jump_bad_address", test_jump_bad_address },
  { "store_text", test_store_text },
  { "jump_data", test_jump_data },
  { 0 },
};
