// SPDX-License-Identifier: MIT
//
// poweroff: write everything to the disks and switch the machine off; -r:
// restart it.

#include "user/ulib.h"
#include "user/user.h"

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "r", "poweroff [-r]" };
  uint how = REBOOT_POWER_OFF;

  while(option(&o))
    how = REBOOT_RESTART;
  if(o.at != argc)
    usage(&o);
  sys_sync();
  long r = sys_reboot(how);
  die("%s", error_text(r));
}
