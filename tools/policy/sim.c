// SPDX-License-Identifier: MIT
//
// The simulator: a trace, under policies, in some numbers of frames.  For the front
// end, policy.py; a line `POLICY FRAMES REFERENCES FAULTS WRITES PID=FAULTS...` for each
// run.

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "mm/policy/policy.h"
#include "tools/policy/lab.h"

static const char usage[] =
  "usage: sim [-p PID] [-t TICK] [-b BATCH] [-s] TRACE FRAMES POLICY...\n"
  "\n"
  "FRAMES are numbers with commas between.\n"
  "  -p PID    only this process\n"
  "  -t TICK   of the trace's time between two ticks (aging)\n"
  "  -b BATCH  victims that the kernel's policies choose at a time\n"
  "  -s        a line for each reference (`ref PAGE FRAME`) and each victim (`out FRAME`)\n";

enum { FRAMES_MAX = 1 << 24 };

static struct {
  u64 pid, tick, batch;
  bool steps;
} options = { .tick = 1, .batch = 1 };

static u64
number(const char *s, u64 most, const char *what)
{
  char *end;
  u64 n = strtoull(s, &end, 10);
  if(*end || end == s || *s == '-' || n == 0 || n > most){
    fprintf(stderr, "policy: %s: %s is not from 1 to %lu\n", s, what, most);
    exit(2);
  }
  return n;
}

static const struct chooser *
chooser(const char *name)
{
  for(const struct chooser *c = exact_choosers; c->name; c++)
    if(strcmp(c->name, name) == 0)
      return c;
  if(policy_find(name))
    return &ring_chooser;
  fprintf(stderr, "policy: %s: no such policy; there are", name);
  for(const struct chooser *c = exact_choosers; c->name; c++)
    fprintf(stderr, " %s", c->name);
  for(u32 i = 0; policies[i]; i++)
    fprintf(stderr, " %s", policies[i]->name);
  fprintf(stderr, "\n");
  exit(2);
}

static void
reference(struct memory *m, const struct chooser *c, const struct ref *r)
{
  u32 frame = m->frame[r->page];
  bool fault = frame == NONE;
  if(fault){
    if(m->holes == 0)
      c->evict(m, options.batch);
    frame = memory_in(m, r->page);
  }
  m->modified[r->page] |= r->write;
  c->referenced(m, frame, fault);
  if(m->steps)
    fprintf(m->steps, "ref %u %u\n", r->page, frame);
}

// How many to make up for; more than enough to forget all that was used make no
// difference any more.
static u64
ticks_until(u64 time, u64 *next)
{
  enum { ENOUGH = 9 };
  u64 n = time < *next ? 0 : (time - *next) / options.tick + 1;
  *next += n * options.tick;
  return min(n, ENOUGH);
}

// Faults by process.
static void
print_processes(const struct memory *m)
{
  const struct trace *t = m->trace;
  for(u32 p = 0; p < t->processes; p++){
    u64 faults = 0;
    for(u32 i = 0; i < t->pages; i++)
      faults += t->process[i] == p ? m->faults_of[i] : 0;
    printf(" %lu=%lu", t->pid[p], faults);
  }
  printf("\n");
}

static void
simulate(const struct trace *t, const char *name, u32 frames)
{
  struct memory m;
  const struct chooser *c = chooser(name);
  u64 next_tick = t->ref[0].time + options.tick;
  memory_init(&m, t, frames);
  m.steps = options.steps ? stdout : NULL;
  c->start(&m, name);
  for(; m.at < t->refs; m.at++){
    u64 ticks = ticks_until(t->ref[m.at].time, &next_tick);
    for(u64 i = 0; i < ticks && c->tick; i++)
      c->tick(&m);
    reference(&m, c, &t->ref[m.at]);
  }
  c->end(&m);
  printf("%s %u %lu %lu %lu", name, frames, t->refs, m.faults, m.writes);
  print_processes(&m);
  memory_free(&m);
}

int
main(int argc, char **argv)
{
  static struct trace trace;
  for(int c; (c = getopt(argc, argv, "p:t:b:s")) != -1;){
    switch(c){
    case 'p': options.pid = number(optarg, ~0UL, "PID"); break;
    case 't': options.tick = number(optarg, ~0UL >> 1, "TICK"); break;
    case 'b': options.batch = number(optarg, FRAMES_MAX, "BATCH"); break;
    case 's': options.steps = true; break;
    default: fputs(usage, stderr); return 2;
    }
  }
  if(argc - optind < 3){
    fputs(usage, stderr);
    return 2;
  }
  for(int i = optind + 2; i < argc; i++)
    chooser(argv[i]);
  trace_read(&trace, argv[optind], options.pid);
  for(char *s = strtok(argv[optind + 1], ","); s; s = strtok(NULL, ","))
    for(int i = optind + 2; i < argc; i++)
      simulate(&trace, argv[i], number(s, FRAMES_MAX, "FRAMES"));
  trace_free(&trace);
  return 0;
}
