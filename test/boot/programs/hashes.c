// SPDX-License-Identifier: MIT
//
// hashes KIB ROUNDS [FILE]: a long chain of hashes over a working set, each word of which
// depends on all before it; a line for every round, and at the end what came out.  With
// FILE the lines go there, and half-way it waits until there is FILE.go; a quarter of the way
// it waits for that too, or for FILE.on.  It computes with floating point on the way, and
// sleeps.
//
// hashes KIB ROUNDS -: again and again until there is /go; each time the same has to come out.

#include "user/abi.h"
#include "user/sys.h"
#include "user/ulib.h"
#include "user/user.h"
#include "mix.h"

enum { STEPS = 20000, PART = 64 * 1024 };

static uint64 *set, words;
static volatile double walk = 1.5;

// Mostly in one part of the set, another one in each round.
static uint64
round_of(uint64 h)
{
  uint64 start = mix(h) % words;

  for(int i = 0; i < STEPS; i++){
    uint64 *at = &set[(start + mix(h + i) % (i % 256 ? PART : words)) % words];
    h = mix(h ^ *at);
    *at = h;
    walk = walk * 1.0000001 + (double)(h & 0xff);
    if(walk > 1e6)
      walk /= 1024.0;
  }
  return h + (uint64)(walk * 1000.0);
}

// A line for round i.
static void
tell(int fd, int i, uint64 h)
{
  struct text line = { 0 };

  text_format(&line, "%d %lx\n", i, h);
  if(write_all(fd, line.s, line.n) < 0)
    die("no room");
  text_free(&line);
}

static bool
there(const char *name, const char *suffix)
{
  struct text path = { 0 };
  struct kstat st;

  text_format(&path, "%s%s", name, suffix);
  bool yes = sys_stat(path.s, &st) == 0;
  text_free(&path);
  return yes;
}

static uint64
again(uint64 before, int rounds)
{
  uint64 h = 1;

  memset(set, 0, words * sizeof *set);
  walk = 1.5;
  for(int i = 1; i <= rounds; i++)
    h = round_of(h);
  if(before && before != h)
    die("it is another one");
  return h;
}

int
main(int argc, char **argv)
{
  bool often = argc == 4 && strcmp(argv[3], "-") == 0;
  int kib = argc >= 3 ? atoi(argv[1]) : 0, rounds = argc >= 3 ? atoi(argv[2]) : 0;
  long fd = argc == 4 && !often ? sys_open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
  struct timespec nap = { 0, 1000000 };
  uint64 h = often ? 0 : 1;

  words = kib * 1024UL / sizeof *set;
  set = mmap(NULL, words * sizeof *set, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if(kib == 0 || set == (void *)-1)
    die("no working set");
  while(often && !there("/go", ""))
    h = again(h, rounds);
  for(int i = 1; i <= rounds && !often; i++){
    h = round_of(h);
    if(fd >= 0)
      tell(fd, i, h);
    do
      sys_nanosleep(&nap, NULL);
    while(fd >= 0 && (i == rounds / 2 || (i == rounds / 4 && !there(argv[3], ".on"))) &&
          !there(argv[3], ".go"));
  }
  printf("hashes: %d rounds, %lx\n", rounds, h);
  return 0;
}
