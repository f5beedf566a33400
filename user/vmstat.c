// SPDX-License-Identifier: MIT
//
// vmstat: what the system does, a line every SECONDS, COUNT times or for ever; without
// them one line.  Rates are for a second: the first line's, since boot.

#include "user/ulib.h"
#include "user/user.h"

enum { TICKS = 100, PAGE_KIB = 4 };

// Counters that only grow, and what there is now.
struct sample {
  long ticks, user, system, idle;
  long faults, major, swapped_in, swapped_out, paged_in, paged_out, switches;
  long free, cached, swap_used, running, blocked;
};

static struct text vmstat, meminfo, cpu;

static long
field(const char *s, int i)
{
  long n = 0;

  for(s = skip_blanks(s); i > 0; i--){
    while(*s && *s != ' ')
      s++;
    s = skip_blanks(s);
  }
  for(; *s >= '0' && *s <= '9'; s++)
    n = n * 10 + (*s - '0');
  return n;
}

static struct sample
take(void)
{
  setting_read("/proc/vmstat", &vmstat);
  setting_read("/proc/meminfo", &meminfo);
  setting_read("/proc/stat", &cpu);
  struct timespec now;
  sys_clock(CLOCK_MONOTONIC, &now);
  return (struct sample){
    .ticks = now.sec * TICKS + now.nsec / (1000000000 / TICKS),
    .user = field(cpu.s, 1), .system = field(cpu.s, 3), .idle = field(cpu.s, 4),
    .faults = figure(vmstat.s, "pgfault"), .major = figure(vmstat.s, "pgmajfault"),
    .swapped_in = figure(vmstat.s, "pswpin"), .swapped_out = figure(vmstat.s, "pswpout"),
    .paged_in = figure(vmstat.s, "pgpgin"), .paged_out = figure(vmstat.s, "pgpgout"),
    .switches = figure(cpu.s, "ctxt"),
    .free = figure(meminfo.s, "MemFree"), .cached = figure(meminfo.s, "Cached"),
    .swap_used = figure(meminfo.s, "SwapTotal") - figure(meminfo.s, "SwapFree"),
    .running = figure(cpu.s, "procs_running"), .blocked = figure(cpu.s, "procs_blocked"),
  };
}

static void
heading(void)
{
  out("procs -----memory (KiB)------ ---swap--- ----io---- ----faults--- ----cpu %%---\n"
      " r  b    swpd    free   cache    si    so    bi    bo  minor major  cs us sy id\n");
}

static void
line(const struct sample *a, const struct sample *b)
{
  long t = b->ticks - a->ticks, all = b->user + b->system + b->idle - a->user - a->system - a->idle;
#define RATE(what) ((b->what - a->what) * TICKS / (t > 0 ? t : 1))
#define PART(what) ((b->what - a->what) * 100 / (all > 0 ? all : 1))
  out("%2ld %2ld %7ld %7ld %7ld %5ld %5ld %5ld %5ld %6ld %5ld %3ld %2ld %2ld %2ld\n",
      b->running, b->blocked, b->swap_used, b->free, b->cached, RATE(swapped_in) * PAGE_KIB,
      RATE(swapped_out) * PAGE_KIB, RATE(paged_in) * PAGE_KIB, RATE(paged_out) * PAGE_KIB,
      RATE(faults) - RATE(major), RATE(major), RATE(switches), PART(user), PART(system),
      PART(idle));
#undef RATE
#undef PART
  out_flush();
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "vmstat [seconds [count]]" };
  struct sample last = { 0 };
  long seconds = 0, count = -1;

  option(&o);
  if(argc - o.at > 2 || (argc > o.at && (!parse_long(argv[o.at], &seconds) || seconds < 1)) ||
     (argc - o.at == 2 && (!parse_long(argv[o.at + 1], &count) || count < 1)))
    usage(&o);
  if(seconds == 0)
    count = 1;
  heading();
  for(long i = 0; i != count; i++){
    if(i > 0)
      sys_nanosleep(&(struct timespec){ .sec = seconds }, NULL);
    struct sample now = take();
    line(&last, &now);
    last = now;
  }
  return 0;
}
