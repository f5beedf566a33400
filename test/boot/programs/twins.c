// SPDX-License-Identifier: MIT
//
// twins FILE: a process and its child, of two threads each.  When there is /go the second
// thread of each adds its letter to FILE, and its process ends.  With another argument the
// first threads leave at once.

#include "user/sys.h"
#include "user/ulib.h"
#include "user/user.h"

enum { NR_exit_thread = 93, NR_clone_call = 220, VM_FS_FILES_SIGHAND_THREAD = 0x10f00 };

static long fd;
static bool is_child;
static char stack[8192] __attribute__((aligned(16)));

static void
nap(void)
{
  sys_nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
}

static void __attribute__((noreturn))
tell(void)
{
  int status;
  long go;

  while((go = sys_open("/go", O_RDONLY, 0)) < 0)
    nap();
  while(sys_write(fd, is_child ? "b" : "a", 1) != 1)
    nap();
  if(!is_child)
    sys_wait(-1, &status, 0);
  exit(0);
}

static void
start(void (*fn)(void), char *top)
{
  register long a0 asm("a0") = VM_FS_FILES_SIGHAND_THREAD;
  register char *a1 asm("a1") = top;
  register long a7 asm("a7") = NR_clone_call;
  register void (*s1)(void) asm("s1") = fn;

  __asm__ volatile("ecall\n bnez a0, 1f\n jalr s1\n1:"
                   : "+r"(a0) : "r"(a1), "r"(a7), "r"(s1) : "memory", "ra");
  if(a0 < 0)
    die("no thread");
}

int
main(int argc, char **argv)
{
  fd = argc >= 2 ? sys_open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
  if(fd < 0)
    die("no file");
  is_child = fork() == 0;
  start(tell, stack + sizeof stack);
  if(argc > 2)
    syscall1(NR_exit_thread, 0);
  for(;;)
    nap();
}
