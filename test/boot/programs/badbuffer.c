// SPDX-License-Identifier: MIT
//
// Hands the kernel buffers that are not there, read-only, or end half-way, and
// expects -1 or a short count; status 0 if all is as it should be.

#include "kernel/types.h"
#include "kernel/fcntl.h"
#include "user/user.h"
#include "user/abi.h"

enum { PAGE = 4096 };

static int wrong;

static void
expect(const char *what, int got, int lo, int hi)
{
  if(got >= lo && got <= hi)
    return;
  printf("badbuffer: %s gave %d\n", what, got);
  wrong = 1;
}

int
main(int argc, char *argv[])
{
  if(argc != 2){
    fprintf(2, "usage: badbuffer FILE\n");
    exit(1);
  }
  char *two = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *fixed = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(two + PAGE, PAGE);
  int fd = open(argv[1], O_RDONLY);
  int out = open("badbuffer.tmp", O_RDWR | O_CREATE | O_TRUNC);
  int p[2];

  expect("read to 0", read(fd, 0, 10), -1, -1);
  expect("read to the kernel", read(fd, (void *)0xffffffff80200000UL, 10), -1, -1);
  expect("read over the top", read(fd, (void *)((1UL << 38) - 4), 10), -1, -1);
  expect("read to read-only memory", read(fd, fixed, 10), -1, -1);
  expect("read across a hole", read(fd, two + PAGE - 8, 16), -1, 8);
  expect("write from 0", write(out, 0, 10), -1, -1);
  expect("write from the kernel", write(out, (void *)0xffffffc080200000UL, 10), -1, -1);
  expect("write across a hole", write(out, two + PAGE - 8, 16), -1, 8);
  expect("pipe into read-only memory", pipe((int *)fixed), -1, -1);
  expect("open of a wild name", open((char *)0xffffffff80200000UL, O_RDONLY), -1, -1);
  expect("pipe", pipe(p), 0, 0);
  expect("write from 0 to a pipe", write(p[1], 0, 10), -1, -1);
  expect("write to a pipe", write(p[1], "hello", 5), 5, 5);
  expect("read from a pipe to 0", read(p[0], 0, 5), -1, -1);
  exit(wrong);
}
