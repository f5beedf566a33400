// SPDX-License-Identifier: MIT
//
// Shared memory by name: made, mapped twice, shared with a child, cut under a
// mapping, and gone with its last user.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 8 };

static char name[64];
static sigjmp_buf back;

#define TRY(call) do { \
  errno = 0; \
  long r_ = (long)(call); \
  printf("%s = %s%s\n", #call, r_ < 0 ? "error: " : "ok", r_ < 0 ? strerror(errno) : ""); \
} while(0)

static void
on_bus(int sig, siginfo_t *info, void *context)
{
  siglongjmp(back, info->si_code);
}

// => what reading a byte there is like
static const char *
probe(volatile char *p)
{
  static char text[32];
  int code = sigsetjmp(back, 1);
  if(code == 0)
    snprintf(text, sizeof text, "%d", *p);
  else
    snprintf(text, sizeof text, "SIGBUS, code %d", code);
  return text;
}

static char *
map(int fd, int prot, int flags)
{
  char *p = mmap(NULL, PAGES * PAGE, prot, flags, fd, 0);
  printf("mapped: %s\n", p == MAP_FAILED ? strerror(errno) : "ok");
  return p;
}

static void
show(int fd, const char *when)
{
  struct stat st;
  fstat(fd, &st);
  printf("%s: size %ld, mode %o, links %ld\n", when, (long)st.st_size, st.st_mode,
         (long)st.st_nlink);
}

// Everything about one object that is open for reading and writing.
static void
use(int fd)
{
  show(fd, "new");
  TRY(ftruncate(fd, PAGES * PAGE));
  char *a = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
  char *b = map(fd, PROT_READ, MAP_SHARED);
  char *own = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  printf("holes: %d %s\n", a[0], probe(b + 3 * PAGE));
  strcpy(a + PAGE - 3, "across");
  own[2 * PAGE] = 5;
  show(fd, "two pages");
  printf("seen: %s, mine: %s, not mine: %d\n", b + PAGE - 3, own + PAGE - 3, a[2 * PAGE]);
  if(fork() == 0){
    strcpy(a + 5 * PAGE, "from the child");
    pwrite(fd, "written", 8, 6 * PAGE);
    _exit(0);
  }
  wait(NULL);
  printf("%s, %s\n", b + 5 * PAGE, b + 6 * PAGE);
  TRY(ftruncate(fd, PAGE + 2));
  show(fd, "cut");
  printf("before the end: %s, in its page: %s\n", b + PAGE - 3, probe(a + 2 * PAGE - 1));
  printf("past it: %s, private: %s\n", probe(a + 2 * PAGE), probe(own + 2 * PAGE));
  TRY(ftruncate(fd, PAGES * PAGE));
  printf("again: %s, %d\n", probe(b + 5 * PAGE), a[PAGE + 2]);
  show(fd, "grown");
  TRY(lseek(fd, 0, SEEK_END));
  munmap(a, PAGES * PAGE);
  munmap(b, PAGES * PAGE);
  munmap(own, PAGES * PAGE);
}

int
main(void)
{
  struct sigaction bus = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };
  sigaction(SIGBUS, &bus, NULL);
  snprintf(name, sizeof name, "/quire-%d", getpid());
  TRY(shm_open(name, O_RDWR, 0600));
  int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0640);
  printf("close-on-exec: %d\n", fcntl(fd, F_GETFD));
  TRY(shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
  use(fd);
  int other = shm_open(name, O_RDONLY, 0);
  TRY(write(other, "x", 1));
  TRY(ftruncate(other, 0));
  TRY(shm_unlink(name));
  TRY(shm_unlink(name));
  show(other, "without a name");
  close(fd);
  close(other);

  fd = memfd_create("some", MFD_CLOEXEC);
  printf("close-on-exec: %d\n", fcntl(fd, F_GETFD));
  use(fd);
  TRY(memfd_create("some", 0x8000));
  TRY(memfd_create(NULL, 0));
  char longest[260];
  memset(longest, 'n', sizeof longest);
  longest[249] = 0;
  TRY(memfd_create(longest, 0));
  longest[249] = 'n';
  longest[250] = 0;
  TRY(memfd_create(longest, 0));
  return 0;
}
