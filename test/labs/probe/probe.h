// SPDX-License-Identifier: MIT
//
// What the programs that test a lab have in common.  Such a program says nothing: it
// does what its arguments ask for and holds still at numbered points, with up to six
// values in registers, while the grader looks at the machine from outside.

#pragma once

#include "user/ulib.h"
#include "user/user.h"

enum { PAGE = 4096 };

// The grader has a breakpoint here.  t6 tells our stops from whatever else comes by.
// => step, or what the grader answers
uint64 stop(uint64 step, uint64 a, uint64 b, uint64 c, uint64 d, uint64 e);

// A thread of this process, on that stack; fn does not return.
void start_thread(void (*fn)(void), void *top);

static inline uint64
number(const char *s)
{
  long n;
  if(!parse_long(s, &n))
    exit(100);
  return (uint64)n;
}

// What a program can be asked for: its name and so many numbers.  An empty one ends the table.
struct probe {
  const char *name;
  int numbers;
  int (*run)(const uint64 *arg);
};
extern const struct probe probes[];
static const char *asked;              // the name

enum { NUMBERS = 8 };

int
main(int argc, char **argv)
{
  uint64 arg[NUMBERS];
  int n = argc - 2;
  for(int i = 0; i < n && i < NUMBERS; i++)
    arg[i] = number(argv[i + 2]);
  for(const struct probe *p = probes; p->name; p++)
    if(n == p->numbers && strcmp(argv[1], p->name) == 0){
      asked = p->name;
      return p->run(arg);
    }
  return 99;
}

static inline volatile uint64 *
word_at(void *base, uint64 page)
{
  return (volatile uint64 *)((char *)base + page * PAGE);
}

// What a page is filled with: a function that the grader has too.
static inline uint64
mix(uint64 x)
{
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

static inline void *
map_pages(uint64 pages, int flags)
{
  void *p = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
  if(p == (void *)-1)
    exit(101);
  return p;
}

// Two processes that take turns.
struct turn {
  int go[2], done[2];
};

static inline void
turn_init(struct turn *t)
{
  if(pipe(t->go) < 0 || pipe(t->done) < 0)
    exit(102);
}

static inline void
turn_give(int fd[2])
{
  char c = 0;
  if(write(fd[1], &c, 1) != 1)
    exit(103);
}

static inline void
turn_wait(int fd[2])
{
  char c;
  if(read(fd[0], &c, 1) != 1)
    exit(104);
}
