// SPDX-License-Identifier: MIT
//
// uname: the name of the system; -n: of the machine; -r: release; -v: version;
// -m: hardware; -a: all of these.

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  static const char letters[] = "snrvm";
  struct options o = { argc, argv, "snrvma", "uname [-a] [-s] [-n] [-r] [-v] [-m]" };
  bool wanted[5] = { false }, any = false;
  struct uts_name u;

  for(int c; (c = option(&o)) != 0;)
    for(int i = 0; i < 5; i++)
      wanted[i] |= c == 'a' || c == letters[i];
  if(o.at != argc)
    usage(&o);
  long r = sys_uname(&u);
  if(r < 0)
    die("%s", error_text(r));
  const char *texts[] = { u.sysname, u.nodename, u.release, u.version, u.machine };
  for(int i = 0; i < 5; i++){
    if(!wanted[i])
      continue;
    out("%s%s", any ? " " : "", texts[i]);
    any = true;
  }
  out("%s\n", any ? "" : u.sysname);
  return 0;
}
