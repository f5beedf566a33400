// SPDX-License-Identifier: MIT
//
// The first process: a shell on the console, again whenever it ends, and a
// parent for processes that have lost theirs.  The kernel has mounted all but /tmp.
//
// With `test=PROGRAM` on the kernel's command line, that program runs instead of
// the shell and once, with the words behind a `--` as its arguments.  Its status
// becomes init's, with which the kernel ends the machine.

#include "user/ulib.h"
#include "user/user.h"

// Descriptors 0, 1 and 2, if the kernel has not opened them.
static void
open_console(void)
{
  long fd = sys_open("/dev/console", O_RDWR, 0);
  if(fd < 0)
    fd = sys_open("/console", O_RDWR, 0);
  if(fd < 0)
    return;
  for(int i = 0; i < 3; i++)
    if(i != fd)
      sys_dup3(fd, i, 0);
  if(fd > 2)
    sys_close(fd);
}

// Where nothing has to last.  Without it files go to the disk.
static void
mount_tmp(void)
{
  sys_mkdir("/tmp", 01777);
  sys_mount("tmpfs", "/tmp", "tmpfs", NULL);
}

// ---- The kernel's command line ----

static char line[4096];
static char *arguments[sizeof(line) / 2];      // of the test: words of the line

// Cuts the next word off. => NULL if there is none
static char *
next_word(char **at)
{
  char *word = *at, *end;
  while(*word == ' ' || *word == '\n')
    word++;
  for(end = word; *end && *end != ' ' && *end != '\n'; end++)
    ;
  *at = *end ? end + 1 : end;
  *end = 0;
  return *word ? word : NULL;
}

static void
read_line(void)
{
  long fd = sys_open("/proc/cmdline", O_RDONLY, 0);
  if(fd < 0)
    return;
  sys_read(fd, line, sizeof(line) - 1);
  sys_close(fd);
}

// What the line says of two things: the program that is the test, if one is, and the
// device to swap to.
static char *test;
static const char *swap_device;

static void
parse_line(void)
{
  static const char test_is[] = "test=", swap_is[] = "swap=";
  char *at = line, *word;
  int n = 1;
  while((word = next_word(&at)) && strcmp(word, "--") != 0)
    if(starts_with(word, test_is))
      arguments[0] = test = word + strlen(test_is);
    else if(starts_with(word, swap_is))
      swap_device = word + strlen(swap_is);
  while((word = next_word(&at)))
    arguments[n++] = word;
}

static bool
is_swap_area(const char *path)
{
  enum { SIGNATURE = 4086, LENGTH = 10 };
  char s[LENGTH];
  long fd = sys_open(path, O_RDONLY, 0);
  if(fd < 0)
    return false;
  long r = sys_pread(fd, s, LENGTH, SIGNATURE);
  sys_close(fd);
  return r == LENGTH && memcmp(s, "SWAPSPACE2", LENGTH) == 0;
}

// The second disk, if there is one with a header on it, unless the line says otherwise;
// swap=none for none.  No heap: without memory init would end, and with it the machine.
static void
swap_on(void)
{
  static char path[sizeof(line) + 5] = "/dev/";
  if(swap_device && strcmp(swap_device, "none") == 0)
    return;
  strcpy(path + 5, swap_device ? swap_device : "vdb");
  if(swap_device || is_swap_area(path)){
    long r = sys_swapon(path, 0);
    if(r)
      warn_error(path, r);
  }
}

// ---- Children ----

// A session of its own, with the console as its terminal and itself in front.
static long
start(const char *program, char **argv)
{
  static char *environment[] = { "PATH=/:/bin", "HOME=/", "TERM=vt100", NULL };
  long pid = sys_fork();
  if(pid < 0)
    warn_error("fork", pid);
  if(pid != 0)
    return pid;

  sys_setsid();
  sys_ioctl(0, TIOCSCTTY, NULL);
  int group = sys_getpid();
  sys_ioctl(0, TIOCSPGRP, &group);
  long r = sys_execve(program, argv, environment);
  if(r == -ENOENT && strcmp(program, "/sh") == 0)
    r = sys_execve("/bin/sh", argv, environment);
  warn_error(program, r);
  exit(127);
}

// => its status when that child has ended, or there is none
static int
reap_until(long pid)
{
  int status = 0;
  long r;

  do
    r = sys_wait(-1, &status, 0);
  while(r != pid && r != -ECHILD);
  return status;
}

static void __attribute__((noreturn))
run_test(const char *program)
{
  long pid = start(program, arguments);
  int status = pid < 0 ? 127 << 8 : reap_until(pid);
  exit(wait_signal(status) ? 128 + wait_signal(status) : wait_code(status));
}

int
main(void)
{
  static const struct timespec second = { 1, 0 };
  static char *argv[] = { "sh", NULL };
  struct timespec before, after;

  open_console();
  mount_tmp();
  read_line();
  parse_line();
  swap_on();
  sys_mlockall(MCL_CURRENT | MCL_FUTURE);      // so that no swap disk that fails ends the machine
  if(test)
    run_test(test);
  for(;;){
    printf("init: starting sh\n");
    sys_clock(CLOCK_MONOTONIC, &before);
    reap_until(start("/sh", argv));
    // A shell that cannot live must not keep the machine busy.
    sys_clock(CLOCK_MONOTONIC, &after);
    if(after.sec - before.sec < 1)
      sys_nanosleep(&second, NULL);
  }
}
