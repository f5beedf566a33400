// SPDX-License-Identifier: MIT
//
// Linux's struct rusage and the times around it.

#pragma once

#include "kernel/task.h"

struct timeval { i64 sec, usec; };

struct rusage {
  struct timeval utime, stime;
  i64 maxrss, ixrss, idrss, isrss;
  i64 minflt, majflt, nswap, inblock, oublock;
  i64 msgsnd, msgrcv, nsignals, nvcsw, nivcsw;
};

static inline struct timeval
timeval_of(u64 ns)
{
  return (struct timeval){ (i64)(ns / 1000000000), (i64)(ns % 1000000000 / 1000) };
}

static inline void
rusage_set(struct rusage *r, const struct used *u)
{
  *r = (struct rusage){
    .utime = timeval_of(u->user), .stime = timeval_of(u->kernel),
    .minflt = (i64)u->minor, .majflt = (i64)u->major,
  };
}
