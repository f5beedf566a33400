// SPDX-License-Identifier: MIT
//
// mremap, msync, mincore, mlock and madvise, in order and out of order.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "say.h"

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static void
say_at(const char *what, void *p, void *expected)
{
  printf("%s: %s\n", what,
         p == MAP_FAILED ? strerror(errno) : p == expected ? "there" : "elsewhere");
}

static char *
arena(size_t pages)
{
  char *p = mmap(NULL, pages * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
  if(p == MAP_FAILED)
    exit(1);
  return p;
}

static char *
fill(char *p, size_t pages, int seed)
{
  for(size_t i = 0; i < pages; i++)
    memset(p + i * PAGE, (int)(seed + i), PAGE);
  return p;
}

static unsigned
sum(const char *p, size_t n)
{
  unsigned s = 0;
  for(size_t i = 0; i < n; i++)
    s = s * 31 + (unsigned char)p[i];
  return s;
}

static char *
put(char *at, size_t pages)
{
  return mmap(at, pages * PAGE, RW, ANON | MAP_FIXED, -1, 0);
}

static void
remap_private(void)
{
  char *a = arena(64);
  fill(put(a, 4), 4, 1);
  say_at("grow in place, no room", mremap(a, 4 * PAGE, 6 * PAGE, 0), a);
  munmap(a + 4 * PAGE, 4 * PAGE);
  say_at("grow in place", mremap(a, 4 * PAGE, 6 * PAGE, 0), a);
  printf("grown: %u %u\n", sum(a, 4 * PAGE), sum(a + 4 * PAGE, 2 * PAGE));
  say_at("shrink", mremap(a, 6 * PAGE, 2 * PAGE, 0), a);
  say_at("move", mremap(a, 2 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, a + 32 * PAGE),
         a + 32 * PAGE);
  printf("moved: %u %u\n", sum(a + 32 * PAGE, 2 * PAGE), sum(a + 34 * PAGE, 3 * PAGE));
  say_at("nothing there", mremap(a, PAGE, PAGE, MREMAP_MAYMOVE), a);
  say_at("overlap", mremap(a + 32 * PAGE, 5 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                           a + 33 * PAGE), a);
  say_at("fixed alone", mremap(a + 32 * PAGE, PAGE, PAGE, MREMAP_FIXED, a), a);
  say_at("no length", mremap(a + 32 * PAGE, PAGE, 0, 0), a);
  say_at("unaligned", mremap(a + 32 * PAGE + 1, PAGE, PAGE, 0), a);
  say_at("two areas", mremap(a + 35 * PAGE, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE), a);
  say("lock", mlock(a + 32 * PAGE, 2 * PAGE));
  say_at("leave it", mremap(a + 32 * PAGE, 2 * PAGE, 2 * PAGE,
                            MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, a + 8 * PAGE),
         a + 8 * PAGE);
  printf("left: %u %u\n", sum(a + 8 * PAGE, 2 * PAGE), sum(a + 32 * PAGE, 2 * PAGE));
  say("moved locked", madvise(a + 8 * PAGE, 2 * PAGE, MADV_DONTNEED));
  say("left unlocked", madvise(a + 32 * PAGE, 2 * PAGE, MADV_DONTNEED));
  munmap(a, 64 * PAGE);
}

// What was common with a child moves away from it; the child's stays.
static void
remap_after_fork(void)
{
  enum { PAGES = 1100 };
  char *a = arena(4 * PAGES), *to = a + 2 * PAGES * PAGE;
  int turn[2];
  fill(put(a, PAGES), PAGES, 3);
  if(pipe(turn) != 0)
    exit(1);
  fflush(stdout);
  pid_t pid = fork();
  if(pid == 0){
    char c;
    read(turn[0], &c, 1);
    printf("child: %u\n", sum(a, PAGES * PAGE));
    fflush(stdout);
    _exit(0);
  }
  say_at("move common pages", mremap(a, PAGES * PAGE, PAGES * PAGE,
                                     MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
  memset(to + PAGE, 99, PAGE);
  printf("parent: %u\n", sum(to, PAGES * PAGE));
  fflush(stdout);
  write(turn[1], "x", 1);
  waitpid(pid, NULL, 0);
  pid = fork();
  if(pid == 0){
    to[0] = 1;
    _exit(to[PAGE] != 99);
  }
  int status;
  waitpid(pid, &status, 0);
  printf("after: %d %u\n", WEXITSTATUS(status), sum(to, PAGES * PAGE));
  munmap(a, 4 * PAGES * PAGE);
}

static void
files(void)
{
  char *a = arena(32), in[PAGE];
  int fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
  for(int i = 0; i < 4; i++){
    memset(in, 'a' + i, PAGE);
    write(fd, in, PAGE);
  }
  char *p = mmap(a, 4 * PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 0);
  p[PAGE] = 'X';
  pread(fd, in, 2, PAGE);
  printf("seen by read: %.2s\n", in);
  say("msync", msync(p, 4 * PAGE, MS_SYNC));
  say("msync both", msync(p, PAGE, MS_SYNC | MS_ASYNC));
  say("msync unaligned", msync(p + 1, PAGE, MS_SYNC));
  say("msync async", msync(p, 3, MS_ASYNC));
  munmap(a + 8 * PAGE, PAGE);
  say("msync with a hole", msync(p, 16 * PAGE, MS_SYNC));
  say_at("move shared", mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                               a + 16 * PAGE), a + 16 * PAGE);
  printf("%c%c%c\n", a[16 * PAGE], a[17 * PAGE], a[18 * PAGE]);
  char *twin = mremap(a + 16 * PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE);
  twin[1] = 'T';
  printf("twin: %d, %c\n", twin != MAP_FAILED, a[16 * PAGE + 1]);
  say_at("twin in its own place", mremap(twin, 0, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, twin), twin);
  say_at("gone with that", mremap(twin, PAGE, PAGE, 0), twin);
  char *mine = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, PAGE);
  mine[0] = 'm';
  say_at("no twin of private", mremap(mine, 0, PAGE, MREMAP_MAYMOVE), mine);
  mine = mremap(mine, 3 * PAGE, 9 * PAGE, MREMAP_MAYMOVE);
  printf("private: %c%c%c\n", mine[0], mine[1], mine[2 * PAGE]);
  madvise(mine, 3 * PAGE, MADV_DONTNEED);
  printf("again: %c%c\n", mine[0], mine[2 * PAGE]);
  say("willneed", madvise(mine, 3 * PAGE, MADV_WILLNEED));
  say("free a file's", madvise(mine, PAGE, MADV_FREE));
  say("remove private", madvise(mine, PAGE, MADV_REMOVE));
  close(fd);
  unlink("mapped");
}

static void
in_memory(void)
{
  unsigned char in[8];
  char *a = put(arena(8), 8);
  a[0] = a[3 * PAGE] = 1;
  say("mincore", mincore(a, 8 * PAGE, in));
  for(int i = 0; i < 8; i++)
    printf("%d", in[i] & 1);
  printf("\n");
  say("mincore unaligned", mincore(a + 1, PAGE, in));
  say("mincore, no vector", mincore(a, PAGE, (unsigned char *)1));
  munmap(a + 2 * PAGE, PAGE);
  say("mincore with a hole", mincore(a, 4 * PAGE, in));
  say("mlock", mlock(a, PAGE + 1));
  mincore(a, 2 * PAGE, in);
  printf("locked: %d%d\n", in[0] & 1, in[1] & 1);
  say("dontneed what is locked", madvise(a, PAGE, MADV_DONTNEED));
  say("mlock with a hole", mlock(a, 4 * PAGE));
  say("munlock", munlock(a, 2 * PAGE));
  say("dontneed", madvise(a, PAGE, MADV_DONTNEED));
  printf("%d %d\n", a[0], a[3 * PAGE]);
  say("dontneed with a hole", madvise(a, 4 * PAGE, MADV_DONTNEED));
  printf("%d\n", a[3 * PAGE]);
  say("unknown advice", madvise(a, PAGE, 77));
  say("no length", madvise(a, 0, MADV_DONTNEED));
  say("mlockall with nothing", mlockall(0));
  say("mlockall", mlockall(MCL_FUTURE));
  char *b = put(arena(4), 4);
  mincore(b, 4 * PAGE, in);
  printf("future: %d%d%d%d\n", in[0] & 1, in[1] & 1, in[2] & 1, in[3] & 1);
  say("munlockall", munlockall());
  munmap(a, 8 * PAGE);
  // With a hole it is locked, and not brought in; nor by moving it, but for what is new.
  a = put(arena(16), 4);
  munmap(a + 4 * PAGE, PAGE);
  say("lock and a hole", mlock(a, 5 * PAGE));
  say_at("grow what is locked", mremap(a, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                                       a + 8 * PAGE), a);
  mincore(a + 8 * PAGE, 6 * PAGE, in);
  printf("moved: %d%d%d%d, new: %d%d\n", in[0] & 1, in[1] & 1, in[2] & 1, in[3] & 1, in[4] & 1,
         in[5] & 1);
  munmap(a + 8 * PAGE, 6 * PAGE);
}

static void
at_fork(void)
{
  char *a = put(arena(3), 3);
  fill(a, 3, 5);
  say("dontfork", madvise(a, PAGE, MADV_DONTFORK));
  say("wipeonfork", madvise(a + PAGE, PAGE, MADV_WIPEONFORK));
  fflush(stdout);
  pid_t pid = fork();
  if(pid == 0){
    unsigned char in[3];
    say("child: what was not forked", mincore(a, PAGE, in));
    printf("child: %d %d\n", a[PAGE], a[2 * PAGE]);
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  printf("parent: %d %d %d\n", a[0], a[PAGE], a[2 * PAGE]);
}

static void
promises(void)
{
  size_t huge = (size_t)64 << 30;
  char *p = mmap(NULL, huge, RW, ANON, -1, 0);
  printf("64 GiB: %s\n", p == MAP_FAILED ? strerror(errno) : "given");
  p = mmap(NULL, huge, RW, ANON | MAP_NORESERVE, -1, 0);
  p[huge / 2] = 1;
  printf("without reserve: %s\n", p == MAP_FAILED ? strerror(errno) : "given");
  munmap(p, huge);
  p = mmap(NULL, huge, PROT_NONE, ANON, -1, 0);
  printf("address space: %s\n", p == MAP_FAILED ? strerror(errno) : "given");
}

// What a heap grows by is new memory, however its last page was treated.
static void
heap(void)
{
  int status;
  fflush(stdout);
  if(fork() == 0){                     // with nothing of the C library's above it
    char *end = (char *)(((uintptr_t)sbrk(0) + PAGE - 1) & -PAGE);
    brk(end + 2 * PAGE);
    madvise(end, PAGE, MADV_DONTFORK);
    mprotect(end + PAGE, PAGE, PROT_READ);
    brk(end + 3 * PAGE);
    end[2 * PAGE] = 7;
    madvise(end + 2 * PAGE, PAGE, MADV_DONTFORK);
    brk(end + 4 * PAGE);
    end[3 * PAGE] = 8;
    pid_t pid = fork();
    if(pid == 0)
      _exit(end[3 * PAGE]);
    waitpid(pid, &status, 0);
    _exit(WIFEXITED(status) ? end[2 * PAGE] * 10 + WEXITSTATUS(status) : 1);
  }
  wait(&status);
  printf("heap: %x\n", status);
}

int
main(void)
{
  remap_private();
  remap_after_fork();
  files();
  in_memory();
  at_fork();
  promises();
  heap();
  return 0;
}
