// SPDX-License-Identifier: MIT
//
// Local replacement: how much memory a space may have at most, and keeps at least.

#pragma once

#include "mm/space.h"

// A limit below this could make a program stand still: an instruction that lies across
// two pages and whose operand does too needs four at once, and a system call that copies
// between two buffers which do as many again.
enum { WS_LEAST = 8 };                         // pages for each thread

enum { WS_PRIORITY_NORMAL = 100, WS_PRIORITY_MAX = 1000 };

// In pages: at most (0: whatever there is), at least.  => 0; -EINVAL: less than WS_LEAST, or
// less at most than at least; -ENOMEM: half of memory is promised to programs already
int local_set_max(struct space *s, u64 pages);
int local_set_min(struct space *s, u64 pages);
int local_set_priority(struct space *s, u64 priority);     // => 0 or -EINVAL

// A new program has the limits of the one before, and a child its parent's, but for what
// it keeps.  (The child: nobody knows `to` yet.)
void local_fork(struct space *to, const struct space *from);
void local_exec(struct space *to, struct space *from);

// How frames are allotted: none, equal, proportional, priority. => or -EINVAL
int local_set_allotment(const char *name);
const char *local_allotment(void);

// The current task is about to bring a page of s in, which has a limit: if it has reached
// it, wait until some of its pages have gone, or cannot go.  No lock is held; sleeps.
void local_make_room(struct space *s);

// What an instruction needs at once must not go while the last of it comes: each thread's
// last WS_LEAST pages that a fault waited for stay (of more than eight threads, the last
// NEEDS of all), as long as there is anything else to take: while local_spares, the reaper's.
extern u32 local_spares, local_spared;         // spared: some have stayed for that
void local_need(struct space *s, va_t va);     // such a page has come
bool local_needs(const struct space *s, va_t va);   // it may: then it was spared

extern bool local_promised;                    // there has been a minimum

// Does s have no more than it may keep,
static inline bool
local_keeps_all(const struct space *s)
{
  return unlikely(s->ws_min > 0) && atomic_load(&s->resident) <= s->ws_min;
}

// or need just this page?
static inline bool
local_keeps(const struct space *s, va_t va)
{
  return local_keeps_all(s) || (atomic_load(&local_spares) && local_needs(s, va));
}

void local_count(void);                        // before a pass that may take pages

u64 local_due(void);                           // the reaper's duty
void local_tick(void);
