// SPDX-License-Identifier: MIT
//
// Fills a file with pseudo-random bytes, or checks that it holds them.
//
//   pattern write FILE KIB SEED
//   pattern check FILE KIB SEED
//   pattern map FILE KIB SEED      checks through mmap

#include "kernel/types.h"
#include "kernel/fcntl.h"
#include "user/user.h"

enum { CHUNK = 4096 };

static uint64 state;
static uint64 want[CHUNK / sizeof(uint64)], have[CHUNK / sizeof(uint64)];

// xorshift64*: the test suite computes the same on the host.
static void
next_chunk(void)
{
  for(uint i = 0; i < CHUNK / sizeof(uint64); i++){
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    want[i] = state * 0x2545F4914F6CDD1DUL;
  }
}

static void
fail(const char *what, int at)
{
  fprintf(2, "pattern: %s at KiB %d\n", what, at);
  exit(1);
}

static void
fill(int fd, int kib)
{
  for(int done = 0; done < kib; done += CHUNK / 1024){
    next_chunk();
    if(write(fd, want, CHUNK) != CHUNK)
      fail("write failed", done);
  }
}

static void
check(int fd, int kib)
{
  for(int done = 0; done < kib; done += CHUNK / 1024){
    next_chunk();
    if(read(fd, have, CHUNK) != CHUNK)
      fail("read failed", done);
    if(memcmp(have, want, CHUNK) != 0)
      fail("wrong bytes", done);
  }
  if(read(fd, have, 1) != 0)
    fail("file too long", kib);
}

static void
check_mapped(int fd, int kib)
{
  char *p = mmap(0, (uint64)kib * 1024, PROT_READ, MAP_SHARED, fd, 0);
  if(p == (char *)-1)
    fail("mmap failed", 0);
  for(int done = 0; done < kib; done += CHUNK / 1024){
    next_chunk();
    if(memcmp(p + (uint64)done * 1024, want, CHUNK) != 0)
      fail("wrong bytes", done);
  }
}

int
main(int argc, char *argv[])
{
  if(argc != 5){
    fprintf(2, "usage: pattern write|check|map FILE KIB SEED\n");
    exit(1);
  }
  int kib = atoi(argv[3]);
  int writing = argv[1][0] == 'w';
  int fd = open(argv[2], writing ? O_WRONLY | O_CREATE | O_TRUNC : O_RDONLY);
  if(fd < 0)
    fail("cannot open", 0);
  state = atoi(argv[4]);
  if(writing)
    fill(fd, kib);
  else if(argv[1][0] == 'm')
    check_mapped(fd, kib);
  else
    check(fd, kib);
  close(fd);
  exit(0);
}
