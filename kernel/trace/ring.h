// SPDX-License-Identifier: MIT
//
// What the files of tracing share: the record of an event, and reading them in order.

#pragma once

#include "kernel/trace/trace.h"

struct record {
  u64 stamp;             // ns since boot, and later than the hart's one before
  u32 tid;
  u16 event, hart;
  char comm[16];
  u64 arg[4];
};
_Static_assert(sizeof(struct record) == 64, "a whole number of them in a page");

extern u32 trace_events;       // those that are on, as a mask

// Events of all harts have an order: by time, and of the same time by hart.
enum { KEY_HART_BITS = 6 };
static inline u64
record_key(const struct record *r)
{
  return r->stamp << KEY_HART_BITS | r->hart;
}

void trace_record(enum trace_event e, u64 a, u64 b, u64 c, u64 d);

// The first event at or behind `key` that is there still. => false: there is none
bool trace_find(u64 key, struct record *out);

// A key before which nothing will be written any more.
u64 trace_horizon(void);

// The key of the last but n events of all harts. => 0 without any
u64 trace_back(u32 n);

// What a hart has seen since tracing began, and what of it is lost.  => false: no rings
bool trace_count(u32 hart, u64 *seen, u64 *lost);

// Rings for all harts, empty.  => 0 or -ENOMEM
int rings_make(void);
void rings_clear(void);              // nobody traces; the next two likewise
void rings_free(void);
