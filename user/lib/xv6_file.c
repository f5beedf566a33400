// SPDX-License-Identifier: MIT
//
// xv6's file calls over Linux's.

#include "kernel/fs.h"
#include "kernel/stat.h"
#include "user/ulib.h"
#include "user/user.h"

enum { FILE_MODE = 0666, DIRECTORY_MODE = 0777 };
enum { XV6_CONSOLE = 1, TTY_AUX_MAJOR = 5, TTY_AUX_CONSOLE = 1 };

static int
result(long r)
{
  return r < 0 ? -1 : r;
}

// In xv6, O_NOFOLLOW opens the link itself.
int
open(const char *path, int flags)
{
  long fd = sys_open(path, flags, FILE_MODE);
  if(fd == -ELOOP && (flags & O_NOFOLLOW))
    fd = sys_open(path, O_PATH | O_NOFOLLOW, 0);
  return result(fd);
}

int
close(int fd)
{
  return result(sys_close(fd));
}

// In xv6, a file that did not take all is an error; what it took stays.
int
write(int fd, const void *buf, int n)
{
  long r = sys_write(fd, buf, (long)n);
  struct kstat k;
  if(r > 0 && r < n && sys_fstat(fd, &k) == 0 && (k.mode & S_IFMT) == S_IFREG)
    return -1;
  return result(r);
}

static void
make_entry(struct dirent *to, const struct dirent64 *from)
{
  uint i;
  // A number that is 0 after cutting would mean a free entry.
  to->inum = (ushort)from->ino ? (ushort)from->ino : 1;
  for(i = 0; i < DIRSIZ && from->name[i]; i++)
    to->name[i] = from->name[i];
  for(; i < DIRSIZ; i++)
    to->name[i] = 0;
}

// Entries are made from as many of the directory's records as fit, and the
// position set back behind the last one used: the descriptor keeps all the state.
static int
read_directory(int fd, struct dirent *to, uint room)
{
  char records[512] __attribute__((aligned(8)));
  uint used = 0;

  while(used < room){
    struct dirent64 *d = NULL;
    long at = 0, n = sys_getdents(fd, records, sizeof(records));
    if(n < 0)
      return used > 0 ? (int)(used * sizeof(*to)) : -1;
    if(n == 0)
      break;
    for(; at < n && used < room; at += d->reclen){
      d = (struct dirent64 *)(records + at);
      make_entry(&to[used++], d);
    }
    if(at < n && sys_lseek(fd, d->off, SEEK_SET) < 0)
      return -1;
  }
  return used * sizeof(*to);
}

int
read(int fd, void *buf, int n)
{
  long r = sys_read(fd, buf, (long)n);
  // Some file systems put the end of a directory where read() says -EINVAL.
  if((r == -EISDIR || r == -EINVAL) && n >= (int)sizeof(struct dirent))
    return read_directory(fd, buf, n / sizeof(struct dirent));
  return result(r);
}

int
pipe(int *fds)
{
  return result(sys_pipe(fds, 0));
}

int
dup(int fd)
{
  return result(sys_dup(fd));
}

// Copy to a caller's pointer as the kernel would, with -1 for a bad one: whether
// it is, the kernel shows by writing there first.
int
ulib_store(void *to, const void *from, uint n)
{
  long r = sys_getrandom(to, n, GRND_NONBLOCK);
  if(r == -EFAULT || (r >= 0 && r < n))
    return -1;
  memcpy(to, from, n);
  return 0;
}

static int
give_stat(struct stat *to, const struct kstat *k)
{
  struct stat st = { .dev = k->dev, .ino = k->ino, .nlink = k->nlink, .size = k->size };

  switch(k->mode & S_IFMT){
  case S_IFDIR:
    st.type = T_DIR;
    break;
  case S_IFLNK:
    st.type = T_SYMLINK;
    break;
  case S_IFCHR:
  case S_IFBLK:
    st.type = T_DEVICE;
    break;
  default:
    st.type = T_FILE;
  }
  return ulib_store(to, &st, sizeof(st));
}

int
fstat(int fd, struct stat *st)
{
  struct kstat k;
  return sys_fstat(fd, &k) < 0 ? -1 : give_stat(st, &k);
}

int
stat(const char *path, struct stat *st)
{
  struct kstat k;
  return sys_stat(path, &k) < 0 ? -1 : give_stat(st, &k);
}

int
link(const char *old, const char *new)
{
  return result(sys_link(old, new));
}

int
symlink(const char *target, const char *path)
{
  return result(sys_symlink(target, path));
}

int
unlink(const char *path)
{
  long r = sys_unlink(path);
  if(r == -EISDIR)
    r = sys_rmdir(path);
  return result(r);
}

int
mkdir(const char *path)
{
  return result(sys_mkdir(path, DIRECTORY_MODE));
}

int
chdir(const char *path)
{
  return result(sys_chdir(path));
}

int
mknod(const char *path, short major, short minor)
{
  uint64 dev = major == XV6_CONSOLE ? dev_make(TTY_AUX_MAJOR, TTY_AUX_CONSOLE)
                                    : dev_make((ushort)major, (ushort)minor);
  return result(sys_mknod(path, S_IFCHR | FILE_MODE, dev));
}
