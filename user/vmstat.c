// SPDX-License-Identifier: MIT
//
// vmstat: what the system does, a line every SECONDS, COUNT times or for ever; without
// them one line.  Rates are for a second: the first line's, since boot.  -s: what memory is
// used for, and since boot faults by kind, what they waited for, and what replacing cost.
// -d: what each disk was asked for since boot.

#include "user/ulib.h"
#include "user/user.h"

enum { TICKS = 100, PAGE_KIB = 4 };

// Counters that only grow, and what there is now.
struct sample {
  long ticks, user, system, idle, waiting;
  long faults, major, swapped_in, swapped_out, paged_in, paged_out, switches;
  long free, cached, swap_used, running, blocked;
};

static struct text vmstat, meminfo, cpu;

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
    .waiting = field(cpu.s, 5),
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
  out("procs -----memory (KiB)------ ---swap--- ----io---- ----faults--- -----cpu %%-----\n"
      " r  b    swpd    free   cache    si    so    bi    bo  minor major  cs us sy id wa\n");
}

static void
line(const struct sample *a, const struct sample *b)
{
  long t = b->ticks - a->ticks, all = b->user + b->system + b->idle + b->waiting
                                      - a->user - a->system - a->idle - a->waiting;
#define RATE(what) ((b->what - a->what) * TICKS / (t > 0 ? t : 1))
#define PART(what) ((b->what - a->what) * 100 / (all > 0 ? all : 1))
  out("%2ld %2ld %7ld %7ld %7ld %5ld %5ld %5ld %5ld %6ld %5ld %3ld %2ld %2ld %2ld %2ld\n",
      b->running, b->blocked, b->swap_used, b->free, b->cached, RATE(swapped_in) * PAGE_KIB,
      RATE(swapped_out) * PAGE_KIB, RATE(paged_in), RATE(paged_out), RATE(faults) - RATE(major),
      RATE(major), RATE(switches), PART(user), PART(system), PART(idle), PART(waiting));
#undef RATE
#undef PART
  out_flush();
}

// ---- -s ----

static const struct { const char *name, *says; } uses[] = {
  { "MemTotal", "of memory" }, { "MemFree", "free" },
  { "AnonPages", "of programs' own pages" }, { "Cached", "of files and shared memory" },
  { "PageTables", "of page tables" }, { "Slab", "of kernel objects" },
  { "Kernel", "of the kernel's else" }, { "SwapTotal", "of swap" }, { "SwapFree", "free in swap" },
}, counts[] = {
  { "pgfault", "page faults" },
  { "quire_zero_fill", "  got a new page of zeroes" },
  { "quire_zero_map", "  read memory never written to: the page of zeroes" },
  { "quire_file_map", "  mapped a page of a file" },
  { "quire_cow_copy", "  copied a shared page to write to it" },
  { "quire_cow_reuse", "  had a page alone that was shared before" },
  { "quire_swap_map", "  mapped a page that came from swap" },
  { "quire_spurious", "  found it done already" },
  { "pgmajfault", "  of all these, had to read a disk" },
  { "pgsteal_kswapd", "pages were replaced" },
  { "quire_victim_clean", "  were clean: one transfer, for the page that comes" },
  { "quire_victim_dirty", "  were dirty: two transfers, and had to wait for their own" },
  { "quire_write_ahead", "dirty pages were written ahead of that" },
  { "quire_rescue", "were wanted again before they were gone" },
  { "pswpin", "pages were read from swap" }, { "pswpout", "pages were written to swap" },
  { "oom_kill", "processes were killed for want of memory" },
}, waits[] = {
  { "quire_wait_memory", "for a free page" }, { "quire_wait_file", "for a page of a file" },
  { "quire_wait_place", "for a place in the file system" },
  { "quire_wait_swap", "for a page in swap" }, { "quire_wait_busy", "for another's transfer" },
};

#define COUNT(table) (sizeof table / sizeof table[0])

// Of some of each kind it was measured how long they take, waiting or not.
static void
say_times(void)
{
  static const char *const kinds[] = {
    "zero_fill", "zero_map", "file_map", "cow_copy", "cow_reuse", "swap_map", "spurious",
  };
  struct text name = { 0 };

  for(size_t i = 0; i < COUNT(kinds); i++){
    text_clear(&name);
    text_format(&name, "quire_%s_timed", kinds[i]);
    long n = figure(vmstat.s, name.s);
    text_format(&name, "_ns");
    long ns = figure(vmstat.s, name.s);
    if(n)
      out("%12ld faults quire_%s were timed: %ld.%03ld us each\n", n, kinds[i], ns / n / 1000,
          ns / n % 1000);
  }
  text_free(&name);
}

static void
say_waits(void)
{
  struct text name = { 0 };

  for(size_t i = 0; i < COUNT(waits); i++){
    text_clear(&name);
    text_format(&name, "%s_ns", waits[i].name);
    long n = figure(vmstat.s, waits[i].name), us = figure(vmstat.s, name.s) / 1000;
    out("%12ld waits of faults %s: %ld.%03ld ms, %ld us each\n", n, waits[i].says, us / 1000,
        us % 1000, n ? us / n : 0);
  }
  text_free(&name);
}

static int
say_all(void)
{
  setting_read("/proc/meminfo", &meminfo);
  setting_read("/proc/vmstat", &vmstat);
  for(size_t i = 0; i < COUNT(uses); i++)
    out("%12ld KiB %s\n", figure(meminfo.s, uses[i].name), uses[i].says);
  for(size_t i = 0; i < COUNT(counts); i++)
    out("%12ld %s\n", figure(vmstat.s, counts[i].name), counts[i].says);
  say_times();
  say_waits();
  return 0;
}

// ---- -d ----

static int
say_disks(void)
{
  enum { NAME = 2, READS, SECTORS_READ = 5, WRITES = 7, SECTORS_WRITTEN = 9, FLUSHES = 18 };
  struct text disks = { 0 };

  setting_read("/proc/diskstats", &disks);
  out("disk ----------read---------- ---------written--------\n"
      "       requests      sectors   requests      sectors    flushes\n");
  for(char *line = disks.s, *end; (end = strchr(line, '\n')); line = end + 1){
    *end = 0;
    const char *name = skip_blanks(line);
    for(int i = 0; i < NAME; i++)
      name = skip_blanks(strchr(name, ' '));
    out("%.*s %10ld %12ld %10ld %12ld %10ld\n", (int)(strchr(name, ' ') - name), name,
        field(line, READS), field(line, SECTORS_READ), field(line, WRITES),
        field(line, SECTORS_WRITTEN), field(line, FLUSHES));
  }
  text_free(&disks);
  return 0;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "ds", "vmstat [-s | -d | seconds [count]]" };
  struct sample last = { 0 };
  long seconds = 0, count = -1;

  int words = option(&o);
  if(words && o.at == argc)
    return words == 's' ? say_all() : say_disks();
  if(words || argc - o.at > 2 ||
     (argc > o.at && (!parse_long(argv[o.at], &seconds) || seconds < 1)) ||
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
