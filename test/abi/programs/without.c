// SPDX-License-Identifier: MIT
//
// What programs ask for and can do without: sockets, capabilities, places in
// devices without any, and the table of what is mounted.

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>
#include "say.h"

static void
sockets(void)
{
  struct sockaddr sa = { .sa_family = AF_UNIX };
  socklen_t len = sizeof sa;
  int pair[2], file[2];
  if(pipe(file) < 0)
    return;
  say("socket of no family", socket(1000, SOCK_STREAM, 0));
  say("pair of no family", socketpair(1000, SOCK_STREAM, 0, pair));
  say("connect a pipe", connect(file[0], &sa, sizeof sa));
  say("connect nothing", connect(-1, &sa, sizeof sa));
  say("peer of a pipe", getpeername(file[0], &sa, &len));
  say("accept on a pipe", accept(file[0], NULL, NULL));
  say("send to a pipe", send(file[1], "x", 1, 0));
  say("option of a pipe", getsockopt(file[0], SOL_SOCKET, SO_TYPE, pair, &len));
  say("shut a pipe", shutdown(file[0], SHUT_RD));
}

static void
capabilities(void)
{
  struct __user_cap_header_struct h = { .version = 1 };
  struct __user_cap_data_struct d[2];
  say("version?", syscall(SYS_capget, &h, NULL));
  printf("version %x\n", h.version);
  h.version = 1;
  say("an unknown one", syscall(SYS_capget, &h, d));
  h.pid = 0;
  say("mine", syscall(SYS_capget, &h, d));
  printf("usable are allowed: %d\n",
         !(d[0].effective & ~d[0].permitted) && !(d[1].effective & ~d[1].permitted));
  say("the same again", syscall(SYS_capset, &h, d));
  h.pid = 1;
  say("another's", getpid() == 1 ? 0 : syscall(SYS_capset, &h, d));
  h.pid = 1 << 30;
  say("nobody's", syscall(SYS_capget, &h, d));
  h.pid = 0;
  say("to nowhere", syscall(SYS_capget, &h, (void *)8));
}

static void
devices(void)
{
  char c[4] = "abc";
  int zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR);
  say("zeroes from afar", pread(zero, c, 2, 1L << 40));
  printf("%d %d %d\n", c[0], c[1], c[2]);
  say("seek", lseek(zero, 1000, SEEK_SET));
  say("where", lseek(zero, 0, SEEK_CUR));
  say("full", pwrite(full, c, 1, 4096));
  say("nothing", pwrite(open("/dev/null", O_WRONLY), c, 3, 5));
}

static void
mounts(void)
{
  FILE *f = setmntent("/proc/self/mounts", "r");
  struct mntent *m;
  int roots = 0, procs = 0;
  while(f && (m = getmntent(f))){
    roots += strcmp(m->mnt_dir, "/") == 0;
    procs += strcmp(m->mnt_dir, "/proc") == 0 && strcmp(m->mnt_type, "proc") == 0;
  }
  printf("mounted: %d %d\n", roots > 0, procs > 0);
  char line[1024], root[256], point[256], type[64];
  int id, parent, major, minor, found = 0;
  f = fopen("/proc/self/mountinfo", "r");
  while(f && fgets(line, sizeof line, f)){
    char *rest = strstr(line, " - ");
    if(sscanf(line, "%d %d %d:%d %255s %255s", &id, &parent, &major, &minor, root, point) == 6 &&
       rest && sscanf(rest, " - %63s", type) == 1)
      found += strcmp(point, "/proc") == 0 && strcmp(type, "proc") == 0 && id != parent;
  }
  printf("told at length: %d\n", found > 0);
}

int
main(void)
{
  sockets();
  capabilities();
  devices();
  mounts();
  return 0;
}
