// SPDX-License-Identifier: MIT
//
// The laboratory: a memory of frames, a trace of references, and who chooses
// victims when the frames do not suffice.

#pragma once

#include <stdio.h>
#include "kernel/types.h"

#define NONE (~0U)

// ---- Traces (trace.c) ----

struct ref {
  u64 time;
  u32 page;                     // pages are numbered in order of appearance
  bool write;
};

struct trace {
  struct ref *ref;
  u64 refs;
  u32 pages;                    // different ones
  u32 *process;                 // by page: whose it is
  u64 *pid;                     // by process
  u32 processes;
};

// Ends the program with a message if it cannot be read.  pid: only that process's
// references; 0 = all.
void trace_read(struct trace *t, const char *path, u64 pid);

void trace_free(struct trace *t);

void *allot(u64 n, u64 size);   // zeroed; ends the program without memory

// ---- Memory (memory.c) ----

struct memory {
  const struct trace *trace;
  u64 at;                       // the reference that is being made, an index
  u32 frames;
  u32 *page;                    // by frame: the page in it, or NONE
  u32 *frame;                   // by page: where it is, or NONE
  bool *modified;               // by page: since it came in
  u32 *hole;                    // frames without a page, in a ring, first freed first used
  u32 first_hole, holes;
  u64 faults, writes;           // writes: modified pages that went out
  u64 *faults_of;               // by page
  FILE *steps;                  // every reference and victim is told here; or NULL
};

void memory_init(struct memory *m, const struct trace *t, u32 frames);
void memory_free(struct memory *m);
u32 memory_in(struct memory *m, u32 page);      // => its frame: there is a hole
void memory_out(struct memory *m, u32 frame);

// ---- Choosing (ring.c, exact.c) ----

// One of ours; `memory` is what it chooses from.
struct chooser {
  const char *name;
  void (*start)(struct memory *m, const char *name);
  void (*referenced)(struct memory *m, u32 frame, bool came_in);
  void (*evict)(struct memory *m, u32 n);       // at least one goes
  void (*tick)(struct memory *m);
  void (*end)(struct memory *m);
};

extern const struct chooser ring_chooser;       // the kernel's policies, by their names
extern const struct chooser exact_choosers[];   // opt, lru, lfu; ends without a name
