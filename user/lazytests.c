// SPDX-License-Identifier: MIT
//
// lazytests: memory that is there when it is touched, and only then.  Ends with
// ALL TESTS PASSED, or SOME TESTS FAILED and status 1.

#include "kernel/memlayout.h"
#include "kernel/riscv.h"
#include "user/require.h"
#include "user/ulib.h"
#include "user/user.h"

enum { REGION = 1 << 30, MEGAPAGE = 1 << 21 };   // a page table serves a megapage

static char *
take(int n)
{
  char *p = sbrklazy(n);
  require(p != SBRK_ERROR);
  return (char *)PGROUNDUP((uint64)p);
}

static int
child_status(void (*fn)(char *), char *arg)
{
  int status, pid = fork();

  require(pid >= 0);
  if(pid == 0){
    fn(arg);
    exit(0);
  }
  require(wait(&status) == pid);
  return status;
}

static void
store(char *p)
{
  *(volatile char *)p = 1;
}

// A gigabyte, one page in 64 used; fewer if memory is small.
static void
test_sparse(void)
{
  char *start = take(REGION), *end = sbrk(0);
  long step = 64 * PGSIZE;

  while((REGION / step + REGION / MEGAPAGE) * PGSIZE > ulib_memory() / 2)
    step *= 2;
  for(char *p = start; p + sizeof(char *) <= end; p += step)
    *(char **)p = p;
  for(char *p = start; p + sizeof(char *) <= end; p += step)
    require(*(char **)p == p);
}

// A promise costs nothing.
static void
test_free_until_touched(void)
{
  uint64 before = ulib_memory();
  char *p = take(REGION);

  require(before - ulib_memory() < (1UL << 20) || ulib_memory() > before);
  for(int i = 0; i < 100; i++)
    require(p[i * PGSIZE + 17] == 0);
  for(int i = 0; i < 100; i++)
    p[i * PGSIZE] = i;
  for(int i = 0; i < 100; i++)
    require(p[i * PGSIZE] == i);
}

// Reading first, then writing: the zeroes stay where nothing was written.
static void
test_read_then_write(void)
{
  char *p = take(200 * PGSIZE);

  for(int i = 0; i < 199; i++){
    require(p[i * PGSIZE + 100] == 0);
    p[i * PGSIZE + 100] = 1;
    require(p[i * PGSIZE + 99] == 0 && p[i * PGSIZE + 101] == 0);
  }
  for(int i = 0; i < 199; i++)
    require(p[i * PGSIZE + 100] == 1);
}

static void
give_back_and_store(char *p)
{
  require(sbrklazy(-REGION) != SBRK_ERROR);
  store(p);
}

static void
test_unmap(void)
{
  char *start = take(REGION), *end = sbrk(0);
  long step = (end - start) / 32 / PGSIZE * PGSIZE;

  for(char *p = start; p < end; p += step)
    store(p);
  for(char *p = start + PGSIZE; p < end; p += step)
    require(child_status(give_back_and_store, p) == -1);
}

// What fork copies are the touched pages and the promise of the others.
static void
test_fork(void)
{
  char *p = take(1000 * PGSIZE);

  p[10 * PGSIZE] = 1;
  for(int k = 0; k < 3; k++){
    int status, pid = fork();
    require(pid >= 0);
    if(pid == 0){
      require(p[10 * PGSIZE] == 1);
      for(int i = 20; i < 900; i += 11){
        require(p[i * PGSIZE] == 0);
        p[i * PGSIZE] = k + 1;
      }
      for(int i = 20; i < 900; i += 11)
        require(p[i * PGSIZE] == k + 1);
      exit(0);
    }
    require(wait(&status) == pid && status == 0);
  }
  require(p[20 * PGSIZE] == 0);
}

// System calls reach untouched pages, as sources and as destinations.
static void
test_arguments(void)
{
  char *p = take(20 * PGSIZE);
  int fds[2];

  require(pipe((int *)p) == 0);
  fds[0] = ((int *)p)[0];
  fds[1] = ((int *)p)[1];
  require(write(fds[1], p + 2 * PGSIZE - 50, 100) == 100);
  require(read(fds[0], p + 5 * PGSIZE - 50, 100) == 100);
  for(int i = 0; i < 100; i++)
    require(p[5 * PGSIZE - 50 + i] == 0);
  require(open(p + 9 * PGSIZE, 0) == -1);
}

// Up to xv6's trap pages, and not a byte further.
static void
test_whole_heap(void)
{
  char *p = sbrklazy(0);

  for(; (uint64)p < TRAPFRAME - REGION; p = sbrklazy(0))
    require(sbrklazy(REGION) == p);
  require(sbrklazy(TRAPFRAME - PGSIZE - (uint64)p) == p);
  p = sbrk(PGSIZE);
  require((uint64)p == TRAPFRAME - PGSIZE && p[PGSIZE - 1] == 0);
  p[0] = 1;
  require(sbrk(1) == SBRK_ERROR && sbrklazy(1) == SBRK_ERROR);
}

static void
test_beyond(void)
{
  char *end = sbrklazy(0);

  end = (char *)PGROUNDUP((uint64)end);
  require(child_status(store, end) == -1);
  require(child_status(store, end + 100 * PGSIZE) == -1);
  int fds[2];
  require(pipe(fds) == 0);
  require(write(fds[1], end, 1) == -1);
}

// Touching more than there is kills the one who does, and gives all back.
static void
touch_all(char *unused)
{
  char *p = sbrklazy(REGION);

  require(p != SBRK_ERROR);
  for(long i = 0; i < REGION; i += PGSIZE)
    p[i] = 1;
}

static void
test_out_of_memory(void)
{
  uint64 before = ulib_memory();

  if(before >= REGION)
    return;
  require(child_status(touch_all, NULL) == -1);
  for(int i = 0; i < 20 && ulib_memory() + (2UL << 20) < before; i++)
    pause(1);
  require(ulib_memory() + (2UL << 20) >= before);
}

int
main(void)
{
  static const struct {
    const char *name;
    void (*run)(void);
  } tests[] = {
    { "sparse", test_sparse }, { "free until touched", test_free_until_touched },
    { "read then write", test_read_then_write }, { "unmap", test_unmap },
    { "fork", test_fork }, { "arguments", test_arguments }, { "whole heap", test_whole_heap },
    { "beyond", test_beyond }, { "out of memory", test_out_of_memory },
  };
  int failures = 0;

  for(size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++){
    int status, pid;
    printf("running test %s\n", tests[i].name);
    pid = fork();
    if(pid == 0){
      tests[i].run();
      exit(0);
    }
    bool ok = pid > 0 && wait(&status) == pid && status == 0;
    printf("test %s: %s\n", tests[i].name, ok ? "OK" : "FAILED");
    failures += !ok;
  }
  printf(failures ? "SOME TESTS FAILED\n" : "ALL TESTS PASSED\n");
  return failures != 0;
}
