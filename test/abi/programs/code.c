// SPDX-License-Identifier: MIT
//
// Code that a program writes: each version is written on one hart and run by
// threads on the others, after mprotect or through a second mapping.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/cachectl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, THREADS = 4, ROUNDS = 200 };

typedef int function(void);

static pthread_barrier_t barrier;
static char *code;
static long wrong[THREADS];

// li a0, n; ret
static void
write_code(char *at, int n)
{
  uint32_t i[2] = { (uint32_t)n << 20 | 0x513, 0x8067 };
  memcpy(at, i, sizeof i);
}

static void
flush(char *at)
{
  if(__riscv_flush_icache(at, at + 8, 0) != 0)
    perror("flush");
}

static void *
run(void *arg)
{
  long me = (long)arg;
  for(int round = 0; round < ROUNDS; round++){
    pthread_barrier_wait(&barrier);
    if(round % THREADS == me){
      mprotect(code, PAGE, PROT_READ | PROT_WRITE);
      write_code(code + 64 * me, round);
      mprotect(code, PAGE, PROT_READ | PROT_EXEC);
      flush(code + 64 * me);
    }
    pthread_barrier_wait(&barrier);
    wrong[me] += ((function *)(code + 64 * (round % THREADS)))() != round;
  }
  return NULL;
}

static void
all_threads(void)
{
  pthread_t t[THREADS];
  long sum = 0;
  pthread_barrier_init(&barrier, NULL, THREADS);
  for(long i = 0; i < THREADS; i++)
    pthread_create(&t[i], NULL, run, (void *)i);
  for(int i = 0; i < THREADS; i++){
    pthread_join(t[i], NULL);
    sum += wrong[i];
  }
  printf("wrong results of %d rounds: %ld\n", ROUNDS, sum);
}

// Written through one address, run at another.
static void
two_mappings(void)
{
  int fd = open("code.tmp", O_RDWR | O_CREAT, 0600), sum = 0;
  ftruncate(fd, PAGE);
  char *w = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *x = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
  for(int i = 0; i < 50; i++){
    write_code(w, i);
    flush(x);
    sum += ((function *)x)();
  }
  printf("two mappings: %d\n", sum);
  close(fd);
  unlink("code.tmp");
}

// In memory that was data, and in a file that is written and then mapped.
static void
from_a_file(void)
{
  char buf[8];
  int fd = open("code.tmp", O_RDWR | O_CREAT, 0600), sum = 0;
  for(int i = 0; i < 20; i++){
    write_code(buf, 100 + i);
    pwrite(fd, buf, sizeof buf, 0);
    char *x = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    sum += ((function *)x)();
    munmap(x, PAGE);
  }
  printf("from a file: %d\n", sum);
  close(fd);
  unlink("code.tmp");
}

// A function within a function, called through a pointer: its way to the variables of
// the outer one is code on the stack.
static int
call(int (*fn)(int))
{
  return fn(20);
}

static void
on_the_stack(int n)
{
  int add(int x) { return x + n; }
  printf("on the stack: %d\n", call(add));
}

int
main(int argc, char **argv)
{
  on_the_stack(argc + 2);
  code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  all_threads();
  two_mappings();
  from_a_file();
  printf("flags: %d", __riscv_flush_icache(code, code, 2));
  printf(" %s\n", strerror(errno));
  return 0;
}
