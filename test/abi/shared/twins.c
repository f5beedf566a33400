// SPDX-License-Identifier: MIT
//
// Two processes that share nothing but their program: each is started by an execve
// of its own, says where libc is, and waits.  A newline on standard input ends them.

#define _GNU_SOURCE
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY = 9 };                    // where a twin tells that it waits

static int
say_libc(struct dl_phdr_info *i, size_t size, void *name)
{
  const char *base = strrchr(i->dlpi_name, '/');
  if(base == NULL || strcmp(base, "/libc.so.6") != 0)
    return 0;
  for(int k = 0; k < i->dlpi_phnum; k++){
    const ElfW(Phdr) *p = &i->dlpi_phdr[k];
    if(p->p_type == PT_LOAD)
      printf("%s%s %#lx %#lx %#lx\n", (char *)name, p->p_flags & PF_X ? "text" : "data",
             (unsigned long)(i->dlpi_addr + p->p_vaddr), (unsigned long)p->p_filesz,
             (unsigned long)p->p_offset);
  }
  return 1;
}

static int
twin(const char *name)
{
  printf("%spid %d\n", name, getpid());
  dl_iterate_phdr(say_libc, (void *)name);
  fflush(stdout);
  write(READY, "x", 1);
  for(;;)
    pause();
}

static pid_t
start(const char *self, const char *name)
{
  char c;
  int ready[2];
  pipe(ready);
  pid_t pid = fork();
  if(pid == 0){
    dup2(ready[1], READY);
    execl("/proc/self/exe", self, name, NULL);
    _exit(1);
  }
  read(ready[0], &c, 1);
  close(ready[0]);
  close(ready[1]);
  return pid;
}

int
main(int argc, char **argv)
{
  char c;
  if(argc > 1)
    return twin(argv[1]);
  pid_t one = start(argv[0], "one-"), two = start(argv[0], "two-");
  printf("waiting\n");
  fflush(stdout);
  read(0, &c, 1);
  kill(one, SIGKILL);
  kill(two, SIGKILL);
  while(wait(NULL) > 0)
    ;
  return 0;
}
