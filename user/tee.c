// SPDX-License-Identifier: MIT
//
// tee: copy standard input to standard output and to files; -a: at their ends.

#include "user/ulib.h"
#include "user/user.h"

static char buf[4096];

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "a", "tee [-a] [file ...]" };
  int flags = O_WRONLY | O_CREAT | O_TRUNC, count;
  bool ok = true;
  long n;

  while(option(&o))
    flags = O_WRONLY | O_CREAT | O_APPEND;
  // Target 0 is standard output; a target that fails is dropped.
  count = argc - o.at + 1;
  long *fds = must_malloc(count * sizeof(*fds));
  fds[0] = 1;
  for(int i = 1; i < count; i++){
    fds[i] = sys_open(argv[o.at + i - 1], flags, 0666);
    if(fds[i] < 0)
      warn_error(argv[o.at + i - 1], fds[i]);
    ok &= fds[i] >= 0;
  }
  while((n = sys_read(0, buf, sizeof(buf))) > 0)
    for(int i = 0; i < count; i++){
      long r = fds[i] < 0 ? 0 : write_all(fds[i], buf, n);
      if(r == 0)
        continue;
      warn_error(i == 0 ? "standard output" : argv[o.at + i - 1], r);
      fds[i] = -1;
      ok = false;
    }
  if(n < 0)
    warn_error("standard input", n);
  return !ok || n < 0;
}
