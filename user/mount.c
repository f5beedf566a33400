// SPDX-License-Identifier: MIT
//
// mount: what is mounted where; or mount the file system on a device, by default a
// qfs, on a directory.  A tmpfs needs no device, but a word in its place.

#include "user/ulib.h"
#include "user/user.h"

// "source point type options 0 0" as "source on point type type (options)".
static void
put(char *line)
{
  static const char *const format[] = { "%s", " on %s", " type %s", " (%s)" };

  for(size_t i = 0; i < 4 && *line; i++){
    char *end = strchr(line, ' ');
    char *next = end ? end + 1 : line + strlen(line);
    if(end)
      *end = 0;
    out(format[i], line);
    line = next;
  }
  out("\n");
}

static void
list(void)
{
  struct input in;
  char *line;
  size_t n;
  long fd = sys_open("/proc/mounts", O_RDONLY, 0);
  if(fd < 0)
    die("/proc/mounts: %s", error_text(fd));
  input_init(&in, fd);
  while((line = input_line(&in, &n)) != NULL)
    put(line);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "t:o:", "mount [[-t TYPE] [-o OPTIONS] DEVICE DIRECTORY]" };
  const char *type = "qfs", *options = NULL;

  for(int c; (c = option(&o)) != 0;)
    *(c == 't' ? &type : &options) = o.value;
  if(o.at == argc){
    list();
    return 0;
  }
  if(o.at + 2 != argc)
    usage(&o);
  long error = sys_mount(argv[o.at], argv[o.at + 1], type, options);
  if(error)
    die("%s: %s", argv[o.at], error_text(error));
  return 0;
}
