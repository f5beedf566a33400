// SPDX-License-Identifier: MIT
//
// What processes had open, and the memory they shared: made once by the first of those that
// come back to life, above all descriptors they had, and then taken by each of them.

#include "user/checkpoint.h"
#include "user/restore.h"
#include "user/user.h"

// Flags that only opening knows.
enum { O_EXCL_AND_SO_ON = O_CREAT | O_EXCL | 01000 };

enum { NR_close_range = 436, NR_flock = 32, F_SETFL = 4, F_SETLK = 6, F_OFD_SETLK = 37 };

// What the kernel calls LOCK_, and F_WRLCK
enum { OF_PROCESS, OF_FILE, WHOLE_FILE, WRITES = 1 };

struct open_end {
  uint64 number;
  int fd;
};

static const struct checkpoint *newest;
static int high;                 // ours are above this
static int standard[3] = { -1, -1, -1 };
static struct open_end *files, *pipes;   // a pipe has two, the first is where it is read
static size_t nfiles, npipe;
static struct ck_shared *shared;
static uint nshared;

void
complain_as_before(void)
{
  sys_dup3(standard[2], 2, 0);
}

static void __attribute__((noreturn))
give_up(const char *what, long error)
{
  complain_as_before();
  warn_error(what, error);
  sys_exit(126);
}

void
must(const char *what, long error)
{
  if(error < 0)
    give_up(what, error);
}

static void *
grown(void *p, size_t n, size_t size)
{
  p = must_resize(p, (n + 1) * size);
  memset((char *)p + n * size, 0, size);
  return p;
}

// ---- What they will need ----

// Out of the way of all that they had.
int
move_up(long fd)
{
  must("descriptors", fd);
  long to = sys_fcntl(fd, F_DUPFD_CLOEXEC, high + 1);
  must("descriptors", to);
  sys_close(fd);
  return to;
}

void
pipe_up(int *fd)
{
  must("a pipe", sys_pipe(fd, 0));
  for(int i = 0; i < 2; i++)
    fd[i] = move_up(fd[i]);
}

void
keep_clear(const struct checkpoint *c)
{
  const struct ck_file *f = NULL;
  struct rlimit limit;

  newest = c;
  for(high = 2; (f = record_next(newest, f, CK_FILE)) != NULL;)
    high = (int)f->fd > high ? (int)f->fd : high;
  sys_rlimit(RLIMIT_NOFILE, NULL, &limit);
  limit.soft = limit.hard;
  sys_rlimit(RLIMIT_NOFILE, &limit, NULL);
  for(int fd = 0; fd < 3; fd++)
    standard[fd] = sys_fcntl(fd, F_DUPFD_CLOEXEC, high + 1);
}

int
ours(void)
{
  return high + 1;
}

static struct open_end *
find_open(struct open_end *list, size_t n, uint64 number)
{
  for(size_t i = 0; i < n; i++)
    if(list[i].number == number)
      return &list[i];
  return NULL;
}

// Both ends of a pipe, the first one of two entries.
static struct open_end *
pipe_of(uint64 number)
{
  struct open_end *e = find_open(pipes, npipe, number);
  int fd[2];

  if(e)
    return e;
  pipe_up(fd);
  for(int i = 0; i < 2; i++){
    pipes = grown(pipes, npipe, sizeof *pipes);
    pipes[npipe++] = (struct open_end){ number, fd[i] };
  }
  return &pipes[npipe - 2];
}

static long
open_again(const struct ck_file *f)
{
  if(f->kind == CK_TERMINAL)
    return sys_dup(standard[f->fd < 3 ? f->fd : 0]);
  if(f->kind == CK_END_OF_PIPE){
    const struct open_end *e = pipe_of(f->pos);
    int fd = e[(f->open & O_ACCMODE) != 0].fd;
    sys_fcntl(fd, F_SETFL, f->open & O_NONBLOCK);
    return sys_dup(fd);
  }
  const char *path = f->kind == CK_NULL ? "/dev/null" : f->path;
  long fd = sys_open(path, (f->open & ~O_EXCL_AND_SO_ON) | O_CLOEXEC, 0);
  must(path, fd);
  if(f->kind != CK_NULL)
    sys_lseek(fd, f->pos, SEEK_SET);
  return fd;
}

static void
open_files(void)
{
  const struct ck_file *f = NULL;
  const struct ck_pipe *p = NULL;

  while((f = record_next(newest, f, CK_FILE)) != NULL){
    if(find_open(files, nfiles, f->number))
      continue;
    files = grown(files, nfiles, sizeof *files);
    files[nfiles].fd = move_up(open_again(f));
    files[nfiles++].number = f->number;
  }
  while((p = record_next(newest, p, CK_PIPE)) != NULL)
    must("a pipe", write_all(pipe_of(p->number)[1].fd, p->data, p->bytes));
}

long
share(size_t bytes)
{
  return sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

// As far as anybody sees it.
static size_t
shared_size(uint64 number)
{
  const struct ck_area *a = NULL;
  size_t size = 0;

  while((a = record_next(newest, a, CK_AREA)) != NULL)
    if(a->shared == number && a->offset + (a->end - a->start) > size)
      size = a->offset + (a->end - a->start);
  return size;
}

static void
share_all(void)
{
  const struct ck_area *a = NULL;

  while((a = record_next(newest, a, CK_AREA)) != NULL){
    size_t i = 0;
    while(a->shared && i < nshared && shared[i].number != a->shared)
      i++;
    if(!a->shared || i < nshared)
      continue;
    shared = grown(shared, nshared, sizeof *shared);
    long at = share(shared_size(a->shared));
    must("memory", at);
    shared[nshared++] = (struct ck_shared){ a->shared, (uint64)at };
  }
}

struct ck_shared *
shared_memory(uint *n)
{
  *n = nshared;
  return shared;
}

void
open_all(void)
{
  open_files();
  share_all();
}

// ---- Taking them ----

static void
lock_file(const struct ck_lock *l)
{
  struct { short type, whence; long start, len; int pid; } range = {
    .type = (short)l->type, .start = (long)l->first,
    .len = l->last == ~0UL >> 1 ? 0 : (long)(l->last - l->first) + 1,
  };
  enum { SHARED = 1, EXCLUSIVE = 2, NO_WAITING = 4 };
  long error = l->kind == WHOLE_FILE ?
      syscall2(NR_flock, l->fd, (l->type == WRITES ? EXCLUSIVE : SHARED) | NO_WAITING) :
      sys_fcntl(l->fd, l->kind == OF_FILE ? F_OFD_SETLK : F_SETLK, (long)&range);

  must("a lock on a file", error);
}

// Locks come last: to close any descriptor of a file gives them up.
void
take_files(const struct ck_process *p)
{
  const struct ck_file *f = NULL;
  const struct ck_lock *l = NULL;

  must(p->path, sys_chdir(p->path));
  sys_umask(p->umask);
  syscall3(NR_close_range, 0, high, 0);
  while((f = record_in(newest, p, f, CK_FILE)) != NULL)
    must("descriptors", sys_dup3(find_open(files, nfiles, f->number)->fd, f->fd,
                                 f->cloexec ? O_CLOEXEC : 0));
  for(size_t i = 0; i < nfiles; i++)
    sys_close(files[i].fd);
  for(size_t i = 0; i < npipe; i++)
    sys_close(pipes[i].fd);
  while((l = record_in(newest, p, l, CK_LOCK)) != NULL)
    lock_file(l);
}
