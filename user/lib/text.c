// SPDX-License-Identifier: MIT
//
// Strings that grow, lists, and memory that ends the program when it runs out.

#include "user/ulib.h"
#include "user/user.h"

void *
must_malloc(size_t n)
{
  void *p = n < 0x80000000UL ? malloc(n) : NULL;
  if(!p)
    die("out of memory");
  return p;
}

void *
must_resize(void *p, size_t n)
{
  size_t old = p ? ulib_malloc_size(p) : 0;
  if(p && n <= old)
    return p;
  void *q = must_malloc(n);
  if(p)
    memcpy(q, p, old);
  free(p);
  return q;
}

char *
must_copy_n(const char *s, size_t n)
{
  char *p = must_malloc(n + 1);
  memcpy(p, s, n);
  p[n] = 0;
  return p;
}

char *
must_copy(const char *s)
{
  return must_copy_n(s, strlen(s));
}

char *
path_join(const char *dir, const char *name)
{
  struct text t = { 0 };
  size_t n = strlen(dir);

  text_add(&t, dir, n);
  if(n > 0 && dir[n - 1] != '/')
    text_put(&t, '/');
  text_add(&t, name, strlen(name));
  return t.s;
}

// ---- Text ----

static void
make_room(struct text *t, size_t n)
{
  if(t->n + n + 1 <= t->room)
    return;
  t->room = (t->n + n + 1) * 2;
  t->s = must_resize(t->s, t->room);
}

void
text_add(struct text *t, const char *s, size_t n)
{
  make_room(t, n);
  memcpy(t->s + t->n, s, n);
  t->n += n;
  t->s[t->n] = 0;
}

void
text_put(struct text *t, char c)
{
  text_add(t, &c, 1);
}

struct text_sink {
  struct ulib_sink sink;
  struct text *to;
};

static void
put_text(struct ulib_sink *s, const char *text, size_t n)
{
  text_add(((struct text_sink *)s)->to, text, n);
}

void
text_format_list(struct text *t, const char *fmt, va_list ap)
{
  struct text_sink s = { .sink = { .put = put_text }, .to = t };
  ulib_format(&s.sink, fmt, ap);
}

void
text_format(struct text *t, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  text_format_list(t, fmt, ap);
  va_end(ap);
}

void
text_clear(struct text *t)
{
  make_room(t, 0);
  t->n = 0;
  t->s[0] = 0;
}

void
text_free(struct text *t)
{
  free(t->s);
  *t = (struct text){ 0 };
}

// ---- Lists ----

void
list_add(struct list *l, void *item)
{
  if(l->n + 2 > l->room){
    l->room = (l->n + 2) * 2;
    l->p = must_resize(l->p, l->room * sizeof(void *));
  }
  l->p[l->n++] = item;
  l->p[l->n] = NULL;
}

void
list_free(struct list *l, bool items_too)
{
  for(size_t i = 0; items_too && i < l->n; i++)
    free(l->p[i]);
  free(l->p);
  *l = (struct list){ 0 };
}

int
compare_names(const void *a, const void *b)
{
  return strcmp(a, b);
}

// Merge sort: stable, and never slower than n log n.
static void
sort_run(void **p, void **spare, size_t n, int (*compare)(const void *, const void *))
{
  size_t half = n / 2, i = 0, j = half, k = 0;

  if(n < 2)
    return;
  sort_run(p, spare, half, compare);
  sort_run(p + half, spare, n - half, compare);
  while(i < half && j < n)
    spare[k++] = compare(p[i], p[j]) <= 0 ? p[i++] : p[j++];
  while(i < half)
    spare[k++] = p[i++];
  // What is left of the upper half is in place already.
  for(i = 0; i < k; i++)
    p[i] = spare[i];
}

void
list_sort(struct list *l, int (*compare)(const void *a, const void *b))
{
  if(l->n < 2)
    return;
  void **spare = must_malloc(l->n * sizeof(void *));
  sort_run(l->p, spare, l->n, compare);
  free(spare);
}
