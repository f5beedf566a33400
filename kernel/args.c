// SPDX-License-Identifier: MIT
//
// Strings between two address spaces, in a list of pages that grows with them.

#include <machine.h>
#include "kernel/args.h"
#include "kernel/errno.h"
#include "kernel/string.h"
#include "mm/slab.h"

struct args_page {
  struct args_page *next;
  u64 used;
  char text[2048 - 16];      // half a page is what kmalloc still packs
};

void
args_init(struct args *a, u64 bytes_max)
{
  *a = (struct args){ .bytes_max = bytes_max };
}

void
args_free(struct args *a)
{
  for(struct args_page *p = a->first, *next; p; p = next){
    next = p->next;
    kfree(p);
  }
}

// A page with room. => or NULL without memory
static struct args_page *
open_page(struct args *a)
{
  if(a->last && a->last->used < sizeof a->last->text)
    return a->last;
  struct args_page *p = kmalloc(sizeof *p);
  if(!p)
    return NULL;
  p->next = NULL;
  p->used = 0;
  if(a->last)
    a->last->next = p;
  else
    a->first = p;
  a->last = p;
  return p;
}

static int
account(struct args *a, struct args_page *p, u64 n)
{
  p->used += n;
  a->bytes += n;
  return a->bytes > a->bytes_max ? -E2BIG : 0;
}

int
args_push(struct args *a, const char *s)
{
  for(u64 left = strlen(s) + 1; left > 0;){
    struct args_page *p = open_page(a);
    if(!p)
      return -ENOMEM;
    u64 n = min(left, sizeof p->text - p->used);
    memcpy(p->text + p->used, s, n);
    s += n;
    left -= n;
    int err = account(a, p, n);
    if(err)
      return err;
  }
  a->count++;
  return 0;
}

enum { STRING_MAX = 32 * PAGE_SIZE };      // of one, as in Linux

int
args_push_user(struct args *a, va_t s)
{
  for(u64 before = a->bytes;;){
    struct args_page *p = open_page(a);
    if(!p)
      return -ENOMEM;
    u64 room = sizeof p->text - p->used;
    i64 n = copy_str_from_user(p->text + p->used, s, room);
    if(n < 0 && n != -ENAMETOOLONG)
      return (int)n;
    int err = account(a, p, n < 0 ? room : (u64)n + 1);
    if(err)
      return err;
    if(a->bytes - before > STRING_MAX)
      return -E2BIG;
    if(n >= 0)
      break;
    s += room;
  }
  a->count++;
  return 0;
}

int
args_push_user_array(struct args *a, va_t array, u32 skip)
{
  if(array == 0)
    return 0;
  for(u64 i = 0; ; i++){
    va_t s;
    if(copy_from_user(&s, array + i * sizeof s, sizeof s))
      return -EFAULT;
    if(s == 0)
      return 0;
    if(i < skip)
      continue;
    int err = args_push_user(a, s);
    if(err)
      return err;
  }
}

int
args_copy_out(const struct args *a, va_t va)
{
  for(const struct args_page *p = a->first; p; p = p->next){
    if(copy_to_user(va, p->text, p->used))
      return -EFAULT;
    va += p->used;
  }
  return 0;
}

int
args_each(const struct args *a, va_t va, int (*fn)(void *arg, va_t s), void *arg)
{
  bool at_start = true;
  int err = 0;
  for(const struct args_page *p = a->first; p; p = p->next){
    for(u64 i = 0; i < p->used && err == 0; i++, va++){
      if(at_start)
        err = fn(arg, va);
      at_start = p->text[i] == '\0';
    }
  }
  return err;
}
