// SPDX-License-Identifier: MIT
//
// test: compare strings (= !=) and numbers (-eq -ne -lt -le -gt -ge), look at
// strings (-n -z) and files (-e -f -d -L -s -r -w -x); ! negates.  Status 0 for
// true, 1 for false, 2 for what is no test.  sh calls it for [ ] too.

#include "user/ulib.h"
#include "user/user.h"

enum { NO_TEST = 2 };

static void __attribute__((noreturn))
bad(const char *what)
{
  warn("%s is no test", what);
  exit(NO_TEST);
}

static bool
test_mode(const char *path, uint mask, uint type)
{
  struct kstat st;
  return sys_stat(path, &st) == 0 && (st.mode & mask) && (!type || (st.mode & S_IFMT) == type);
}

static bool
one(const char *operator, const char *s)
{
  struct kstat st;

  if(operator[0] != '-' || strlen(operator) != 2)
    bad(operator);
  switch(operator[1]){
  case 'n': return *s != 0;
  case 'z': return *s == 0;
  case 'e': return sys_stat(s, &st) == 0;
  case 'f': return test_mode(s, ~0U, S_IFREG);
  case 'd': return test_mode(s, ~0U, S_IFDIR);
  case 'L': return sys_lstat(s, &st) == 0 && (st.mode & S_IFMT) == S_IFLNK;
  case 's': return sys_stat(s, &st) == 0 && st.size > 0;
  case 'r': return test_mode(s, 0444, 0);
  case 'w': return test_mode(s, 0222, 0);
  case 'x': return test_mode(s, 0111, 0);
  default: bad(operator);
  }
}

static bool
two(const char *a, const char *operator, const char *b)
{
  static const char *const names[] = { "-eq", "-ne", "-lt", "-le", "-gt", "-ge" };
  long x, y;

  if(strcmp(operator, "=") == 0 || strcmp(operator, "==") == 0)
    return strcmp(a, b) == 0;
  if(strcmp(operator, "!=") == 0)
    return strcmp(a, b) != 0;
  for(int i = 0; i < 6; i++){
    if(strcmp(operator, names[i]) != 0)
      continue;
    if(!parse_long(a, &x))
      bad(a);
    if(!parse_long(b, &y))
      bad(b);
    bool results[] = { x == y, x != y, x < y, x <= y, x > y, x >= y };
    return results[i];
  }
  bad(operator);
}

static bool
test(int n, char **v)
{
  switch(n){
  case 0: return false;
  case 1: return *v[0] != 0;
  case 2: return strcmp(v[0], "!") == 0 ? !test(1, v + 1) : one(v[0], v[1]);
  case 3: return strcmp(v[0], "!") == 0 ? !test(2, v + 1) : two(v[0], v[1], v[2]);
  default:
    if(strcmp(v[0], "!") == 0)
      return !test(n - 1, v + 1);
    bad(v[0]);
  }
}

int
main(int argc, char **argv)
{
  return !test(argc - 1, argv + 1);
}
