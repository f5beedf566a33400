// SPDX-License-Identifier: MIT
//
// cat: copy files to standard output.

#include "user/ulib.h"
#include "user/user.h"

static char buf[16384];

// => false after a complaint
static bool
cat(int fd, const char *name)
{
  long n;

  while((n = sys_read(fd, buf, sizeof(buf))) > 0){
    long r = write_all(1, buf, n);
    if(r < 0)
      die("write error: %s", error_text(r));
  }
  if(n < 0)
    warn_error(name, n);
  return n == 0;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "cat [file ...]" };
  bool ok = true;

  option(&o);
  if(o.at == argc)
    return !cat(0, "standard input");
  for(int i = o.at; i < argc; i++){
    int fd = open_operand(argv[i]);
    ok &= fd >= 0 && cat(fd, argv[i]);
    if(fd >= 0)
      close_operand(fd);
  }
  return !ok;
}
