// SPDX-License-Identifier: MIT
//
// usertests: the system calls, tried.  -q: without the slow tests; -l: list them;
// names: only those.  Ends with ALL TESTS PASSED, or SOME TESTS FAILED and
// status 1.

#include "user/usertest.h"

static const struct test *const groups[] = {
  pointer_tests, memory_tests, process_tests, exec_tests,
  file_tests, directory_tests, pipe_tests, limit_tests,
};
enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };
enum { PREFIX_MAX = 200 };

static char directory[] = "usertests.tmp";
static char program_prefix[PREFIX_MAX] = "/";
static int failures, runs;

const uint64 bad_addresses[BAD_ADDRESSES] = {
  0, 8, 0x80000000, 0x80200000, 0x3fffffe000, 0x3ffffff000, 0x4000000000, 0xffffffc080200000,
  0xffffffff80200000, 0xffffffffffffffff,
};

// ---- For the tests ----

bool
on_quire(void)
{
  return exists("/proc/sys/vm/check");
}

const char *
program(const char *name)
{
  static char path[PREFIX_MAX + NAME_MAX + 1];
  strcpy(path, program_prefix);
  strcpy(path + strlen(path), name);
  return path;
}

int
status_of(void (*fn)(void *), void *arg)
{
  int status, pid = must_fork();
  if(pid == 0){
    fn(arg);
    exit(0);
  }
  require(wait(&status) == pid);
  return status;
}

int
open_file(const char *path, int flags)
{
  int fd = open(path, flags);
  require(fd >= 0);
  return fd;
}

void
make_file(const char *path, const void *data, int n)
{
  int fd = open_file(path, O_CREATE | O_TRUNC | O_WRONLY);
  require(write(fd, data, n) == n);
  require(close(fd) == 0);
}

bool
exists(const char *path)
{
  struct kstat st;
  return sys_lstat(path, &st) == 0;
}

static uchar
byte_at(size_t i, uint seed)
{
  return (i * 31 + (i >> 8) * 7 + (i >> 16)) ^ (seed * 101 + 55);
}

void
fill(void *p, size_t n, uint seed)
{
  for(size_t i = 0; i < n; i++)
    ((uchar *)p)[i] = byte_at(i, seed);
}

bool
is_filled(const void *p, size_t n, uint seed)
{
  for(size_t i = 0; i < n; i++)
    if(((const uchar *)p)[i] != byte_at(i, seed))
      return false;
  return true;
}

bool
is_zero(const void *p, size_t n)
{
  for(size_t i = 0; i < n; i++)
    if(((const uchar *)p)[i] != 0)
      return false;
  return true;
}

// ---- Running them ----

static void
run(const struct test *t)
{
  int status = -1, pid;

  printf("test %s: ", t->name);
  runs++;
  if(exists(directory))
    remove_tree(directory);              // of a run that was interrupted
  if(sys_mkdir(directory, 0777) < 0)
    die("%s cannot be made", directory);
  pid = fork();
  if(pid == 0){
    if(chdir(directory) < 0)
      exit(1);
    t->run();
    exit(0);
  }
  if(pid < 0 || wait(&status) != pid)
    status = -1;
  if(!remove_tree(directory))
    status = -1;
  printf(status == 0 ? "OK\n" : "FAILED\n");
  failures += status != 0;
}

static bool
is_named(const struct test *t, int n, char **names)
{
  for(int i = 0; i < n; i++)
    if(strcmp(names[i], t->name) == 0)
      return true;
  return false;
}

static const struct test *
find(const char *name)
{
  for(int g = 0; g < GROUPS; g++)
    for(const struct test *t = groups[g]; t->name; t++)
      if(strcmp(t->name, name) == 0)
        return t;
  return NULL;
}

static void
set_program_prefix(const char *self)
{
  const char *slash = find_last(self, '/');
  size_t n = slash ? slash - self + 1 : 0;
  if(n == 0 || n >= PREFIX_MAX || self[0] != '/')
    return;
  memcpy(program_prefix, self, n);
  program_prefix[n] = 0;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "ql", "usertests [-q] [-l] [test ...]" };
  bool quick = false, list = false;

  for(int c; (c = option(&o)) != 0;){
    quick |= c == 'q';
    list |= c == 'l';
  }
  for(int i = o.at; i < argc; i++)
    if(!find(argv[i]))
      die("there is no test %s", argv[i]);
  set_program_prefix(argv[0]);
  if(!list)
    printf("usertests starting\n");
  for(int g = 0; g < GROUPS; g++)
    for(const struct test *t = groups[g]; t->name; t++){
      if(o.at < argc ? !is_named(t, argc - o.at, argv + o.at) : quick && t->slow)
        continue;
      if(list)
        printf("%s%s\n", t->name, t->slow ? " (slow)" : "");
      else
        run(t);
    }
  if(list)
    return 0;
  if(failures)
    printf("%d of %d tests failed\nSOME TESTS FAILED\n", failures, runs);
  else
    printf("ALL TESTS PASSED\n");
  return failures != 0;
}
