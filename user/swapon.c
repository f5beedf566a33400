// SPDX-License-Identifier: MIT
//
// swapon: use devices and files for swapping; or show which are in use.

#include "user/ulib.h"
#include "user/user.h"

enum { PREFER = 0x8000 };

static void
list(void)
{
  struct input in;
  char *line;
  size_t n;
  long fd = sys_open("/proc/swaps", O_RDONLY, 0);
  if(fd < 0)
    die("/proc/swaps: %s", error_text(fd));
  input_init(&in, fd);
  while((line = input_line(&in, &n)) != NULL)
    printf("%s\n", line);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "sp:", "swapon [-s] [-p priority] [device ...]" };
  bool ok = true;
  long priority = 0;
  int flags = 0;

  for(int c; (c = option(&o)) != 0;){
    if(c == 'p' && (!parse_size(o.value, &priority) || priority < 0 || priority >= PREFER))
      usage(&o);
    if(c == 'p')
      flags = PREFER | (int)priority;
  }
  if(o.at == argc)
    list();
  for(int i = o.at; i < argc; i++){
    long r = sys_swapon(argv[i], flags);
    if(r < 0)
      warn_error(argv[i], r);
    ok &= r >= 0;
  }
  return !ok;
}
