// SPDX-License-Identifier: MIT
//
// quilt: memory that a child shares, in many areas, for every second page must not be
// written to.  When there is a file `go' both look whether all is as it was.

#include "user/sys.h"
#include "user/ulib.h"
#include "user/user.h"

enum { PAGES = 2000, WORDS = 4096 / 8 };

static int
look(const uint64 *page)
{
  struct timespec moment = { 0, 20000000 };
  long fd;

  while((fd = sys_open("go", O_RDONLY, 0)) < 0)
    sys_nanosleep(&moment, NULL);
  sys_close(fd);
  for(int i = 0; i < PAGES; i++)
    if(page[i * WORDS] != (uint64)i)
      return 1;
  return 0;
}

int
main(void)
{
  long at = sys_mmap(NULL, PAGES * WORDS * 8, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  uint64 *page = (uint64 *)at;
  int status;

  if(at < 0)
    die("no memory");
  for(int i = 0; i < PAGES; i++)
    page[i * WORDS] = i;
  for(int i = 1; i < PAGES; i += 2)
    if(sys_mprotect(&page[i * WORDS], WORDS * 8, PROT_READ) < 0)
      die("mprotect");
  if(fork() == 0)
    exit(look(page));
  int wrong = look(page);
  wait(&status);
  printf("quilt: %s\n", wrong || status ? "torn" : "whole");
  return wrong || status;
}
