// SPDX-License-Identifier: MIT
//
// Lab slab: makes the kernel take objects, and give them back.
//
//   slab pipes N SEED     N pipes; some go, the order is drawn; as many come; all go

#include "test/labs/probe/probe.h"

static int ends[2000][2];

static void
open_pipe(uint64 i)
{
  if(pipe(ends[i]) < 0)
    exit(105);
}

static void
close_pipe(uint64 i)
{
  close(ends[i][0]);
  close(ends[i][1]);
}

// Stops: 1 none, 2 all are open, 3 about half, 4 all again, 5 none.
static int
pipes(const uint64 *arg)
{
  uint64 n = arg[0], seed = arg[1];
  struct { uint64 cur, max; } limit = { 4096, 4096 };
  if(n > 2000 || syscall4(NR_prlimit64, 0, 7 /* RLIMIT_NOFILE */, (long)&limit, 0) < 0)
    return 98;
  stop(1, 0, 0, 0, 0, 0);
  for(uint64 i = 0; i < n; i++)
    open_pipe(i);
  stop(2, 0, 0, 0, 0, 0);
  for(uint64 i = 0; i < n; i++)
    if(mix(seed + i) & 1)
      close_pipe(i);
  stop(3, 0, 0, 0, 0, 0);
  for(uint64 i = 0; i < n; i++)
    if(mix(seed + i) & 1)
      open_pipe(i);
  stop(4, 0, 0, 0, 0, 0);
  for(uint64 i = 0; i < n; i++)
    close_pipe(i);
  stop(5, 0, 0, 0, 0, 0);
  return 0;
}

const struct probe probes[] = {
  { "pipes", 2, pipes },
  { NULL, 0, NULL },
};
