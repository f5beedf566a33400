// SPDX-License-Identifier: MIT
//
// dmesg: what the kernel has said.

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "dmesg" };

  option(&o);
  if(o.at != argc)
    usage(&o);
  long n = sys_syslog(SYSLOG_SIZE_BUFFER, NULL, 0);
  if(n < 0)
    die("%s", error_text(n));
  char *buf = must_malloc(n + 1);
  n = sys_syslog(SYSLOG_READ_ALL, buf, n);
  if(n < 0)
    die("%s", error_text(n));
  out_bytes(buf, n);
  return 0;
}
