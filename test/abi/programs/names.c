// SPDX-License-Identifier: MIT
//
// Files by name: directories, attributes, links, positions, and the errors of
// calls that fail.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define TRY(call) do { \
  errno = 0; \
  long r_ = (long)(call); \
  printf("%s = %s%s\n", #call, r_ < 0 ? "error: " : "ok", r_ < 0 ? strerror(errno) : ""); \
} while(0)

static void
make_file(const char *name, const char *text)
{
  int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  write(fd, text, strlen(text));
  close(fd);
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
  return strcmp((*a)->d_name, (*b)->d_name);
}

static void
list(const char *dir)
{
  struct dirent **e;
  int n = scandir(dir, &e, NULL, by_name);
  printf("%s:", dir);
  for(int i = 0; i < n; i++){
    printf(" %s/%d", e[i]->d_name, e[i]->d_type);
    free(e[i]);
  }
  printf("\n");
  free(e);
}

static void
directories(void)
{
  char cwd[PATH_MAX], *end;
  TRY(mkdir("d", 0755));
  TRY(mkdir("d", 0755));
  TRY(chdir("d"));
  end = getcwd(cwd, sizeof cwd) ? strrchr(cwd, '/') : NULL;
  printf("cwd ends in %s\n", end);
  make_file("one", "1");
  make_file("two", "22");
  TRY(mkdir("sub", 0700));
  TRY(symlink("one", "link"));
  list(".");
  DIR *d = opendir(".");
  int n = 0;
  while(readdir(d))
    n++;
  rewinddir(d);
  while(readdir(d))
    n++;
  printf("read twice: %d\n", n);
  closedir(d);
  TRY(chdir(".."));
  TRY(rmdir("d"));
}

static void
attributes(void)
{
  struct stat st, other;
  TRY(stat("d/two", &st));
  printf("size %lld mode %o links %lu\n", (long long)st.st_size, st.st_mode,
         (unsigned long)st.st_nlink);
  TRY(chmod("d/two", 0600));
  TRY(link("d/two", "d/same"));
  TRY(close(open("d/two", O_PATH | O_TRUNC | O_CREAT)));
  TRY(open("d/three", O_PATH | O_CREAT, 0600));
  TRY(stat("d/two", &st));
  printf("size %lld\n", (long long)st.st_size);
  TRY(link("d", "d/two"));
  TRY(link("d", "other"));
  TRY(stat("d/same", &other));
  printf("same %d, mode %o, links %lu\n", other.st_ino == st.st_ino, other.st_mode,
         (unsigned long)other.st_nlink);
  TRY(lstat("d/link", &st));
  printf("link %d, size %lld\n", S_ISLNK(st.st_mode), (long long)st.st_size);
  char to[8] = "";
  printf("readlink %zd %s\n", readlink("d/link", to, sizeof to), to);
  TRY(access("d/one", R_OK | W_OK));
  TRY(access("d/nothing", F_OK));
  TRY(truncate("d/two", 100000));
  stat("d/two", &st);
  printf("truncated %lld\n", (long long)st.st_size);
  struct timespec t[2] = { { 1000, 5 }, { 2000, 7 } };
  TRY(utimensat(AT_FDCWD, "d/one", t, 0));
  stat("d/one", &st);
  printf("times %ld %ld\n", (long)st.st_atime, (long)st.st_mtime);
  printf("umask %o\n", umask(027) & 0);
  close(creat("d/masked", 0666));
  stat("d/masked", &st);
  printf("masked %o\n", st.st_mode);
}

static void
positions(void)
{
  char a[8] = "", b[8] = "";
  struct iovec v[2] = { { "gather", 6 }, { "ed!", 3 } };
  int fd = open("d/one", O_RDWR | O_TRUNC);
  printf("writev %zd\n", writev(fd, v, 2));
  printf("pread %zd %s\n", pread(fd, a, 3, 2), a);
  printf("pwrite %zd\n", pwrite(fd, "X", 1, 0));
  printf("lseek %ld\n", (long)lseek(fd, -3, SEEK_END));
  printf("read %zd %s\n", read(fd, b, 7), b);
  int copy = dup(fd);
  lseek(copy, 1, SEEK_SET);
  printf("shared position %ld\n", (long)lseek(fd, 0, SEEK_CUR));
  TRY(lseek(fd, -1, SEEK_SET));
  TRY(ftruncate(fd, 4));
  TRY(fsync(fd));
  int app = open("d/one", O_WRONLY | O_APPEND);
  write(app, "end", 3);
  printf("appended %ld\n", (long)lseek(app, 0, SEEK_CUR));
  printf("flags %d\n", (fcntl(app, F_GETFL) & (O_ACCMODE | O_APPEND)) == (O_WRONLY | O_APPEND));
}

static void
errors(void)
{
  char longest[NAME_MAX + 2];
  memset(longest, 'n', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  TRY(open("nothing", O_RDONLY));
  TRY(open("d", O_WRONLY));
  TRY(open("d/one/two", O_RDONLY));
  TRY(open("d/one", O_RDONLY | O_DIRECTORY));
  TRY(open("d/one", O_CREAT | O_EXCL, 0644));
  TRY(open("d/link", O_RDONLY | O_NOFOLLOW));
  TRY(open(longest, O_CREAT, 0644));
  TRY(open("", O_RDONLY));
  TRY(open((char *)8, O_RDONLY));
  TRY(read(99, longest, 1));
  TRY(read(-1, longest, 1));
  TRY(write(1, (void *)8, 1));
  TRY(close(77));
  TRY(dup2(77, 5));
  TRY(fcntl(0, 12345));
  TRY(unlink("d"));
  TRY(rmdir("d/one"));
  TRY(rename("nothing", "d/x"));
  TRY(rename("d", "d/sub/below"));
  TRY(rename("d/one", "d/sub"));
  TRY(link("nothing", "d/x"));
  TRY(symlink("x", "d/one"));
  TRY(readlink("d/one", longest, 5));
  TRY(chdir("d/one"));
  TRY(getcwd(longest, 1) ? 0 : -1);
  TRY(mkdir("nothing/below", 0755));
  TRY(symlink("loop", "d/loop"));
  TRY(open("d/loop", O_RDONLY));
  TRY(truncate("d", 0));
  TRY(isatty(open("d/one", O_RDONLY)) - 1);
}

static void
clean_up(void)
{
  static const char *const names[] = {
    "d/one", "d/two", "d/same", "d/link", "d/masked", "d/loop",
  };
  for(unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
    TRY(unlink(names[i]));
  TRY(rmdir("d/sub"));
  TRY(rmdir("d"));
}

int
main(void)
{
  directories();
  attributes();
  positions();
  errors();
  clean_up();
  return 0;
}
