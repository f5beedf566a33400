// SPDX-License-Identifier: MIT
//
// df: size and free space of file systems, all mounted ones or those that hold
// the named files, in KiB.  -i: inodes instead.

#include "user/ulib.h"
#include "user/user.h"

static bool inodes;

static int
percent(uint64 used, uint64 all)
{
  return all ? (used * 100 + all - 1) / all : 0;
}

static bool
put(const char *source, const char *path)
{
  struct fs_stat st;
  long r = sys_statfs(path, &st);

  if(r < 0){
    warn_error(path, r);
    return false;
  }
  uint64 unit = st.frsize ? st.frsize : st.bsize;
  uint64 all = inodes ? st.files : st.blocks * unit / 1024;
  uint64 unused = inodes ? st.ffree : st.bfree * unit / 1024;
  uint64 available = inodes ? st.ffree : st.bavail * unit / 1024;
  uint64 used = all - unused;
  out("%-12s %10lu %10lu %10lu %3d%% %s\n", source, all, used, available,
      percent(used, used + available), path);
  return true;
}

// A line of /proc/mounts: source, mount point, and what does not matter here.
static bool
put_mount(char *line)
{
  char *path = strchr(line, ' ');
  char *end = path ? strchr(path + 1, ' ') : NULL;

  if(!end)
    return true;
  *path++ = 0;
  *end = 0;
  return put(line, path);
}

static bool
put_mounts(void)
{
  struct input in;
  char *line;
  size_t n;
  bool ok = true;
  long fd = sys_open("/proc/mounts", O_RDONLY, 0);

  if(fd < 0)
    return put("root", "/");
  input_init(&in, fd);
  while((line = input_line(&in, &n)) != NULL)
    ok &= put_mount(line);
  return ok;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "ik", "df [-i] [file ...]" };
  bool ok = true;

  for(int c; (c = option(&o)) != 0;)
    inodes |= c == 'i';
  out("%-12s %10s %10s %10s %4s %s\n", "File system", inodes ? "inodes" : "KiB", "used",
      "free", "use", "on");
  if(o.at == argc)
    return !put_mounts();
  for(int i = o.at; i < argc; i++)
    ok &= put("-", argv[i]);
  return !ok;
}
