// SPDX-License-Identifier: MIT
//
// pmap: the memory of processes, area by area, from /proc/<pid>/smaps, in KiB.  PSS is
// the process's part of pages it shares.

#include "user/ulib.h"
#include "user/user.h"

enum { NAME_WORD = 5 };

struct sums {
  long size, rss, pss, dirty, swap;
};

// The end of the lines about one area: the next one begins with a digit of its address.
static char *
next_area(char *s)
{
  for(char *line = strchr(s, '\n'); line; line = strchr(line + 1, '\n'))
    if((line[1] >= '0' && line[1] <= '9') || (line[1] >= 'a' && line[1] <= 'f') || !line[1])
      return line + 1;
  return NULL;
}

static const char *
name_of(const char *head)
{
  for(int i = 0; i < NAME_WORD; i++){
    while(*head && *head != ' ')
      head++;
    head = skip_blanks(head);
  }
  return *head ? head : "[anon]";
}

static void
print(const char *head, const struct sums *u)
{
  const char *dash = strchr(head, '-'), *mode = strchr(head, ' ') + 1;
  char address[20];

  size_t n = dash - head < (long)sizeof address ? dash - head : sizeof address - 1;
  memcpy(address, head, n);
  address[n] = 0;
  out("%12s %8ld %8ld %8ld %8ld %8ld %.4s %s\n", address, u->size, u->rss, u->pss, u->dirty,
      u->swap, mode, name_of(head));
}

static void
area(char *s, struct sums *total)
{
  char *end = strchr(s, '\n');
  struct sums u = {
    figure(end + 1, "Size"), figure(end + 1, "Rss"), figure(end + 1, "Pss"),
    figure(end + 1, "Private_Dirty") + figure(end + 1, "Shared_Dirty"), figure(end + 1, "Swap"),
  };
  *end = 0;
  print(s, &u);
  total->size += u.size;
  total->rss += u.rss;
  total->pss += u.pss;
  total->dirty += u.dirty;
  total->swap += u.swap;
}

static bool
show(const char *operand)
{
  struct text path = { 0 }, smaps = { 0 };
  struct sums total = { 0 };
  long pid;
  struct process *p = parse_long(operand, &pid) ? process_read(pid) : NULL;

  text_format(&path, "/proc/%s/smaps", operand);
  bool ok = p && read_file(path.s, &smaps);
  if(ok){
    out("%ld: %s\n", p->pid, p->arguments ? p->arguments : p->name);
    out("%12s %8s %8s %8s %8s %8s Mode Mapping\n", "Address", "Kbytes", "RSS", "PSS", "Dirty",
        "Swap");
    for(char *s = smaps.s, *next; s && *s; s = next){
      next = next_area(s);
      char kept = next ? *next : 0;
      if(next)
        *next = 0;
      area(s, &total);
      if(next)
        *next = kept;
    }
    out("%12s %8ld %8ld %8ld %8ld %8ld\n", "total", total.size, total.rss, total.pss, total.dirty,
        total.swap);
  } else {
    warn("no process %s", operand);
  }
  if(p)
    process_free(p);
  text_free(&smaps);
  text_free(&path);
  return ok;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "x", "pmap [-x] process ..." };
  bool ok = true;

  while(option(&o) != 0)
    ;
  if(o.at == argc)
    usage(&o);
  for(int i = o.at; i < argc; i++)
    ok &= show(argv[i]);
  return !ok;
}
