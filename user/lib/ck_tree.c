// SPDX-License-Identifier: MIT
//
// What must be known of a tree of processes before it is saved: is a pipe of theirs held by
// somebody outside as well?  He would be left with an end whose other end is another one's.

#include "user/checkpoint.h"
#include "user/user.h"

static bool
is_member(const struct checkpoint *c, long pid)
{
  const struct ck_process *p = NULL;

  while((p = record_next(c, p, CK_PROCESS)) != NULL && p->pid != pid)
    ;
  return p != NULL;
}

static bool
has_pipes(const struct checkpoint *c)
{
  const struct ck_file *f = NULL;

  while((f = record_next(c, f, CK_FILE)) != NULL && f->kind != CK_END_OF_PIPE)
    ;
  return f != NULL;
}

// => is an end of this pipe in the tree? Then who has it, and where
static const struct ck_file *
find_end(const struct checkpoint *c, uint64 number, const struct ck_process **owner)
{
  const struct ck_record *r = NULL;

  while((r = record_next(c, r, 0)) != NULL){
    const struct ck_file *f = (const struct ck_file *)r;
    if(r->type == CK_PROCESS)
      *owner = (const struct ck_process *)r;
    else if(r->type == CK_FILE && f->kind == CK_END_OF_PIPE && f->pos == number)
      return f;
  }
  return NULL;
}

// Has this process a pipe of the tree? Then *why says so.
static void
check_files(const struct checkpoint *c, const struct process *p, struct text *why)
{
  static char to[64];
  struct text path = { 0 };
  struct list names = { 0 };
  const struct ck_process *owner = NULL;
  const struct ck_file *f;
  long number;

  text_format(&path, "/proc/%ld/fd", p->pid);
  directory_names(path.s, &names);
  for(size_t i = 0; i < names.n && !why->n; i++){
    text_clear(&path);
    text_format(&path, "/proc/%ld/fd/%s", p->pid, (char *)names.p[i]);
    long n = sys_readlink(path.s, to, sizeof to - 1);
    if(n <= 0 || !starts_with(to, "pipe:[") || to[n - 1] != ']')
      continue;
    to[n - 1] = 0;
    if(parse_long(to + 6, &number) && (f = find_end(c, number, &owner)) != NULL)
      text_format(why, "process %d: descriptor %d is a pipe that process %ld (%s) has too",
                  owner->pid, f->fd, p->pid, p->name);
  }
  list_free(&names, true);
  text_free(&path);
}

const char *
tree_check(long pid)
{
  static struct text why;
  struct checkpoint c = { 0 };
  struct list all = { 0 };

  processes_read(&all);          // first: children that come later are no strangers
  const char *error = look_at(pid, CK_TREE, &c);
  bool any = !error && has_pipes(&c);
  text_clear(&why);
  for(size_t i = 0; i < all.n && any && !why.n; i++){
    const struct process *p = all.p[i];
    if(!is_member(&c, p->pid))
      check_files(&c, p, &why);
  }
  processes_free(&all);
  free(c.records);
  return error ? error : why.n ? why.s : NULL;
}
