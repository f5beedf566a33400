// SPDX-License-Identifier: MIT
//
// More of one page than its frame's record has room for.
//
//   crowd wait N     N children wait for one page in a slot at once, then store to it
//   crowd map        one page of a file, mapped until that is refused

#include "kernel/fcntl.h"
#include "kernel/types.h"
#include "user/abi.h"
#include "user/ulib.h"
#include "user/user.h"

enum { PAGE = 4096 };

static volatile uint64 *
map(int flags, int fd)
{
  long r = sys_mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
  if(r < 0)
    die("mmap: %s", error_text(r));
  return (volatile uint64 *)r;
}

static void
child(volatile uint64 *page, int go[2])
{
  char c;
  close(go[1]);
  read(go[0], &c, 1);
  if(*page != 1)
    die("%lx", *page);
  *page = (uint64)getpid();
  exit(*page != (uint64)getpid());
}

static void
crowd_wait(int n)
{
  int go[2], status;
  volatile uint64 *page = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  *page = 1;
  if(pipe(go) != 0 || sys_madvise((void *)page, PAGE, MADV_PAGEOUT) != 0)
    die("no start");
  for(int i = 0; i < n; i++){
    int pid = fork();
    if(pid < 0)
      die("child %d: none", i);
    if(pid == 0)
      child(page, go);
  }
  close(go[1]);
  for(int i = 0; i < n; i++)
    if(wait(&status) < 0 || status != 0)
      die("a child found something else");
  printf("crowd: %d waited, %s\n", n, *page == 1 ? "ok" : "and changed it");
}

static void
crowd_map(void)
{
  int fd = open("crowd.page", O_RDWR | O_CREATE), status;
  volatile uint64 *mappings = map(MAP_SHARED | MAP_ANONYMOUS, -1);
  if(fd < 0 || sys_ftruncate(fd, PAGE) != 0)
    die("no file");
  if(fork() == 0)
    for(;; ++*mappings)
      *map(MAP_SHARED, fd) = 1;
  sys_wait4(-1, &status, 0, NULL);
  printf("crowd: %lu mappings, then signal %d\n", *mappings, status & 0x7f);
}

int
main(int argc, char **argv)
{
  if(argc == 3 && strcmp(argv[1], "wait") == 0)
    crowd_wait(atoi(argv[2]));
  else
    crowd_map();
  return 0;
}
