// SPDX-License-Identifier: MIT
//
// restore: let a process that was saved go on, as a child that is waited for.

#include "user/checkpoint.h"
#include "user/user.h"

// The newest file of a series that is whole.
static const char *
open_latest(struct chain *c, const char *name)
{
  const char *why = "there is no such file";
  struct text t = { 0 };

  for(long n = series_latest(name); n > 0 && why; n--){
    text_clear(&t);
    text_format(&t, "%s.%ld", name, n);
    why = chain_open(c, t.s);
    if(!why && (why = chain_check(c)) != NULL)
      chain_close(c);
    if(why)
      warn("%s", why);
  }
  text_free(&t);
  return why;
}

int
main(int argc, char **argv)
{
  bool latest = argc == 3 && strcmp(argv[1], "--latest") == 0;
  struct options o = { argc, argv, "c",
    "restore [-c] file        (-c: check all pages first)\n"
    "       restore --latest name    the newest of name.1, name.2 ... that is whole" };
  bool check = false;
  struct chain c;

  while(!latest && option(&o) != 0)
    check = true;
  if(!latest && argc - o.at != 1)
    usage(&o);
  const char *why = latest ? open_latest(&c, argv[2]) : chain_open(&c, argv[o.at]);
  if(!why && check)
    why = chain_check(&c);
  if(why){
    warn("%s", why);
    return 1;
  }
  long pid = chain_restore(&c, false);
  chain_close(&c);
  return pid < 0 ? 1 : restored_wait(pid);
}
