// SPDX-License-Identifier: MIT
//
// Floating-point registers belong to a task: they survive switches between more
// tasks than there are harts, go to the child at a fork, and are zero after exec.
//
// The compiler does not know that the registers are set: no C here computes with
// floating point.

#include "kernel/types.h"
#include "user/user.h"
#include "user/sys.h"

enum { REGISTERS = 32, FCSR = 32, ROUNDS = 40, SPIN = 200000 };

static void
set(const uint64 v[33])
{
  asm volatile(".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n fld f\\n, 8*\\n(%0)\n .endr\n"
               ".irp n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
               " fld f\\n, 8*\\n(%0)\n .endr\n"
               "fscsr %1" :: "r"(v), "r"(v[FCSR]) : "memory");
}

static void
get(uint64 v[33])
{
  asm volatile(".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n fsd f\\n, 8*\\n(%0)\n .endr\n"
               ".irp n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
               " fsd f\\n, 8*\\n(%0)\n .endr" :: "r"(v) : "memory");
  asm volatile("frcsr %0" : "=r"(v[FCSR]));
}

static void
fill(uint64 v[33], uint64 seed)
{
  for(int i = 0; i < REGISTERS; i++)
    v[i] = (seed << 32) + i * 0x01010101UL + 1;
  v[FCSR] = (seed % 5) << 5 | seed % 32;       // rounding mode and flags
}

static int
same(const uint64 v[33], const char *when)
{
  uint64 now[33];
  get(now);
  for(int i = 0; i < 33; i++)
    if(now[i] != v[i]){
      printf("floatregs: %s: register %d is %lx, not %lx\n", when, i, now[i], v[i]);
      return 0;
    }
  return 1;
}

// Registers are set in some rounds only: what is clean must come back too.
static int
worker(int seed)
{
  uint64 v[33];
  fill(v, seed);
  set(v);
  for(int round = 0; round < ROUNDS; round++){
    if(round % 3 == 0){
      fill(v, seed + 100 * round);
      set(v);
    }
    if(round % 2)
      for(volatile int i = 0; i < SPIN; i++)
        ;
    else
      sys_yield();
    if(!same(v, "in turns"))
      return 1;
  }
  return 0;
}

static int
all_succeed(int n)
{
  int good = 1, status;
  while(n-- > 0)
    good &= wait(&status) > 0 && status == 0;
  return good;
}

static int
workers(int n)
{
  for(int i = 0; i < n; i++)
    if(fork() == 0)
      exit(worker(i + 1));
  return all_succeed(n);
}

static int
inherited(void)
{
  uint64 v[33], other[33];
  fill(v, 77);
  fill(other, 78);
  set(v);
  if(fork() == 0){
    int good = same(v, "in the child");
    set(other);
    sys_yield();
    exit(!good || !same(other, "in the child"));
  }
  int good = same(v, "in the parent");
  return all_succeed(1) & good & same(v, "after the child");
}

static int
forgotten(char *self)
{
  char *argv[] = { self, "fresh", 0 };
  uint64 v[33];
  fill(v, 99);
  if(fork() == 0){
    set(v);
    exec(self, argv);
    exit(1);
  }
  return all_succeed(1);
}

int
main(int argc, char *argv[])
{
  static const uint64 zero[33];
  if(argc == 2 && strcmp(argv[1], "fresh") == 0)
    exit(!same(zero, "after exec"));
  if(argc != 2){
    fprintf(2, "usage: floatregs WORKERS\n");
    exit(1);
  }
  int good = inherited() & forgotten(argv[0]) & workers(atoi(argv[1]));
  printf("floatregs: %s\n", good ? "OK" : "FAILED");
  exit(!good);
}
