// SPDX-License-Identifier: MIT
//
// What came of a call: its value, or the error.  TEST(call): with the call as it is written.

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TEST(call) say(#call, (errno = 0, (long)(call)))

static void
say(const char *what, long r)
{
  if(r == -1)
    printf("%s: %s\n", what, strerror(errno));
  else
    printf("%s: %ld\n", what, r);
  fflush(stdout);
}
