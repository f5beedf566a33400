// SPDX-License-Identifier: MIT
//
// Makes N empty files in the current directory, or with -r removes them; stops
// at the first that cannot be made.

#include "kernel/types.h"
#include "kernel/fcntl.h"
#include "user/user.h"

static char name[] = "a-name-of-some-length-0000000";

static void
set_name(int n)
{
  for(int i = sizeof(name) - 2; n; i--, n /= 10)
    name[i] = '0' + n % 10;
}

static void
reset_name(void)
{
  memset(name + sizeof(name) - 8, '0', 7);
}

int
main(int argc, char *argv[])
{
  int removing = argc == 3 && strcmp(argv[1], "-r") == 0;
  if(argc != 2 + removing){
    fprintf(2, "usage: names [-r] N\n");
    exit(1);
  }
  int n = atoi(argv[argc - 1]);
  for(int i = 0; i < n; i++){
    reset_name();
    set_name(i);
    int fd = removing ? unlink(name) : open(name, O_WRONLY | O_CREATE);
    if(fd < 0){
      printf("names: stopped after %d\n", i);
      exit(1);
    }
    if(!removing)
      close(fd);
  }
  printf("names: %s %d\n", removing ? "removed" : "made", n);
  exit(0);
}
