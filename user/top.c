// SPDX-License-Identifier: MIT
//
// top: who uses the processor and the memory, every few seconds, until q is pressed.
// -b: no terminal is needed, lines follow lines; -n: so many times; -d: seconds between.

#include "user/ulib.h"
#include "user/user.h"

enum { TICKS = 100, LINES = 19, SECONDS_MAX = 25 };

static struct list last;       // struct process *, at the time before
static long last_ticks, last_cpu[4];

static long
ticks_now(void)
{
  struct timespec now;

  sys_clock(CLOCK_MONOTONIC, &now);
  return now.sec * TICKS + now.nsec / (1000000000 / TICKS);
}

// A process, and what it has used since the time before.
struct row {
  const struct process *p;
  long used;
};

static struct row *
row_of(const struct process *p)
{
  struct row *r = must_malloc(sizeof *r);

  *r = (struct row){ p, p->user + p->system };
  for(size_t i = 0; i < last.n; i++){
    const struct process *q = last.p[i];
    if(q->pid == p->pid && q->start == p->start)
      r->used -= q->user + q->system;
  }
  return r;
}

static int
busiest_first(const void *a, const void *b)
{
  const struct row *x = a, *y = b;

  if(x->used != y->used)
    return x->used < y->used ? 1 : -1;
  return x->p->rss != y->p->rss ? (x->p->rss < y->p->rss ? 1 : -1) : x->p->pid < y->p->pid ? -1 : 1;
}

// What the harts did since the time before, in hundredths of all their time.
static void
put_cpu(void)
{
  static const struct { int field; const char *says; } parts[] = {
    { 1, "user" }, { 3, "system" }, { 5, "waiting for a disk" }, { 4, "idle" },
  };
  enum { PARTS = sizeof(parts) / sizeof(parts[0]) };
  struct text cpu = { 0 };
  long now[PARTS], all = 0;

  setting_read("/proc/stat", &cpu);
  for(int i = 0; i < PARTS; i++){
    now[i] = field(cpu.s, parts[i].field);
    all += now[i] - last_cpu[i];
  }
  out("cpu %%:");
  for(int i = 0; i < PARTS; i++){
    long part = (now[i] - last_cpu[i]) * 100 / (all > 0 ? all : 1);
    out("%s %ld %s", i ? "," : "", part, parts[i].says);
    last_cpu[i] = now[i];
  }
  out("\n");
  text_free(&cpu);
}

static void
head(const struct list *all)
{
  struct text uptime = { 0 }, meminfo = { 0 };
  long running = 0;

  setting_read("/proc/uptime", &uptime);
  setting_read("/proc/meminfo", &meminfo);
  for(size_t i = 0; i < all->n; i++)
    running += ((struct process *)all->p[i])->state == 'R';
  out("up %ld s, %lu processes, %ld running\n", (long)atoi(uptime.s), all->n, running);
  put_cpu();
  out("memory %ld KiB, %ld free, %ld of files; swap %ld KiB, %ld free\n\n",
      figure(meminfo.s, "MemTotal"), figure(meminfo.s, "MemFree"), figure(meminfo.s, "Cached"),
      figure(meminfo.s, "SwapTotal"), figure(meminfo.s, "SwapFree"));
  text_free(&uptime);
  text_free(&meminfo);
}

static void
put(const struct row *r, long passed)
{
  const struct process *p = r->p;
  long used = p->user + p->system, share = r->used * 1000 / (passed > 0 ? passed : 1);

  out("%5ld %3ld.%ld %8ld %8ld %6ld %6ld %4ld.%02ld %s\n", p->pid, share / 10, share % 10, p->rss,
      p->vsize, p->minor, p->major, used / TICKS, used % TICKS, p->name);
}

static void
show(bool whole_screen)
{
  struct list all = { 0 }, rows = { 0 };
  long now = ticks_now(), passed = now - last_ticks;

  processes_read(&all);
  for(size_t i = 0; i < all.n; i++)
    list_add(&rows, row_of(all.p[i]));
  list_sort(&rows, busiest_first);
  if(whole_screen)
    out("\033[H\033[2J");
  head(&all);
  out("%5s %5s %8s %8s %6s %6s %7s %s\n", "PID", "CPU %", "RSS", "VSZ", "MINFL", "MAJFL", "TIME",
      "COMMAND");
  for(size_t i = 0; i < rows.n && (!whole_screen || i < LINES); i++)
    put(rows.p[i], passed);
  out_flush();
  list_free(&rows, true);
  processes_free(&last);
  last = all;
  last_ticks = now;
}

// Wait so many seconds at a terminal. => was q, or ^C, pressed?
static bool
pressed_q(struct termios *raw, long seconds)
{
  char c = 0;

  raw->cc[VMIN] = 0;
  raw->cc[VTIME] = seconds * 10;
  sys_ioctl(0, TCSETS, raw);
  long n = sys_read(0, &c, 1);
  return n < 0 || c == 'q' || c == 3;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "bn:d:", "top [-b] [-n times] [-d seconds]" };
  struct termios before, raw;
  bool batch = false;
  long times = -1, seconds = 3;

  for(int c; (c = option(&o)) != 0;)
    if(c == 'b')
      batch = true;
    else if(!parse_long(o.value, c == 'n' ? &times : &seconds) || times == 0 || seconds < 1 ||
            seconds > SECONDS_MAX)
      usage(&o);
  if(o.at != argc)
    usage(&o);
  bool keys = !batch && sys_ioctl(0, TCGETS, &before) == 0;
  if(keys){
    raw = before;
    raw.lflag &= ~(ICANON | ECHO | ISIG);
    sys_ioctl(0, TCSETSW, &raw);
  }
  for(long i = 0; i != times; i++){
    if(i > 0 && keys && pressed_q(&raw, seconds))
      break;
    if(i > 0 && !keys)
      sys_nanosleep(&(struct timespec){ .sec = seconds }, NULL);
    show(keys);
  }
  if(keys)
    sys_ioctl(0, TCSETSW, &before);
  return 0;
}
