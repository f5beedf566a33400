// SPDX-License-Identifier: MIT
//
// Does something to its memory step by step; says where, and waits for a line
// after each step, so that the memory can be looked at from outside.
//
//   witness lazy PAGES VALUE     map; then read page 5 and write VALUE to page 700
//   witness cow VALUE OTHER      write VALUE; fork; the child writes OTHER; so does the parent
//   witness shared VALUE         parent and child on one shared page
//   witness dirty PAGES          touch pages and say the sum of what was in them

#include "kernel/types.h"
#include "kernel/fcntl.h"
#include "user/user.h"
#include "user/abi.h"

enum { PAGE = 4096 };

static uint64
number(const char *s)
{
  uint64 n = 0;
  while(*s)
    n = n * 10 + *s++ - '0';
  return n;
}

static void
wait_for_line(void)
{
  char c;
  printf("waiting\n");
  while(read(0, &c, 1) == 1 && c != '\n')
    ;
}

static volatile uint64 *
map(int pages, int flags)
{
  void *p = mmap(0, (uint64)pages * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
  if(p == (void *)-1){
    fprintf(2, "witness: mmap failed\n");
    exit(1);
  }
  printf("pid %d\naddress %p\n", getpid(), p);
  return p;
}

static volatile uint64 *
page(volatile uint64 *base, int i)
{
  return base + i * (PAGE / sizeof(uint64));
}

static void
lazy(int pages, uint64 value)
{
  volatile uint64 *p = map(pages, MAP_PRIVATE);
  wait_for_line();
  if(pages > 700){
    (void)*page(p, 5);
    *page(p, 700) = value;
    wait_for_line();
  }
}

// The child waits on one pipe for each of its steps and answers on the other.
static void
cow(uint64 value, uint64 other)
{
  int go[2], done[2];
  char c = 0;
  volatile uint64 *p = map(1, MAP_PRIVATE);
  *p = value;
  wait_for_line();
  pipe(go);
  pipe(done);
  int child = fork();
  if(child == 0){
    read(go[0], &c, 1);
    *p = other;
    write(done[1], &c, 1);
    read(go[0], &c, 1);
    exit(0);
  }
  printf("child %d\n", child);
  wait_for_line();
  write(go[1], &c, 1);
  read(done[0], &c, 1);
  wait_for_line();
  *p = other;
  wait_for_line();
  write(go[1], &c, 1);
  wait(0);
}

static void
shared(uint64 value)
{
  int go[2], done[2];
  char c = 0;
  volatile uint64 *p = map(1, MAP_SHARED);
  pipe(go);
  pipe(done);
  int child = fork();
  if(child == 0){
    *p = value;
    write(done[1], &c, 1);
    read(go[0], &c, 1);
    exit(0);
  }
  read(done[0], &c, 1);
  if(*p != value)
    printf("wrong 1\n");
  printf("child %d\ncode %p\n", child, shared);
  wait_for_line();
  write(go[1], &c, 1);
  wait(0);
}

static void
dirty(int pages)
{
  uint64 sum = 0;
  volatile uint64 *p = map(pages, MAP_PRIVATE);
  for(int i = 0; i < pages; i++){
    *page(p, i) |= 0;
    for(int j = 0; j < PAGE / (int)sizeof(uint64); j++)
      sum |= page(p, i)[j];
  }
  printf("sum %lu\n", sum);
  wait_for_line();
}

int
main(int argc, char *argv[])
{
  if(argc == 4 && strcmp(argv[1], "lazy") == 0)
    lazy(number(argv[2]), number(argv[3]));
  else if(argc == 4 && strcmp(argv[1], "cow") == 0)
    cow(number(argv[2]), number(argv[3]));
  else if(argc == 3 && strcmp(argv[1], "shared") == 0)
    shared(number(argv[2]));
  else if(argc == 3 && strcmp(argv[1], "dirty") == 0)
    dirty(number(argv[2]));
  else {
    fprintf(2, "usage: witness lazy PAGES VALUE | cow VALUE OTHER | shared VALUE | dirty PAGES\n");
    exit(1);
  }
  exit(0);
}
