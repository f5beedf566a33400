// SPDX-License-Identifier: MIT
//
// trample DEVICE...: mount each in turn, go through all of it, change what can be
// changed, unmount it, and go through it once more.  Whatever is on the disk, it
// comes to an end.  Says how many could be mounted.

#include "user/ulib.h"
#include "user/user.h"

enum { NR_MOUNT = 40, NR_UMOUNT = 39, DEPTH = 5, ENTRIES = 400, BYTES = 1 << 20 };

static const char where[] = "/tmp/trampled";
static int entries;
static char buf[8192];

static void
read_through(const char *path)
{
  int fd = sys_open(path, O_RDONLY, 0);
  for(long n = 0, r; n < BYTES && (r = sys_read(fd, buf, sizeof(buf))) > 0;)
    n += r;
  sys_close(fd);
}

static void
write_to(const char *path)
{
  int fd = sys_open(path, O_RDWR, 0);
  sys_pwrite(fd, buf, sizeof(buf), 5000);
  sys_pwrite(fd, buf, 10, 100 << 20);
  sys_ftruncate(fd, 3000);
  sys_fsync(fd);
  sys_close(fd);
}

static void
change(const char *path, const struct kstat *st)
{
  char *other = must_malloc(strlen(path) + 2);

  strcpy(other, path);
  strcpy(other + strlen(path), "+");
  switch(entries % 5){
  case 0: sys_link(path, other); break;
  case 1: sys_rename(path, other); break;
  case 2: sys_unlink(path); break;
  case 3: sys_rmdir(path); break;
  default: sys_symlink(path, other); break;
  }
  if((st->mode & S_IFMT) == S_IFREG)
    write_to(path);
  free(other);
}

static void
walk(const char *path, int depth, bool changing)
{
  struct list names = { 0 };
  struct kstat st;

  if(entries++ > ENTRIES || sys_lstat(path, &st) < 0)
    return;
  sys_readlink(path, buf, sizeof(buf));
  if((st.mode & S_IFMT) == S_IFREG)
    read_through(path);
  if((st.mode & S_IFMT) == S_IFDIR && depth < DEPTH && directory_names(path, &names) == 0){
    for(size_t i = 0; i < names.n; i++){
      char *below = path_join(path, names.p[i]);
      walk(below, depth + 1, changing);
      free(below);
    }
    char *new = path_join(path, "a new one");
    if(changing && entries % 2)
      sys_mkdir(new, 0777);
    else if(changing)
      sys_close(sys_open(new, O_CREATE | O_RDWR, 0666));
    free(new);
  }
  list_free(&names, true);
  if(changing && depth > 0)
    change(path, &st);
}

static bool
trample(const char *device)
{
  for(int pass = 0; pass < 2; pass++){
    entries = 0;
    if(syscall6(NR_MOUNT, (long)device, (long)where, (long)"qfs", 0, 0, 0) < 0)
      return pass > 0;
    walk(where, 0, pass == 0);
    sys_sync();
    if(syscall6(NR_UMOUNT, (long)where, 0, 0, 0, 0, 0) < 0)
      die("%s cannot be unmounted", device);
  }
  return true;
}

int
main(int argc, char **argv)
{
  int mounted = 0;

  if(sys_mkdir(where, 0777) < 0)
    die("%s cannot be made", where);
  for(int i = 1; i < argc; i++)
    mounted += trample(argv[i]);
  sys_rmdir(where);
  printf("trample: %d mounted\n", mounted);
  return 0;
}
