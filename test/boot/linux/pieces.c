// SPDX-License-Identifier: MIT
//
// pieces C...: for each C a process that makes 20 calls of writev, each of 100 pieces with 20
// bytes C, the last of which is a newline.

#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLS = 20, PIECES = 100, BYTES = 20 };

static void
put(char c)
{
  char bytes[BYTES], last[BYTES];
  struct iovec v[PIECES];
  memset(bytes, c, BYTES);
  memset(last, c, BYTES);
  last[BYTES - 1] = '\n';
  for(int k = 0; k < PIECES; k++)
    v[k] = (struct iovec){ k < PIECES - 1 ? bytes : last, BYTES };
  for(int k = 0; k < CALLS; k++)
    if(writev(1, v, PIECES) != PIECES * BYTES)
      _exit(1);
  _exit(0);
}

int
main(int argc, char **argv)
{
  for(int k = 1; k < argc; k++)
    if(fork() == 0)
      put(argv[k][0]);
  while(wait(NULL) > 0)
    ;
  return 0;
}
