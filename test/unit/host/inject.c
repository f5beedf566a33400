// SPDX-License-Identifier: MIT
//
// Allocations that fail on request: the calls of other files to frame.c and
// slab.c come here first (the linker's --wrap).

#include "hosted.h"
#include "mm/slab.h"

enum { NOT_YET = 1 << 30 };

static u64 countdown;
static int fail_how;
static bool refused;

void
fail_allocation(u64 k, int how)
{
  countdown = k;
  fail_how = how;
  refused &= k == 0;
  current->fail_nth = k ? NOT_YET : 0;    // inline code takes no frame at hand then
  current->killed = k && how == FAIL_ON;
}

bool
allocation_failed(void)
{
  return refused;
}

static bool
refuse(void)
{
  if(countdown == 0 || --countdown > 0)
    return false;
  countdown = fail_how == FAIL_ON;
  refused = true;
  return true;
}

#define WRAP(type, name, parameters, ...)          \
  type __real_##name parameters;                   \
  type __wrap_##name parameters;                   \
  type __wrap_##name parameters                    \
  {                                                \
    return refuse() ? NULL : __real_##name(__VA_ARGS__); \
  }

WRAP(struct frame *, frame_alloc, (enum frame_kind kind, u32 flags), kind, flags)
WRAP(struct frame *, frames_alloc, (u32 order, enum frame_kind kind, u32 flags), order, kind, flags)
WRAP(void *, cache_alloc, (struct cache *c), c)
WRAP(void *, cache_zalloc, (struct cache *c), c)
WRAP(void *, kmalloc, (u64 size), size)
WRAP(void *, kzalloc, (u64 size), size)
