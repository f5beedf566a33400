// SPDX-License-Identifier: MIT
//
// stressfs: several processes write files at once, read them back and remove
// them.

#include "user/ulib.h"
#include "user/user.h"

enum { WRITERS = 5, BLOCKS = 100, BLOCK = 512 };

static char buf[BLOCK], back[BLOCK];

static void __attribute__((noreturn))
stress(int k)
{
  char name[] = "stressfs0";
  int fd;

  name[8] += k;
  memset(buf, 'a' + k, sizeof(buf));
  fd = open(name, O_CREATE | O_TRUNC | O_RDWR);
  if(fd < 0)
    die("%s cannot be made", name);
  for(int i = 0; i < BLOCKS; i++)
    if(write(fd, buf, BLOCK) != BLOCK)
      die("%s: write failed", name);
  close(fd);

  fd = open(name, O_RDONLY);
  for(int i = 0; i < BLOCKS; i++)
    if(read(fd, back, BLOCK) != BLOCK || memcmp(buf, back, BLOCK) != 0)
      die("%s: read back something else", name);
  close(fd);
  if(unlink(name) < 0)
    die("%s cannot be removed", name);
  exit(0);
}

int
main(void)
{
  int status, failures = 0;

  printf("stressfs starting\n");
  for(int k = 0; k < WRITERS; k++){
    int pid = fork();
    if(pid == 0)
      stress(k);
    failures += pid < 0;
  }
  while(wait(&status) > 0)
    failures += status != 0;
  printf(failures ? "stressfs FAILED\n" : "stressfs OK\n");
  return failures != 0;
}
