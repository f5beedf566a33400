// SPDX-License-Identifier: MIT
//
// trace: switch trace points on, run a program, and show what the kernel did meanwhile.
// -e chooses events by name; -o: to a file.  `trace` alone names them all.
// -c: page faults by kind instead, how many and how long they took.

#include "user/ulib.h"
#include "user/user.h"

static const char setting[] = "/proc/sys/kernel/trace", events[] = "/proc/trace";

static long
choose(const char *names)
{
  long fd = sys_open(setting, O_WRONLY, 0);
  long r = fd < 0 ? fd : write_all(fd, names, strlen(names));

  if(fd >= 0)
    sys_close(fd);
  return r;
}

static void
show_names(int fd)
{
  struct text t = { 0 };

  setting_read(setting, &t);
  fprintf(fd, "%s", t.s);
  text_free(&t);
}

// ---- -c ----

struct kind {
  char *name;
  long n;
  uint64 ns, longest;
};

struct fault {                 // that a task is in
  long tid;
  uint64 begun;
  struct kind *kind;
};
static struct list faults, kinds;

static struct fault *
fault_of(long tid)
{
  for(size_t i = 0; i < faults.n; i++)
    if(((struct fault *)faults.p[i])->tid == tid)
      return faults.p[i];
  struct fault *f = must_malloc(sizeof *f);
  *f = (struct fault){ .tid = tid };
  list_add(&faults, f);
  return f;
}

static struct kind *
kind_of(const char *name)
{
  for(size_t i = 0; i < kinds.n; i++)
    if(strcmp(((struct kind *)kinds.p[i])->name, name) == 0)
      return kinds.p[i];
  struct kind *k = must_malloc(sizeof *k);
  *k = (struct kind){ .name = must_copy(name) };
  list_add(&kinds, k);
  return k;
}

static void
end_fault(struct fault *f, uint64 ns)
{
  struct kind *k = f->kind ? f->kind : kind_of("other");
  uint64 took = ns - f->begun;

  k->n++;
  k->ns += took;
  k->longest = took > k->longest ? took : k->longest;
  f->begun = 0;
}

static void
count(long tid, uint64 ns, const char *name, const char *args)
{
  if(tid == sys_getpid())
    return;
  struct fault *f = fault_of(tid);
  const char *kind = strchr(args, '=');
  if(starts_with(name, "fault_enter")){
    f->begun = ns;
    f->kind = NULL;
  } else if(starts_with(name, "fault_kind") && kind && (kind = strchr(kind + 1, '=')) != NULL){
    f->kind = kind_of(kind + 1);
  } else if(starts_with(name, "fault_exit") && f->begun){
    end_fault(f, ns);
  }
}

static int
longest_first(const void *a, const void *b)
{
  const struct kind *x = a, *y = b;

  return x->ns != y->ns ? (x->ns < y->ns ? 1 : -1) : strcmp(x->name, y->name);
}

static void
count_faults(int fd)
{
  events_read(fd, count);
  long lost = events_lost(fd);
  if(lost)
    warn("%ld events were lost", lost);
  list_sort(&kinds, longest_first);
  out("  faults          ms   us each  longest us  kind\n");
  for(size_t i = 0; i < kinds.n; i++){
    const struct kind *k = kinds.p[i];
    uint64 us = k->ns / 1000;
    out("%8ld %7lu.%03lu %9lu %11lu  %s\n", k->n, us / 1000, us % 1000, us / k->n,
        k->longest / 1000, k->name);
  }
}

// ---- The program ----

static int
run(char **argv, int fd)
{
  static const struct timespec while_ = { .nsec = 5000000 };
  int status;
  long pid = sys_fork();

  if(pid == 0){
    long r = program_run(argv);
    warn_error(argv[0], r);
    exit(r == -ENOENT ? 127 : 126);
  }
  if(pid < 0)
    warn_error("fork", pid);
  else
    while(sys_wait4(pid, &status, fd < 0 ? 0 : WNOHANG, NULL) == 0){
      events_read(fd, count);
      sys_nanosleep(&while_, NULL);
    }
  return pid < 0 ? 1 : wait_signal(status) ? 128 + wait_signal(status) : wait_code(status);
}

static void
copy_events(int to)
{
  static char buf[16384];
  long fd = sys_open(events, O_RDONLY, 0), n;

  if(fd < 0)
    die("%s: %s", events, error_text(fd));
  while((n = sys_read(fd, buf, sizeof buf)) > 0)
    if(write_all(to, buf, n) < 0)
      die("cannot write");
  sys_close(fd);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "ce:o:",
                       "trace [-e event,...] [-o file] [-c] [program [argument ...]]" };
  const char *names = "all";
  long to = 1, fd = -1;

  for(int c; (c = option(&o)) != 0;){
    if(c == 'c'){
      names = "fault";
      fd = sys_open(events, O_RDONLY | O_CLOEXEC, 0);
    } else if(c == 'e')
      names = o.value;
    else if((to = sys_open(o.value, O_WRONLY | O_CREAT | O_TRUNC, 0644)) < 0)
      die("%s: %s", o.value, error_text(to));
  }
  if(o.at == argc){
    show_names(1);
    return 0;
  }
  long r = choose(names);
  if(r == -EINVAL){
    fprintf(2, "trace: no event is named so: %s; there are\n", names);
    show_names(2);
    return 1;
  }
  if(r < 0)
    die("%s: %s", setting, error_text(r));
  int status = run(argv + o.at, fd);
  choose("off");
  if(fd < 0)
    copy_events(to);
  else
    count_faults(fd);
  choose("free");
  return status;
}
