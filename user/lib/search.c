// SPDX-License-Identifier: MIT
//
// Programs found by name.

#include "user/ulib.h"
#include "user/user.h"

long
search_path(const char *dirs, char **argv, long (*start)(const char *path, char **argv))
{
  long error = -ENOENT;

  if(strchr(argv[0], '/'))
    return start(argv[0], argv);
  while(dirs && *dirs){
    size_t n = 0;
    while(dirs[n] && dirs[n] != ':')
      n++;
    char *dir = must_copy_n(dirs, n);
    char *path = path_join(n > 0 ? dir : ".", argv[0]);
    long r = start(path, argv);
    if(r != -ENOENT && r != -ENOTDIR)
      error = r;
    free(path);
    free(dir);
    dirs += n + (dirs[n] == ':');
  }
  return error;
}

static long
start(const char *path, char **argv)
{
  return sys_execve(path, argv, ulib_environ);
}

long
program_run(char **argv)
{
  const char *dirs = NULL;

  for(char **v = ulib_environ; *v && !dirs; v++)
    if(starts_with(*v, "PATH="))
      dirs = *v + strlen("PATH=");
  return search_path(dirs, argv, start);
}
