// SPDX-License-Identifier: MIT
//
// Reading traces: a line `TIME PID PAGE r|w` for each reference, the page in
// hexadecimal, with lines that begin with # between.

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "tools/policy/lab.h"

struct name {
  u64 pid, page;
  u32 number;                   // + 1; 0 = no entry
};

// Open addressing; never more than half full.
static struct { struct name *name; u64 size; } names;

void *
allot(u64 n, u64 size)
{
  void *p = calloc(n ? n : 1, size);
  if(p == NULL){
    fprintf(stderr, "policy: no memory for %lu bytes\n", n * size);
    exit(1);
  }
  return p;
}

static struct name *
find(u64 pid, u64 page)
{
  u64 i = (page * 0x9e3779b97f4a7c15UL ^ pid * 0xc2b2ae3d27d4eb4fUL) >> 20;
  for(;; i++){
    struct name *e = &names.name[i & (names.size - 1)];
    if(e->number == 0 || (e->pid == pid && e->page == page))
      return e;
  }
}

static void
grow(void)
{
  struct name *old = names.name;
  u64 n = names.size;
  names.size = n ? 2 * n : 1024;
  names.name = allot(names.size, sizeof *old);
  for(u64 i = 0; i < n; i++)
    if(old[i].number)
      *find(old[i].pid, old[i].page) = old[i];
  free(old);
}

// => false: no number here, or too large
static bool
number(char **s, int base, u64 *n)
{
  while(isblank(**s))
    ++*s;
  char *end;
  errno = 0;
  *n = strtoull(*s, &end, base);
  bool good = isxdigit(**s) && end != *s && errno == 0;
  *s = end;
  return good;
}

static bool
parse(char *s, u64 *time, u64 *pid, u64 *page, bool *write)
{
  if(!number(&s, 10, time) || !number(&s, 10, pid) || !number(&s, 16, page) || !isblank(*s))
    return false;
  while(isblank(*s))
    s++;
  *write = *s == 'w';
  return (*s == 'r' || *s == 'w') && s[1 + strspn(s + 1, " \t\r\n")] == '\0';
}

// An array that is made twice as long whenever its length is a power of two.
static void *
longer(void *array, u64 n, u64 size)
{
  if(n & (n - 1))
    return array;
  array = realloc(array, max(2 * n, 1) * size);
  if(array == NULL){
    fprintf(stderr, "policy: no memory for %lu entries\n", n);
    exit(1);
  }
  return array;
}

static u32
process_of(struct trace *t, u64 pid)
{
  for(u32 i = 0; i < t->processes; i++)
    if(t->pid[i] == pid)
      return i;
  t->pid = longer(t->pid, t->processes, sizeof *t->pid);
  t->pid[t->processes] = pid;
  return t->processes++;
}

static u32
page_of(struct trace *t, u64 pid, u64 page)
{
  if(2 * (u64)t->pages >= names.size)
    grow();
  struct name *e = find(pid, page);
  if(e->number == 0){
    t->process = longer(t->process, t->pages, sizeof *t->process);
    t->process[t->pages] = process_of(t, pid);
    *e = (struct name){ pid, page, ++t->pages };
  }
  return e->number - 1;
}

static void
append(struct trace *t, struct ref r)
{
  t->ref = longer(t->ref, t->refs, sizeof *t->ref);
  t->ref[t->refs++] = r;
}

static void
fail(const char *path, u64 line, const char *what)
{
  fprintf(stderr, "policy: %s:%lu: %s\n", path, line, what);
  exit(1);
}

void
trace_read(struct trace *t, const char *path, u64 only)
{
  FILE *f = fopen(path, "r");
  if(f == NULL){
    fprintf(stderr, "policy: %s: %s\n", path, strerror(errno));
    exit(1);
  }
  *t = (struct trace){ 0 };
  char *text = NULL;
  size_t room = 0;
  u64 line = 0, last = 0, time, pid, page;
  bool write;
  while(getline(&text, &room, f) >= 0){
    line++;
    if(text[0] == '#' || text[strspn(text, " \t\r\n")] == '\0')
      continue;
    if(!parse(text, &time, &pid, &page, &write))
      fail(path, line, "not TIME PID PAGE r|w");
    if(time < last)
      fail(path, line, "earlier than the line before");
    last = time;
    if(only == 0 || pid == only)
      append(t, (struct ref){ time, page_of(t, pid, page), write });
  }
  free(text);
  fclose(f);
  if(t->refs == 0)
    fail(path, line, only ? "no reference of that process" : "no reference");
}

void
trace_free(struct trace *t)
{
  free(t->ref);
  free(t->process);
  free(t->pid);
  free(names.name);
}
