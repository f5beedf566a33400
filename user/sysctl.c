// SPDX-License-Identifier: MIT
//
// sysctl: the settings below /proc/sys, by names with dots.  NAME shows one, NAME=VALUE
// (-w is allowed) sets it; a part such as vm shows all below it, -a all there are; -n: the
// values alone.

#include "user/ulib.h"
#include "user/user.h"

static bool only_values;

static char *
path_of(const char *name)
{
  struct text t = { 0 };

  text_format(&t, "/proc/sys/%s", name);
  for(char *p = t.s + strlen("/proc/sys/"); *p; p++)
    if(*p == '.')
      *p = '/';
  return t.s;
}

static bool show_all(const char *prefix);

// A setting, or all below a directory of them.
static bool
show(const char *name)
{
  struct text t = { 0 };
  char *path = path_of(name);
  bool below = is_directory(path), ok = below ? show_all(name) : read_file(path, &t);

  if(below)
    ;
  else if(!ok)
    warn("%s cannot be read", name);
  else if(only_values)
    out("%s", t.s);
  else
    out("%s = %s", name, t.s);
  text_free(&t);
  free(path);
  return ok;
}

// What can be read only by giving something else up is left out: recounting all of
// memory is no setting.
static bool
show_all(const char *prefix)
{
  struct list names = { 0 };
  struct text name = { 0 };
  char *path = path_of(prefix);
  bool ok = directory_names(path, &names) == 0;

  for(size_t i = 0; i < names.n; i++){
    text_clear(&name);
    text_format(&name, "%s%s%s", prefix, *prefix ? "." : "", (char *)names.p[i]);
    if(strcmp(name.s, "vm.check") != 0)
      ok &= show(name.s);
  }
  free(path);
  text_free(&name);
  list_free(&names, true);
  return ok;
}

static bool
set(const char *name, const char *value)
{
  char *path = path_of(name);
  long fd = sys_open(path, O_WRONLY, 0), r = fd < 0 ? fd : write_all(fd, value, strlen(value));

  if(fd >= 0)
    sys_close(fd);
  free(path);
  if(r < 0)
    warn_error(name, r);
  else if(!show(name))
    return false;
  return r >= 0;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "anw", "sysctl [-n] -a | name[=value] ..." };
  bool all = false, ok = true;

  for(int c; (c = option(&o)) != 0;){
    all |= c == 'a';
    only_values |= c == 'n';
  }
  if(all == (o.at < argc))
    usage(&o);
  if(all)
    return !show_all("");
  for(int i = o.at; i < argc; i++){
    char *value = strchr(argv[i], '=');
    if(value)
      *value++ = 0;
    ok &= value ? set(argv[i], value) : show(argv[i]);
  }
  return !ok;
}
