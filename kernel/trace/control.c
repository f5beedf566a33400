// SPDX-License-Identifier: MIT
//
// Tracing from outside: which events, and what is shown of them.  Points are
// switched while every other hart is parked.
//
// Locks: turn, for the choice and the rings' memory.

#include <machine.h>
#include "fs/text.h"
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "kernel/trace/ring.h"

// Each is the name, a colon, and how the arguments are shown.
static const char *const formats[] = {
#define X(id, name, arguments) #name ": " arguments,
  TRACE_EVENTS(X)
#undef X
};

static struct sleeplock turn = {
  .name = "trace", .lock = SPINLOCK_INIT("trace"), .waiters = WAITQ_INIT(turn.waiters),
};
u32 trace_events;

// ---- Choosing ----

static u32
events_named(const char *word, u64 len)
{
  u32 events = 0;
  if(len == 3 && strncmp(word, "all", 3) == 0)
    return (1U << TRACE_EVENT_COUNT) - 1;
  for(u32 e = 0; e < TRACE_EVENT_COUNT; e++)
    if(strncmp(formats[e], word, len) == 0 && (formats[e][len] == ':' || formats[e][len] == '_'))
      events |= 1U << e;
  return events;
}

// => 0 and *events, or -EINVAL
static int
parse(const char *s, u32 *events)
{
  *events = 0;
  for(const char *end = s; *end; s = end + 1){
    for(end = s; *end && *end != ','; end++)
      ;
    u32 some = end > s ? events_named(s, end - s) : 0;
    if(some == 0)
      return -EINVAL;
    *events |= some;
  }
  return 0;
}

static void
switch_points(void *events)
{
  trace_events = (u32)(u64)events;
  machine_points_set(trace_events & TRACE_OF_CALLS ? trace_events | 1U << TRACE_SYS_ENTER
                                                   : trace_events);
}

int
trace_choose(const char *s)
{
  u32 events = 0;
  u64 seen, lost;
  bool free = strcmp(s, "free") == 0;
  int err = free || strcmp(s, "off") == 0 ? 0 : parse(s, &events);
  if(err)
    return err;
  sleep_lock(&turn);
  if(events && !trace_count(0, &seen, &lost))
    err = rings_make();
  else if(events && !trace_events)
    rings_clear();
  if(err == 0 && events != trace_events)
    stop_machine(switch_points, (void *)(u64)events);
  if(free)
    rings_free();
  sleep_unlock(&turn);
  return err;
}

void
trace_chosen(struct text *t)
{
  for(u32 e = 0; e < TRACE_EVENT_COUNT; e++){
    int len = (int)(strchr(formats[e], ':') - formats[e]);
    text_add(t, trace_events >> e & 1 ? "[%.*s] " : "%.*s ", len, formats[e]);
  }
  text_add(t, "\n");
}

// ---- Showing ----

enum { LINE = 160 };

// As ftrace has it: task-tid [hart] seconds: event: arguments
static void
line_of(const struct record *r, char line[LINE])
{
  enum { NS = 1000000000 };
  u32 n = snprintk(line, LINE, "%16s-%-7u [%03u] %5lu.%09lu: ", r->comm, r->tid, r->hart,
                   r->stamp / NS, r->stamp % NS);
  snprintk(line + n, LINE - n, formats[r->event], r->arg[0], r->arg[1], r->arg[2], r->arg[3]);
}

static void
add_head(struct text *t)
{
  u64 seen, lost;
  text_add(t, "# tracer: quire\n");
  for(u32 i = 0; i < nharts && trace_count(i, &seen, &lost); i++)
    text_add(t, "# hart %u: %lu events, %lu lost\n", i, seen, lost);
  text_add(t, "#          task-tid     hart   seconds        event: arguments\n");
}

// What happens after the reading began is left to the next.
bool
next_trace(struct text *t, u64 *cursor)
{
  enum { LINES_A_PART = 64 };
  struct record r;
  char line[LINE];
  bool more = true;
  sleep_lock(&turn);
  if(*cursor == 0){
    add_head(t);
    cursor[0] = 1;
  }
  u64 from = cursor[0];
  if(cursor[1] == 0)
    cursor[1] = trace_horizon();
  for(u32 n = 0; n < LINES_A_PART && more; n++){
    more = trace_find(cursor[0], &r) && record_key(&r) < cursor[1];
    if(more){
      line_of(&r, line);
      text_add(t, "%s\n", line);
      cursor[0] = record_key(&r) + 1;
    }
  }
  if(!more && cursor[0] == from)
    cursor[1] = 0;                 // the end has been seen; who reads on sees what came since
  sleep_unlock(&turn);
  return more;
}

void
trace_print_last(u32 lines)
{
  struct record r;
  char line[LINE];
  u64 key = trace_back(lines);
  if(key)
    printk("last events:\n");
  for(; key && trace_find(key, &r); key = record_key(&r) + 1){
    line_of(&r, line);
    printk("%s\n", line);
  }
}
