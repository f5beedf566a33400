// SPDX-License-Identifier: MIT
//
// refs: run a command between two marks, which tell tools/trace.c, a plugin for QEMU,
// whose memory references to note: `make trace`.  Without it they do nothing.

#include "user/ulib.h"
#include "user/user.h"

// Instructions without effect (RISC-V Unprivileged ISA, HINT instructions).
#define MARK(n) __asm__ volatile("slti x0, x0, %0" :: "i"(n) : "memory")
enum { MARK_BEGIN = 0x7e1, MARK_END = 0x7e2 };

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "", "refs command [argument...]" };
  struct text path = { 0 };
  int status = 0;

  option(&o);
  if(o.at == argc)
    usage(&o);
  argv += o.at;
  text_format(&path, "%s%s", strchr(argv[0], '/') ? "" : "/", argv[0]);
  int pid = fork();
  if(pid < 0)
    die("cannot fork");
  if(pid == 0){
    MARK(MARK_BEGIN);
    exec(path.s, argv);
    die("cannot execute %s", path.s);
  }
  wait(&status);
  MARK(MARK_END);
  return status;
}
