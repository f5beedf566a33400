// SPDX-License-Identifier: MIT
//
// File name patterns: *, ?, [a-z], [!a-z], and \ before a character that is to
// mean itself.

#include "user/ulib.h"
#include "user/user.h"

// p is behind the '['. => behind the ']', or NULL if there is none
static const char *
match_set(const char *p, char c, bool *matches)
{
  bool negated = *p == '!' || *p == '^', found = false;
  const char *first = p + negated;

  for(p = first; *p && (*p != ']' || p == first); p++){
    uchar low = *p, high = low;
    if(p[1] == '-' && p[2] && p[2] != ']'){
      high = p[2];
      p += 2;
    }
    found |= low <= (uchar)c && (uchar)c <= high;
  }
  if(!*p)
    return NULL;
  *matches = found != negated;
  return p + 1;
}

// Does one character match the first element? => behind that, or NULL
static const char *
match_one(const char *p, char c)
{
  bool matches = false;
  const char *end;

  if(*p == '?')
    return p + 1;
  if(*p == '[' && (end = match_set(p + 1, c, &matches)) != NULL)
    return matches ? end : NULL;
  if(*p == '\\' && p[1])
    p++;
  return *p == c ? p + 1 : NULL;
}

// A '*' that fails is retried one character on; only the last one counts.
bool
pattern_match(const char *p, const char *s)
{
  const char *star = NULL, *retry = NULL, *next;

  while(*s){
    if(*p == '*'){
      star = ++p;
      retry = s;
    } else if(*p && (next = match_one(p, *s)) != NULL){
      p = next;
      s++;
    } else if(star){
      p = star;
      s = ++retry;
    } else {
      return false;
    }
  }
  while(*p == '*')
    p++;
  return *p == 0;
}

bool
pattern_is(const char *s)
{
  for(; *s; s++){
    if(*s == '\\' && s[1])
      s++;
    else if(*s == '*' || *s == '?' || *s == '[')
      return true;
  }
  return false;
}

static void
unescape(struct text *to, const char *s, size_t n)
{
  for(size_t i = 0; i < n; i++){
    if(s[i] == '\\' && i + 1 < n)
      i++;
    text_put(to, s[i]);
  }
}

// Extend `done`, which exists or is empty, by what matches the rest.
static void
expand(const char *done, const char *rest, struct list *paths)
{
  struct text path = { 0 };
  struct list names = { 0 };
  size_t n = 0;

  text_add(&path, done, strlen(done));
  for(; *rest == '/'; rest++)
    text_put(&path, '/');
  while(rest[n] && rest[n] != '/')
    n++;

  char *part = must_copy_n(rest, n);
  if(!*part){
    list_add(paths, must_copy(path.s));
  } else if(!pattern_is(part)){
    struct kstat st;
    unescape(&path, part, n);
    if(sys_lstat(path.s, &st) == 0)
      expand(path.s, rest + n, paths);
  } else if(directory_names(path.n ? path.s : ".", &names) == 0){
    size_t base = path.n;
    for(size_t i = 0; i < names.n; i++){
      const char *name = names.p[i];
      if((name[0] == '.' && part[0] != '.') || !pattern_match(part, name))
        continue;
      path.n = base;
      text_add(&path, name, strlen(name));
      expand(path.s, rest + n, paths);
    }
  }
  free(part);
  list_free(&names, true);
  text_free(&path);
}

void
pattern_expand(const char *pattern, struct list *paths)
{
  expand("", pattern, paths);
}
