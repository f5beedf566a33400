// SPDX-License-Identifier: MIT
//
// mmaptest: mappings, anonymous and of files, private and shared, their protection,
// and unmapping them in pieces.  Ends with ALL MMAP TESTS PASSED, or status 1.

#include "kernel/types.h"
#include "kernel/fcntl.h"
#include "kernel/riscv.h"
#include "kernel/stat.h"
#include "user/require.h"
#include "user/ulib.h"
#include "user/user.h"

enum { RW = PROT_READ | PROT_WRITE };

static char *
map(int pages, int prot, int flags)
{
  long r = sys_mmap(NULL, pages * PGSIZE, prot, flags | MAP_ANONYMOUS, -1, 0);
  require(r > 0 && r % PGSIZE == 0);
  return (char *)r;
}

static bool
survives(void (*fn)(char *), char *arg)
{
  int status, pid = fork();

  require(pid >= 0);
  if(pid == 0){
    fn(arg);
    exit(0);
  }
  require(wait(&status) == pid);
  return status == 0;
}

static void load(char *p) { *(volatile char *)p; }
static void store(char *p) { *(volatile char *)p = 1; }
static void jump(char *p) { ((void (*)(void))p)(); }

static void
test_private(void)
{
  char *p = map(10, RW, MAP_PRIVATE);

  for(int i = 0; i < 10 * PGSIZE; i++)
    require(p[i] == 0);
  p[0] = 1;
  require(survives(store, p + 1) && p[1] == 0);
  require(sys_munmap(p, 10 * PGSIZE) == 0);
  require(!survives(load, p));
}

static void
test_shared(void)
{
  char *p = map(10, RW, MAP_SHARED), *q;

  require(survives(store, p) && p[0] == 1);
  require(survives(store, p + 9 * PGSIZE) && p[9 * PGSIZE] == 1);
  // Through two generations, and when the parent's part is unmapped.
  int status, pid = fork();
  require(pid >= 0);
  if(pid == 0){
    require(survives(store, p + 5 * PGSIZE));
    require(p[5 * PGSIZE] == 1);
    require(sys_munmap(p, 5 * PGSIZE) == 0);
    p[6 * PGSIZE] = 2;
    exit(0);
  }
  require(wait(&status) == pid && status == 0);
  require(p[5 * PGSIZE] == 1 && p[6 * PGSIZE] == 2 && p[0] == 1);
  q = map(1, RW, MAP_SHARED);
  require(q[0] == 0);
}

static void
test_protection(void)
{
  static const uint ret[2] = { 0x00008067, 0x00008067 };
  char *none = map(1, PROT_NONE, MAP_PRIVATE), *ro = map(1, PROT_READ, MAP_PRIVATE);
  char *rw = map(1, RW, MAP_PRIVATE);
  int fds[2];

  require(!survives(load, none) && !survives(store, none));
  require(survives(load, ro) && !survives(store, ro) && !survives(jump, ro));
  memcpy(rw, ret, sizeof(ret));
  require(!survives(jump, rw));
  require(sys_mprotect(rw, PGSIZE, PROT_READ | PROT_EXEC) == 0);
  require(survives(jump, rw) && !survives(store, rw));
  // The kernel respects it too.
  require(pipe(fds) == 0 && write(fds[1], "x", 1) == 1);
  require(sys_read(fds[0], ro, 1) == -EFAULT);
  require(sys_write(fds[1], none, 1) == -EFAULT);
}

// Contents stay while the protection comes and goes, with fork in between.
static void
test_mprotect(void)
{
  char *p = map(8, RW, MAP_PRIVATE);

  for(int i = 0; i < 8; i++)
    p[i * PGSIZE] = i + 1;
  require(sys_mprotect(p + 2 * PGSIZE, 3 * PGSIZE, PROT_NONE) == 0);
  require(survives(store, p + PGSIZE) && !survives(load, p + 2 * PGSIZE));
  require(!survives(load, p + 4 * PGSIZE) && survives(store, p + 5 * PGSIZE));
  require(sys_mprotect(p + 3 * PGSIZE, PGSIZE, PROT_READ) == 0);
  require(p[3 * PGSIZE] == 4 && !survives(store, p + 3 * PGSIZE));
  require(sys_mprotect(p, 8 * PGSIZE, RW) == 0);
  for(int i = 0; i < 8; i++){
    require(p[i * PGSIZE] == i + 1);
    p[i * PGSIZE] += 10;
  }
  require(sys_mprotect(p + 1, PGSIZE, RW) == -EINVAL);
  require(sys_mprotect(p + 3 * PGSIZE, 0, PROT_READ) == 0);
  require(sys_mprotect(p + 3 * PGSIZE, ~0UL, PROT_READ) == -ENOMEM);
  require(sys_munmap(p + 4 * PGSIZE, PGSIZE) == 0);
  require(sys_mprotect(p, 8 * PGSIZE, PROT_READ) == -ENOMEM);
}

// A reservation, used piece by piece.
static void
test_reserve(void)
{
  enum { PAGES = 32768 };
  char *p = map(PAGES, PROT_NONE, MAP_PRIVATE);

  for(int i = 0; i < PAGES; i += 1024){
    require(sys_mprotect(p + (long)i * PGSIZE, PGSIZE, RW) == 0);
    p[(long)i * PGSIZE] = 1;
    require(!survives(load, p + (long)(i + 1) * PGSIZE));
  }
  require(sys_munmap(p, (long)PAGES * PGSIZE) == 0);
}

static void
test_pieces(void)
{
  char *p = map(9, RW, MAP_PRIVATE);

  for(int i = 0; i < 9; i++)
    p[i * PGSIZE] = i;
  require(sys_munmap(p + 3 * PGSIZE, 3 * PGSIZE) == 0);      // the middle
  require(sys_munmap(p, PGSIZE) == 0);                       // the beginning
  require(sys_munmap(p + 8 * PGSIZE, PGSIZE) == 0);          // the end
  static const bool there[] = { 0, 1, 1, 0, 0, 0, 1, 1, 0 };
  for(int i = 0; i < 9; i++)
    require(survives(load, p + i * PGSIZE) == there[i]);
  require(p[PGSIZE] == 1 && p[7 * PGSIZE] == 7);
  require(sys_munmap(p, 9 * PGSIZE) == 0);                   // over the holes
  require(!survives(load, p + PGSIZE));
  require(sys_munmap(p, 9 * PGSIZE) == 0);                   // nothing is fine too
  require(sys_munmap(p + 1, PGSIZE) == -EINVAL && sys_munmap(p, 0) == -EINVAL);
}

static void
test_fixed(void)
{
  char *p = map(6, RW, MAP_PRIVATE);
  long r;

  for(int i = 0; i < 6; i++)
    p[i * PGSIZE] = 1;
  r = sys_mmap(p + 2 * PGSIZE, 2 * PGSIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  require(r == (long)(p + 2 * PGSIZE));
  require(p[PGSIZE] == 1 && p[2 * PGSIZE] == 0 && p[3 * PGSIZE] == 0 && p[4 * PGSIZE] == 1);
  // A free address that is asked for is given.
  require(sys_munmap(p, 6 * PGSIZE) == 0);
  require(sys_mmap(p, PGSIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == (long)p);
  require(sys_mmap(p + 1, PGSIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == -EINVAL);
}

static void
test_errors(void)
{
  require(sys_mmap(NULL, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == -EINVAL);
  require(sys_mmap(NULL, PGSIZE, RW, MAP_ANONYMOUS, -1, 0) == -EINVAL);
  require(sys_mmap(NULL, PGSIZE, RW, MAP_PRIVATE, -1, 0) == -EBADF);
  require(sys_mmap(NULL, 1UL << 62, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == -ENOMEM);
  require(sys_mmap(NULL, ~0UL, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == -ENOMEM);
}

// Our present pages, from the second number of statm.
static long
resident(void)
{
  struct text t = { 0 };

  require(read_file("/proc/self/statm", &t));
  long pages = atoi(strchr(t.s, ' ') + 1);
  text_free(&t);
  return pages;
}

static void
test_populate(void)
{
  long before = resident();
  char *p = map(64, RW, MAP_PRIVATE | MAP_POPULATE);
  require(resident() - before >= 64);
  for(int i = 0; i < 64; i++)
    require(p[i * PGSIZE] == 0);
  p = map(64, RW, MAP_SHARED | MAP_POPULATE);
  require(survives(store, p + 63 * PGSIZE) && p[63 * PGSIZE] == 1);
}

static void
test_populate_range(void)
{
  char *p = map(64, RW, MAP_PRIVATE);
  long before = resident();

  require(sys_madvise(p, 64 * PGSIZE, MADV_POPULATE_READ) == 0);
  require(resident() - before < 64);
  require(sys_madvise(p + 8 * PGSIZE, 55 * PGSIZE + 1, MADV_POPULATE_WRITE) == 0);
  before += 56;
  require(resident() - before >= 0 && resident() - before < 8);
  require(sys_mprotect(p, PGSIZE, PROT_READ) == 0);
  require(sys_madvise(p, PGSIZE, MADV_POPULATE_WRITE) == -EINVAL);
  require(sys_madvise(p + 1, PGSIZE, MADV_POPULATE_READ) == -EINVAL);
  require(sys_munmap(p + 32 * PGSIZE, PGSIZE) == 0);
  require(sys_madvise(p + 31 * PGSIZE, 2 * PGSIZE, MADV_POPULATE_READ) == -ENOMEM);
  require(sys_madvise(p, -PGSIZE, MADV_POPULATE_READ) == -EINVAL);
}

// What Linux says to what cannot become a large page; where there is no memory for one it
// is well, too.
static void
test_collapse(void)
{
  enum { LARGE = 512 };
  char *p = map(2 * LARGE, RW, MAP_PRIVATE);      // as long as a table or more: begins with one
  int err;

  require(sys_madvise(p, LARGE * PGSIZE, MADV_COLLAPSE) == -EINVAL);
  for(int i = 0; i < LARGE; i += 5)
    p[i * PGSIZE] = 1;
  require(sys_madvise(p + PGSIZE, PGSIZE, MADV_COLLAPSE) == -EINVAL);
  require(sys_madvise(p + 1, LARGE * PGSIZE, MADV_COLLAPSE) == -EINVAL);
  require(sys_madvise(p, PGSIZE, MADV_COLLAPSE) == 0);
  err = sys_madvise(p, LARGE * PGSIZE, MADV_COLLAPSE);
  require(err == 0 || err == -ENOMEM || err == -EAGAIN);
  p[0] = 2;
  for(int i = 1; i < LARGE; i++)
    require(p[i * PGSIZE] == (i % 5 == 0));
  require(sys_munmap(p + PGSIZE, PGSIZE) == 0);
  require(p[5 * PGSIZE] == 1 && p[0] == 2);
  require(sys_madvise(p, LARGE * PGSIZE, MADV_COLLAPSE) == -EINVAL);
  require(sys_mprotect(p, 2 * LARGE * PGSIZE, PROT_READ) == -ENOMEM);
  p = map(2 * LARGE, RW, MAP_SHARED);
  p[0] = 1;
  require(sys_madvise(p, LARGE * PGSIZE, MADV_COLLAPSE) == -EINVAL);
}

static void
test_dontneed(void)
{
  char *p = map(8, RW, MAP_PRIVATE);

  for(int i = 0; i < 8; i++)
    p[i * PGSIZE] = 1;
  require(sys_madvise(p + 2 * PGSIZE, 3 * PGSIZE, MADV_DONTNEED) == 0);
  for(int i = 0; i < 8; i++)
    require(p[i * PGSIZE] == (i < 2 || i >= 5));
}

// Many areas, made and removed in different orders.
static void
test_many(void)
{
  enum { N = 500 };
  static char *areas[N];

  for(int i = 0; i < N; i++){
    areas[i] = map(1 + i % 5, i % 2 ? RW : RW | PROT_EXEC, MAP_PRIVATE);
    *(int *)areas[i] = i;
  }
  for(int k = 0; k < N; k++){
    int i = k * 77 % N;
    require(*(int *)areas[i] == i);
    require(sys_munmap(areas[i], (1 + i % 5) * PGSIZE) == 0);
  }
}

// ---- Files ----

enum { FILE_PAGES = 4, FILE_BYTES = FILE_PAGES * PGSIZE - 1000 };

static char
pattern(int at)
{
  return 'a' + (at + at / PGSIZE) % 23;
}

// A file of FILE_BYTES, open in the way that mode says.
static int
make_file(const char *name, int mode)
{
  static char bytes[FILE_BYTES];
  int fd;

  for(int i = 0; i < FILE_BYTES; i++)
    bytes[i] = pattern(i);
  require((fd = open(name, O_CREATE | O_TRUNC | O_WRONLY)) >= 0);
  require(write(fd, bytes, FILE_BYTES) == FILE_BYTES && close(fd) == 0);
  require((fd = open(name, mode)) >= 0);
  return fd;
}

static char *
map_file(int fd, int pages, int prot, int flags, int page)
{
  long r = sys_mmap(NULL, pages * PGSIZE, prot, flags, fd, page * PGSIZE);
  require(r > 0 && r % PGSIZE == 0);
  return (char *)r;
}

static char
byte_of(const char *name, int at)
{
  char c;
  int fd = open(name, O_RDONLY);

  require(fd >= 0 && sys_pread(fd, &c, 1, at) == 1);
  close(fd);
  return c;
}

// What the file has, and zeroes behind its end.
static void
check_pattern(const char *p, int page, int pages)
{
  for(int i = 0; i < pages * PGSIZE; i++){
    int at = page * PGSIZE + i;
    require(p[i] == (at < FILE_BYTES ? pattern(at) : 0));
  }
}

// Descriptors may be closed and names removed: the mapping has the file.
static void
test_file_private(void)
{
  int fd = make_file("mmap.f", O_RDONLY);
  char *p = map_file(fd, FILE_PAGES, RW, MAP_PRIVATE, 0);
  char *second = map_file(fd, 1, PROT_READ, MAP_PRIVATE, 1);

  require(close(fd) == 0);
  check_pattern(p, 0, FILE_PAGES);
  check_pattern(second, 1, 1);
  p[PGSIZE] = 'Z';
  require(second[0] == pattern(PGSIZE) && byte_of("mmap.f", PGSIZE) == pattern(PGSIZE));
  require(unlink("mmap.f") == 0 && p[PGSIZE] == 'Z' && p[2 * PGSIZE] == pattern(2 * PGSIZE));
  require(!survives(store, second));
  require(sys_munmap(p, FILE_PAGES * PGSIZE) == 0 && !survives(load, p));
  check_pattern(second, 1, 1);
  require(sys_munmap(second, PGSIZE) == 0);
}

// Stores are in the file at once, for read() and for others who map it, and stay
// there; behind its end they are nowhere.
static void
test_file_shared(void)
{
  int fd = make_file("mmap.f", O_RDWR);
  char *p = map_file(fd, FILE_PAGES, RW, MAP_SHARED, 0);
  char *q = map_file(fd, 2, PROT_READ, MAP_SHARED, 2);

  require(close(fd) == 0);
  p[0] = '0';
  p[2 * PGSIZE + 5] = '2';
  p[FILE_BYTES] = 'E';
  require(byte_of("mmap.f", 0) == '0' && q[5] == '2');
  require(sys_munmap(p, PGSIZE) == 0 && !survives(load, p));
  p[3 * PGSIZE] = '3';
  require(sys_munmap(p + 3 * PGSIZE, PGSIZE) == 0 && p[PGSIZE] == pattern(PGSIZE));
  require(sys_munmap(p + PGSIZE, 2 * PGSIZE) == 0 && sys_munmap(q, 2 * PGSIZE) == 0);
  require(byte_of("mmap.f", 0) == '0' && byte_of("mmap.f", 1) == pattern(1));
  require(byte_of("mmap.f", 2 * PGSIZE + 5) == '2' && byte_of("mmap.f", 3 * PGSIZE) == '3');
  struct stat st;
  require(stat("mmap.f", &st) == 0 && st.size == FILE_BYTES);
  require(unlink("mmap.f") == 0);
}

// How a file is open bounds what its mappings may do.
static void
test_file_modes(void)
{
  int ro = make_file("mmap.f", O_RDONLY), wo = open("mmap.f", O_WRONLY);
  char *p = map_file(ro, 1, PROT_READ, MAP_SHARED, 0);

  require(sys_mmap(NULL, PGSIZE, RW, MAP_SHARED, ro, 0) == -EACCES);
  require(sys_mmap(NULL, PGSIZE, PROT_READ, MAP_SHARED, wo, 0) == -EACCES);
  require(sys_mmap(NULL, PGSIZE, PROT_READ, MAP_PRIVATE, 99, 0) == -EBADF);
  require(sys_mmap(NULL, PGSIZE, PROT_READ, MAP_PRIVATE, ro, 1) == -EINVAL);
  require(!survives(store, p) && sys_mprotect(p, PGSIZE, RW) == -EACCES);
  require(sys_munmap(p, PGSIZE) == 0);
  p = map_file(ro, 1, PROT_READ, MAP_PRIVATE, 0);
  require(sys_mprotect(p, PGSIZE, RW) == 0 && survives(store, p));
  require(sys_munmap(p, PGSIZE) == 0 && close(ro) == 0 && close(wo) == 0 && unlink("mmap.f") == 0);
}

// A child has the mappings; it shares the shared one, and its unmapping is its own.
static void
test_file_fork(void)
{
  int fd = make_file("mmap.f", O_RDWR), status, pid;
  char *shared = map_file(fd, FILE_PAGES, RW, MAP_SHARED, 0);
  char *private = map_file(fd, FILE_PAGES, RW, MAP_PRIVATE, 0);

  require(close(fd) == 0);
  private[0] = 'P';
  require((pid = fork()) >= 0);
  if(pid == 0){
    require(private[0] == 'P');
    check_pattern(shared, 0, FILE_PAGES);
    shared[PGSIZE] = 'C';
    private[1] = 'C';
    require(sys_munmap(shared, FILE_PAGES * PGSIZE) == 0);
    exit(0);
  }
  require(wait(&status) == pid && status == 0);
  require(shared[PGSIZE] == 'C' && private[PGSIZE] == 'C');      // that page is not copied yet
  require(private[0] == 'P' && private[1] == pattern(1) && shared[0] == pattern(0));
  require(sys_munmap(shared, FILE_PAGES * PGSIZE) == 0);
  require(sys_munmap(private, FILE_PAGES * PGSIZE) == 0);
  require(byte_of("mmap.f", PGSIZE) == 'C' && unlink("mmap.f") == 0);
}

// A read stores to no page that there is nothing for: what is not stored to is the file's
// still, whatever happens to that.
static void
test_short_reads(void)
{
  int fd = make_file("mmap.f", O_RDWR), ends[2];
  char *p = map_file(fd, FILE_PAGES, RW, MAP_PRIVATE, 0);

  require(sys_pread(fd, p, 2 * PGSIZE, FILE_BYTES - 1) == 1 && p[0] == pattern(FILE_BYTES - 1));
  require(pipe(ends) == 0 && write(ends[1], "xy", 2) == 2);
  require(read(ends[0], p + PGSIZE - 1, FILE_PAGES * PGSIZE) == 2 && p[PGSIZE] == 'y');
  require(close(ends[0]) == 0 && close(ends[1]) == 0);
  require(sys_pwrite(fd, "12", 2, 2 * PGSIZE - 1) == 2);
  require(p[2 * PGSIZE - 1] == pattern(2 * PGSIZE - 1) && p[2 * PGSIZE] == '2');
  require(sys_munmap(p, FILE_PAGES * PGSIZE) == 0 && close(fd) == 0 && unlink("mmap.f") == 0);
}

// Two files side by side; a page beyond the end of one is not there, until it grows.
static void
test_file_ends(void)
{
  int one = make_file("mmap.1", O_RDWR), two = make_file("mmap.2", O_RDWR);
  char *p = map_file(one, 2 * FILE_PAGES, RW, MAP_SHARED, 0);
  char *q = map_file(two, FILE_PAGES, RW, MAP_SHARED, 0);

  require(unlink("mmap.1") == 0);
  p[0] = '1';
  q[0] = '2';
  require(p[0] == '1' && q[0] == '2');
  require(!survives(load, p + FILE_PAGES * PGSIZE));
  require(sys_ftruncate(one, (FILE_PAGES + 1) * PGSIZE) == 0);
  require(p[FILE_PAGES * PGSIZE] == 0 && !survives(store, p + (FILE_PAGES + 1) * PGSIZE));
  require(sys_ftruncate(one, PGSIZE) == 0 && p[0] == '1' && !survives(load, p + PGSIZE));
  require(close(one) == 0 && close(two) == 0);
  require(sys_munmap(p, 2 * FILE_PAGES * PGSIZE) == 0 && q[0] == '2');
  require(sys_munmap(q, FILE_PAGES * PGSIZE) == 0);
  require(byte_of("mmap.2", 0) == '2' && unlink("mmap.2") == 0);
}

int
main(void)
{
  static const struct {
    const char *name;
    void (*run)(void);
  } tests[] = {
    { "private", test_private }, { "shared", test_shared },
    { "protection", test_protection }, { "mprotect", test_mprotect },
    { "reserve", test_reserve }, { "pieces", test_pieces }, { "fixed", test_fixed },
    { "errors", test_errors }, { "populate", test_populate },
    { "populate_range", test_populate_range }, { "dontneed", test_dontneed },
    { "collapse", test_collapse }, { "many", test_many },
    { "file_private", test_file_private }, { "file_shared", test_file_shared },
    { "file_modes", test_file_modes }, { "file_fork", test_file_fork },
    { "short_reads", test_short_reads }, { "file_ends", test_file_ends },
  };

  for(size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++){
    printf("%s: ", tests[i].name);
    tests[i].run();
    printf("ok\n");
  }
  printf("ALL MMAP TESTS PASSED\n");
  return 0;
}
