// SPDX-License-Identifier: MIT
//
// What the tools have in common.

#include "mkfs/tool.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "mkfs/image.h"

const char *tool_name, *tool_help;

void
tool_start(const char *name, const char *help, int argc, char **argv)
{
  tool_name = name;
  tool_help = help;
  for(int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
    if(strcmp(argv[i], "--help") == 0){
      fputs(help, stdout);
      exit(DONE);
    }
}

static void
message(const char *fmt, va_list ap)
{
  fflush(stdout);
  fprintf(stderr, "%s: ", tool_name);
  vfprintf(stderr, fmt, ap);
}

void
tool_usage(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  message(fmt, ap);
  fprintf(stderr, "\nTry `%s --help'.\n", tool_name);
  exit(USAGE);
}

void
tool_die(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  message(fmt, ap);
  fputc('\n', stderr);
  exit(FAILED);
}

int
tool_error(int e, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  message(fmt, ap);
  va_end(ap);
  if(e)
    fprintf(stderr, ": %s", strerror(-e));
  fputc('\n', stderr);
  return FAILED;
}

struct image *
tool_open(const char *file, bool writable)
{
  struct image *m;
  int e = image_open(file, writable, &m);
  if(e == -EINVAL)
    tool_die("%s: not a qfs image", file);
  if(e == -EBUSY)
    tool_die("%s: in use: is QEMU running with it?", file);
  if(e)
    tool_die("%s: %s", file, strerror(-e));
  return m;
}

int
tool_close(struct image *m, const char *file)
{
  int e = image_close(m);
  return e ? tool_error(e, "%s", file) : DONE;
}

char *
tool_join(const char *dir, const char *host)
{
  const char *slash = strrchr(host, '/'), *name = slash ? slash + 1 : host;
  char *path;
  bool slashed = dir[0] && dir[strlen(dir) - 1] == '/';
  if(asprintf(&path, "%s%s%s", dir, slashed ? "" : "/", name) < 0)
    tool_die("no memory");
  return path;
}

u64
tool_size(const char *text)
{
  char *end;
  if(text[0] < '0' || text[0] > '9')
    return 0;
  errno = 0;
  u64 n = strtoul(text, &end, 10), unit = 1;
  switch(*end){
  case 'K': case 'k': unit = KiB; end++; break;
  case 'M': case 'm': unit = MiB; end++; break;
  case 'G': case 'g': unit = GiB; end++; break;
  case 'T': case 't': unit = 1024 * GiB; end++; break;
  }
  if(*end || errno || __builtin_mul_overflow(n, unit, &n))
    return 0;
  return n;
}

// ---- Copying in ----

// An empty regular file at path, the old one if there is one.
static int
empty_file(struct image *m, const char *path, u32 mode, struct inode **out)
{
  struct image_stat st;
  int e = image_find(m, path, out);
  if(e == -ENOENT)
    return image_create(m, path, S_IFREG | (mode & 07777), 0, out);
  if(e)
    return e;
  image_stat(*out, &st);
  if(S_ISREG(st.mode))
    e = image_truncate(*out, 0);
  else
    e = S_ISDIR(st.mode) ? -EISDIR : -EEXIST;
  if(e)
    image_put_inode(*out);
  return e;
}

static bool
all_zero(const char *p, u64 n)
{
  return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

// Blocks of zeros become holes.
static int
copy_bytes(int fd, struct inode *to, u64 size)
{
  static char buf[4096];
  u64 off = 0;
  for(;;){
    ssize_t n = read(fd, buf, sizeof(buf));
    if(n < 0)
      return -errno;
    if(n == 0)
      return size > off ? -EIO : 0;
    int e = all_zero(buf, n) && off + n < size ? 0 : image_write(to, off, buf, n);
    if(e)
      return e;
    off += n;
  }
}

int
tool_copy_in(struct image *m, const char *host, const char *path)
{
  struct stat st;
  struct inode *to;
  int fd = open(host, O_RDONLY | O_CLOEXEC);
  if(fd < 0 || fstat(fd, &st) < 0){
    int e = -errno;
    if(fd >= 0)
      close(fd);
    return tool_error(e, "%s", host);
  }
  int e = S_ISREG(st.st_mode) ? empty_file(m, path, st.st_mode, &to) : -EINVAL;
  if(e == 0){
    e = copy_bytes(fd, to, st.st_size);
    if(e == 0)
      e = image_chmod(to, st.st_mode, st.st_mtime);
    image_put_inode(to);
    if(e)
      image_unlink(m, path);       // half a file is worse than none
  }
  close(fd);
  if(!S_ISREG(st.st_mode))
    return tool_error(0, "%s: not a regular file", host);
  return e ? tool_error(e, "%s: %s", host, path) : DONE;
}
