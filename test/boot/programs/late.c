// SPDX-License-Identifier: MIT
//
// late: what is told late, if at all.
//
//   late map FILE      store lines to a page of the file through a mapping that stays
//   late errors FILE   open the file twice and write to it; once there is a second
//                      argument of that name, what both say to fsync, twice each
//   late holes FILE n  store to each of n MiB of holes through a mapping
//   late fsync FILE n  n tasks append to files of their own and fsync, 20 times each

#include "user/ulib.h"
#include "user/user.h"

enum { PAGE = 4096, TIMES = 20 };

static void
map(const char *path)
{
  int fd = open(path, O_RDWR);
  char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if(fd < 0 || (long)p < 0)
    die("%s cannot be mapped", path);
  for(int i = 0; i < 100; i++)
    memcpy(p + 18 * i, "through a mapping\n", 18);
  for(;;)
    sleep(1000);
}

static void
holes(const char *path, unsigned long bytes)
{
  int fd = open(path, O_RDWR | O_CREATE);
  char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if(fd < 0 || sys_ftruncate(fd, (long)bytes) < 0 || (long)p < 0)
    die("%s cannot be mapped", path);
  for(unsigned long at = 0; at < bytes; at += PAGE)
    p[at] = 1;
}

static void
errors(const char *path, const char *go)
{
  int fd[2] = { open(path, O_WRONLY | O_CREATE), open(path, O_WRONLY) };
  if(fd[0] < 0 || fd[1] < 0 || write(fd[0], path, strlen(path)) < 0)
    die("%s cannot be written", path);
  for(int there; (there = open(go, O_RDONLY)) < 0; )
    sleep(1);
  for(int i = 0; i < 4; i++)
    out("%ld ", sys_fsync(fd[i / 2]));
  out("\n");
}

static void
fsync_often(const char *path, int k)
{
  char data[PAGE] = { 0 };
  struct text name = { 0 };
  text_format(&name, "%s%d", path, k);
  int fd = open(name.s, O_WRONLY | O_CREATE);
  for(int i = 0; i < TIMES; i++)
    if(write(fd, data, sizeof data) != sizeof data || sys_fsync(fd) < 0)
      die("%s cannot be written", name.s);
  exit(0);
}

int
main(int argc, char **argv)
{
  if(argc == 3 && strcmp(argv[1], "map") == 0)
    map(argv[2]);
  else if(argc == 4 && strcmp(argv[1], "holes") == 0)
    holes(argv[2], (unsigned long)atoi(argv[3]) << 20);
  else if(argc == 4 && strcmp(argv[1], "errors") == 0)
    errors(argv[2], argv[3]);
  else if(argc == 4 && strcmp(argv[1], "fsync") == 0)
    for(int k = atoi(argv[3]); k > 0; k--)
      if(fork() == 0)
        fsync_often(argv[2], k);
  while(wait(NULL) > 0)
    ;
  return 0;
}
